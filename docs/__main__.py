"""``python -m docs``: print into the pages what is generated from the code.

A page has the marks ``<!-- name: … -->`` and ``<!-- end -->`` around such a part;
``tests/test_docs.py`` holds that it is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from collab.protocol.errors import CODES

ROOT = Path(__file__).parents[1]


def errors() -> str:
    """The table of error codes."""
    rows = ["| code | says | HTTP | closes | retry |", "|---|---|---|---|---|"]
    for code, entry in sorted(CODES.items()):
        retry = "yes" if entry.retry else ""
        rows.append(
            f"| `{code}` | {entry.sentence} | {entry.status} | {entry.close or ''} | {retry} |"
        )
    return "\n".join(rows)


def nginx() -> str:
    """The snippet that ``tests/web/test_nginx.py`` runs a real nginx with."""
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8").strip()
    return f"```nginx\n{text}\n```"


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "errors": ("docs/protocol.md", errors),
    "nginx": ("README.md", nginx),
}


def written(page: str, name: str, part: str) -> str:
    """``page`` with its part ``name`` replaced."""
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)"
    replaced, count = re.subn(
        pattern, lambda match: f"{match[1]}{part}\n{match[2]}", page, flags=re.DOTALL
    )
    assert count == 1, f"the part {name} is marked {count} times"
    return replaced


def main() -> None:
    for name, (file, part) in PARTS.items():
        path = ROOT / file
        path.write_text(written(path.read_text(encoding="utf-8"), name, part()), encoding="utf-8")


if __name__ == "__main__":
    main()
