"""What plugins cost: all bundled ones against none, and misbehaving ones as others feel them."""

from __future__ import annotations

import statistics
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load import Row, latency, run, throughput
from benchmarks.processes import collab
from collab.plugins.specs import HOOKS

NONE = "none"

BEHAVIOUR = {
    "raises in every hook": "raise RuntimeError('no')",
    "never returns": "await asyncio.Event().wait()",
    "floods messages": "while True: await self.broadcast(document, 'x' * 1000)",
    "leaks tasks": "while True: self.spawn(asyncio.sleep(3600))",
    "blocks the loop for 2 s": "time.sleep(2)",
}
"""What a misbehaving plugin does; all but the last are to be felt by nobody."""

TOLD = [name for name, hook in HOOKS.items() if hook.kind == "told"]
"""Blocking or flooding once for each edit is enough; the others do it in every hook."""


def _source(behaviour: str) -> str:
    hooks = HOOKS if behaviour in ("raises in every hook", "never returns") else TOLD
    lines = ["import asyncio", "import time", "", "from collab import Plugin, hookimpl", "", ""]
    lines.append("class Bad(Plugin):")
    for name in hooks:
        hook = HOOKS[name]
        if hook.kind == "collected" or hook.closed:
            continue  # what refuses when it fails is meant to be felt
        arguments = "".join(f", {one}" for one in hook.arguments)
        lines.append("    @hookimpl")
        lines.append(f"    async def {name}(self{arguments}):")
        lines.append(textwrap.indent(BEHAVIOUR[behaviour], " " * 8))
    return "\n".join(lines) + "\n"


@contextmanager
def _arguments() -> Iterator[Mapping[str, tuple[str, ...]]]:
    """The command line of each server that is compared."""
    with tempfile.TemporaryDirectory(prefix="collab-benchmark-plugins-") as folder:
        servers = {NONE: ("--safe-mode",), "all bundled": ()}
        for number, behaviour in enumerate(BEHAVIOUR):
            plugin = Path(folder) / f"bad{number}"
            plugin.mkdir()
            (plugin / "__init__.py").write_text(_source(behaviour), encoding="utf-8")
            servers[behaviour] = ("--plugins-dir", folder, "--only", plugin.name)
        yield servers


def measure(
    seconds: float = 6.0, long: float = 20.0, rounds: int = 3, clients: int = 10
) -> list[Row]:
    """Edits per second and p99 with each set of plugins, and their ratios to a server with none.

    Edits are counted for ``seconds``, latency is measured for ``long`` (seconds, too): who waits
    once for a plugin until it is cut off should not be one edit in a hundred. Every round takes
    each server in turn, beginning with another one, so that they share the machine's moods; the
    figures are medians of the rounds. ``ratio`` is of edits per second (1 is as fast as without),
    ``p99 ratio`` of the 99th percentile from typing to seeing (1 is as quick as without).
    """
    found: dict[str, list[Row]] = {}
    with _arguments() as servers:
        names = list(servers)
        for number in range(rounds):
            first = number * len(names) // rounds
            for name in names[first:] + names[:first]:
                arguments = servers[name]
                # A server each, so that both see what it does before it is left alone.
                with collab(*arguments, COLLAB_LOG_LEVEL="error") as server:
                    row = run(throughput(server, 1, clients, seconds))
                with collab(*arguments, COLLAB_LOG_LEVEL="error") as server:
                    row |= run(latency(server, clients, 8.0, long))
                found.setdefault(name, []).append(row)
    medians = {
        name: {
            key: statistics.median(row[key] for row in rows)
            for key in ("edits/s", "seen p50 ms", "seen p99 ms")
        }
        for name, rows in found.items()
    }
    without = medians[NONE]
    return [
        {
            "plugins": name,
            **row,
            "ratio": round(row["edits/s"] / without["edits/s"], 3),
            "p99 ratio": round(row["seen p99 ms"] / without["seen p99 ms"], 2),
        }
        for name, row in medians.items()
    ]


if __name__ == "__main__":
    for row in measure():
        print(row)
