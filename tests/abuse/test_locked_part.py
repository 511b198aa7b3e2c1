"""A part of a document that a plugin locks stays what it is, whatever anybody does, also while the
plugin fails. ``COLLAB_SEEDS=17`` runs seed 17 alone."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pytest

from tests.abuse.locked import siege
from tests.simulation.seeds import seeds

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def quiet() -> object:
    """What fails by the thousand is not kept by the thousand."""
    loggers = [logging.getLogger(name) for name in ("collab", "asyncio")]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    yield
    for one in loggers:
        one.setLevel(logging.NOTSET)


async def _holds(folder: Path, seed: int, count: int) -> Counter[str]:
    """What became of the operations, all in all."""
    async with siege(folder, seed, rich=bool(seed % 2)) as attacked:
        await attacked.run(count)
        assert attacked.whole, f"seed {seed}, after {attacked.made} operations"
        told = sum((one.told for one in attacked.attackers), Counter[str]())
        told["taken in order"] = attacked.room.ordering.revision
        told["waits"] = sum(one.waits for one in attacked.attackers)
        # However long the plugin failed: when it works, all goes on.
        attacked.recover()
        before = attacked.room.ordering.revision
        await attacked.run(count + 500, failing=False)
        assert attacked.whole and attacked.room.ordering.revision > before
        return told + attacked.outcomes


@pytest.mark.parametrize("seed", seeds(2))
async def test_a_locked_part_holds_while_its_plugin_fails(tmp_path: Path, seed: int) -> None:
    told = await _holds(tmp_path, seed, 5_000)
    # The attack is one: much was taken, much refused, much had to wait.
    assert told["taken in order"] > 300, told
    assert told["vetoed"] > 300 and told["waits"] > 300, told
    assert told["policy_unavailable"] > 300 and told["bad_operation"] > 50, told


@pytest.mark.campaign
@pytest.mark.timeout(0)
async def test_a_million_hostile_operations_change_nothing_of_a_locked_part(
    tmp_path: Path,
) -> None:
    total: Counter[str] = Counter()
    for seed in seeds(50):
        total += await _holds(tmp_path / str(seed), seed, 20_000)
    print(dict(total))


async def test_without_fail_closed_it_is_lost_at_once(tmp_path: Path) -> None:
    async with siege(tmp_path, 0, rich=False, fail_closed=False) as attacked:
        await attacked.run(5_000)
        assert not attacked.whole
