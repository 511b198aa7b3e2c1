"""How long expensive requests keep the edits of others waiting, and what memory they take."""

from __future__ import annotations

import asyncio
import time
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.floods import floods
from benchmarks.hostile import Prepared, attacks, made
from benchmarks.load import Row, run
from benchmarks.processes import Server, collab
from benchmarks.wire import Typist

PAUSE = 0.002
"""Seconds between an acknowledgement and the next edit of whoever is kept waiting."""

CALM = 1.0
"""Seconds for which the server is measured without an attack, and after it."""


class Victim:
    """Somebody who types in a small document of their own, and measures each edit."""

    def __init__(self, server: Server) -> None:
        path = made(server, "0123456789" * 100)
        self.times: list[float] = []
        self._typist = Typist(f"{server.url}{path}/socket".replace("http", "ws", 1), 1000, 1)
        self._sent = 0.0
        self._answered = asyncio.Event()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        await self._typist.join()

        def type() -> None:
            if not self._typist.running:
                return
            self._sent = time.perf_counter()
            self._typist.type()

        def acknowledged() -> None:
            self.times.append(time.perf_counter() - self._sent)
            self._answered.set()
            if self._typist.running:
                loop.call_later(PAUSE, type)

        self._typist.running = True
        self._typist.think = acknowledged
        type()

    async def longest(self) -> float:
        """The longest wait since it was asked last, one that lasts still among them; seconds."""
        self._answered.clear()
        await self._answered.wait()
        times, self.times = self.times, []
        return max(times)

    def stop(self) -> None:
        self._typist.running = False
        self._typist.wire.close()


def _reset_peak(server: Server) -> None:
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")


def _peak(server: Server) -> int:
    """The most resident memory since `_reset_peak`, in bytes."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("The system does not say how much memory a process has used.")


async def _measure(server: Server, name: str, prepare: Prepared) -> Row:
    attack = await asyncio.to_thread(prepare, server)
    victim = Victim(server)
    await victim.start()
    await asyncio.sleep(CALM)
    calm = await victim.longest()
    before, logged = server.memory(), _logged(server)
    _reset_peak(server)
    began = time.perf_counter()
    answer = await asyncio.to_thread(attack)
    took = time.perf_counter() - began
    await asyncio.sleep(CALM)
    stalled = await victim.longest()
    victim.stop()
    return {
        "attack": name,
        "answer": _status(answer),
        "took s": round(took, 2),
        "calm ms": round(calm * 1000, 1),
        "stall ms": round(stalled * 1000, 1),
        "peak MiB": round((_peak(server) - before) / 2**20, 1),
        "log KiB": round((_logged(server) - logged) / 1024, 1),
    }


def _logged(server: Server) -> int:
    """Bytes of the log so far."""
    return 0 if server.log is None else server.log.stat().st_size


def _status(answer: Any) -> str:
    """The status codes among answers, each once."""
    answers = answer if isinstance(answer, list) else [answer]
    return ", ".join(sorted({str(one[0]) for one in answers}))


def measure(rounds: int = 3, only: str = "") -> list[Row]:
    """Each attack on a server of its own. Of the rounds, the smallest figures: what else runs on
    the machine only adds to them."""
    rows = []
    for name, prepare in chain(attacks(), floods()):
        if only not in name:
            continue
        found: list[Row] = []
        for _ in range(rounds):
            # What a server allows a connection by itself: other benchmarks lift it.
            with collab(
                keep_log=True, COLLAB_LIMITS__RATE="5000", COLLAB_LIMITS__BURST="10000"
            ) as server:
                found.append(run(_measure(server, name, prepare)))
        rows.append(
            {
                key: found[0][key] if isinstance(found[0][key], str)
                else min(row[key] for row in found)
                for key in found[0]
            }
        )
    return rows


if __name__ == "__main__":
    import sys

    for row in measure(1, sys.argv[1] if len(sys.argv) > 1 else ""):
        print(row, flush=True)
