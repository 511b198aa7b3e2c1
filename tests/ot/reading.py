"""Reading the vectors, and comparing as JSON does."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent / "vectors"


def vectors(name: str) -> Iterator[dict[str, Any]]:
    """Yield the vectors of a file."""
    with gzip.open(VECTORS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def spelled(value: object) -> str:
    """Return JSON that is equal exactly when two values are identical: True is not 1, 1 is 1.0."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{spelled(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelled, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def same(a: object, b: object) -> bool:
    """Say whether two values are identical in JSON."""
    return spelled(a) == spelled(b)
