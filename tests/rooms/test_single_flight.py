"""One answer for all who ask at the same time, and another one for whoever asks afterwards."""

from __future__ import annotations

import asyncio

import pytest

from collab.rooms.single_flight import SingleFlight


async def test_who_asks_at_the_same_time_gets_the_same_answer() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    count = 0
    go = asyncio.Event()

    async def work() -> int:
        nonlocal count
        count += 1
        await go.wait()
        return count

    asking = [asyncio.create_task(flight.run("a", work)) for _ in range(10)]
    other = asyncio.create_task(flight.run("b", work))
    await asyncio.sleep(0)
    asking[0].cancel()  # whoever began it goes: the others still get their answer
    await asyncio.sleep(0)
    go.set()
    assert set(await asyncio.gather(*asking[1:])) == {2}
    assert await other == 2 and count == 2
    assert await flight.run("a", work) == 3
    assert not flight.tasks


async def test_a_failure_is_everybody_s_and_the_next_one_tries_again() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    count = 0

    async def work() -> int:
        nonlocal count
        count += 1
        await asyncio.sleep(0)
        if count == 1:
            raise LookupError("nowhere")
        return count

    answers = await asyncio.gather(
        *(flight.run("a", work) for _ in range(10)), return_exceptions=True
    )
    assert {type(one) for one in answers} == {LookupError} and count == 1
    assert await flight.run("a", work) == 2


async def test_nobody_has_to_wait_for_a_failure() -> None:
    """Nothing is told of an exception that nobody took."""
    flight: SingleFlight[str, int] = SingleFlight()

    async def work() -> int:
        await asyncio.sleep(0)
        raise LookupError("nowhere")

    asking = asyncio.create_task(flight.run("a", work))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    while flight.tasks:
        await asyncio.sleep(0)
