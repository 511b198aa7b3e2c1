"""The chart: throughput beside its ceiling, as bars in an SVG."""

from __future__ import annotations

from html import escape
from typing import Any

WIDTH, BAR, GAP, LEFT = 760, 18, 10, 200


def draw(results: dict[str, Any]) -> str:
    """One group of bars for each section of ``results`` that has rates."""
    bars: list[tuple[str, str, float]] = []
    for row in results.get("throughput", []):
        label = f"{row['server']}, {row['load']}"
        bars.append(("throughput", label, float(row["edits/s"])))
    for row in results.get("algebra", []):
        rate = next((value for key, value in row.items() if key.endswith("/s")), None)
        if isinstance(rate, int | float):
            bars.append(("algebra", str(next(iter(row.values()))), float(rate)))
    parts = []
    y = GAP
    for section, unit in (("throughput", "edits/s"), ("algebra", "operations/s")):
        group = [bar for bar in bars if bar[0] == section]
        if not group:
            continue
        parts.append(f'<text x="8" y="{y + 14}" font-weight="bold">{section}, {unit}</text>')
        y += BAR + GAP
        longest = max(value for _, _, value in group) or 1.0
        for _, label, value in group:
            size = (WIDTH - LEFT - 110) * value / longest
            fill = "#9aa5b1" if label.startswith("relay") else "#2f6fde"
            parts.append(
                f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>'
                f'<rect x="{LEFT}" y="{y}" width="{size:.1f}" height="{BAR}" fill="{fill}"/>'
                f'<text x="{LEFT + size + 6:.1f}" y="{y + 14}">{value:,.0f}</text>'
            )
            y += BAR + GAP // 2
        y += GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}"'
        ' font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>'
        + "".join(parts)
        + "</svg>\n"
    )
