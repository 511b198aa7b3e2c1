"""``python -m benchmarks``: measure everything on this machine; print, keep, draw.

``--quick`` takes seconds instead of minutes and is good for nothing but a look.
"""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import algebra, load, plugins, stalls, vetting
from benchmarks.chart import draw

RESULTS = Path(__file__).parent / "results"


def table(title: str, rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [f"### {title}", "", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        cells = (row.get(column, "") for column in columns)
        shown = (f"{cell:,}" if isinstance(cell, int | float) else str(cell) for cell in cells)
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    parser.add_argument(
        "only", nargs="*",
        help="algebra, throughput, latency, keystroke, opening, checking, memory, vetting, plugins,"
        " stalls",
    )
    arguments = parser.parse_args()
    quick = arguments.quick
    sections = {
        "algebra": ("The algebra", algebra.measure),
        "throughput": (
            "Edits a second, everybody typing as fast as acknowledgements come",
            lambda: load.measure_throughput(2.0 if quick else 6.0, 1 if quick else 3),
        ),
        "latency": (
            "Latency at a human pace",
            lambda: load.measure_latency(3.0 if quick else 15.0, 1 if quick else 3),
        ),
        "keystroke": (
            "The cost of a keystroke and the size of the document",
            lambda: load.measure_keystroke(100 if quick else 1000),
        ),
        "opening": ("Opening a document", lambda: load.measure_opening(100_000)),
        "checking": (
            "Verifying a document's history", lambda: load.measure_checking(100_000)
        ),
        "memory": ("Memory", lambda: load.measure_memory(200 if quick else 1000, 100)),
        "vetting": (
            "What it costs that plugins are asked about an edit",
            lambda: vetting.measure(1000, 3) if quick else vetting.measure(),
        ),
        "plugins": (
            "What plugins cost, against none",
            lambda: plugins.measure(2.0, 4.0, 1) if quick else plugins.measure(),
        ),
        "stalls": (
            "How long expensive requests keep the edits of others waiting",
            lambda: stalls.measure(1 if quick else 3),
        ),
    }
    unknown = set(arguments.only) - set(sections)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}: take {', '.join(sections)}")
    machine = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    print(f"# Benchmarks ({machine}, {time.strftime('%Y-%m-%d')})\n")
    results: dict[str, Any] = {"machine": machine, "time": time.time(), "quick": quick}
    for name, (title, measure) in sections.items():
        if arguments.only and name not in arguments.only:
            continue
        results[name] = measure()
        print(table(title, results[name]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    (RESULTS / f"{stamp}.json").write_text(json.dumps(results, indent=1))
    (RESULTS / f"{stamp}.svg").write_text(draw(results))
    print(f"kept in {RESULTS / stamp}.json and .svg", file=sys.stderr)


if __name__ == "__main__":
    main()
