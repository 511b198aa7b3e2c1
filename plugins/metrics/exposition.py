"""The text format of Prometheus, version 0.0.4."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]
"""What is appended to the family's name, labels, value."""


class Histogram:
    """How often values fell below each bound, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.sum = 0.0
        self._counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        return sum(self._counts)

    def samples(self, **labels: str) -> list[Sample]:
        bounds = [*(number(bound) for bound in self.bounds), "+Inf"]
        buckets: list[Sample] = [
            ("_bucket", {**labels, "le": bound}, count)
            for bound, count in zip(bounds, accumulate(self._counts), strict=True)
        ]
        return [*buckets, ("_sum", labels, self.sum), ("_count", labels, self.count)]


class Exposition:
    """A page of metrics, built family by family."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def gauge(self, name: str, help: str, value: float | Iterable[Sample]) -> None:
        """What goes up and down."""
        self._family(name, "gauge", help, value)

    def counter(self, name: str, help: str, value: float | Iterable[Sample]) -> None:
        """What only grows, until the server is started again. Its name ends in ``_total``."""
        self._family(name, "counter", help, value)

    def histogram(self, name: str, help: str, value: Histogram) -> None:
        self._family(name, "histogram", help, value.samples())

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def _family(self, name: str, kind: str, help: str, value: float | Iterable[Sample]) -> None:
        samples = [("", {}, value)] if isinstance(value, int | float) else list(value)
        if not samples:
            return
        self._lines += [f"# HELP {name} {_escape(help)}", f"# TYPE {name} {kind}"]
        for suffix, labels, one in samples:
            self._lines.append(f"{name}{suffix}{_labels(labels)} {number(one)}")


def number(value: float) -> str:
    """As Prometheus reads it; whole numbers without a point."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) else repr(float(value))


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{key}="{_quote(value)}"' for key, value in labels.items())
    return f"{{{inside}}}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quote(text: str) -> str:
    return _escape(text).replace('"', '\\"')
