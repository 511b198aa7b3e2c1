"""Time that jumps."""

from __future__ import annotations

import asyncio
import time

import pytest

from collab.testing import clock


def test_a_day_passes_at_once_and_in_order() -> None:
    async def day() -> list[tuple[float, str]]:
        happened: list[tuple[float, str]] = []

        async def note(hours: float, what: str) -> None:
            await asyncio.sleep(hours * 3600)
            happened.append((asyncio.get_running_loop().time(), what))

        await asyncio.gather(note(24, "night"), note(6, "morning"), note(12, "noon"))
        return happened

    started = time.monotonic()
    happened = clock.run(day())
    assert [what for _, what in happened] == ["morning", "noon", "night"]
    assert [time for time, _ in happened] == pytest.approx([6 * 3600, 12 * 3600, 24 * 3600])
    assert time.monotonic() - started < 5


def test_timeouts_are_virtual_too() -> None:
    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1e6):
                await asyncio.Event().wait()

    clock.run(impatient())


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    with pytest.raises(clock.DeadlockError):
        clock.run(stuck())
