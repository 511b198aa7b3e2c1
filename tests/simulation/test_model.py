"""The machines under every unlucky interleaving: a small server, in virtual time.

A failure prints its seed; ``COLLAB_SEEDS=17`` runs seed 17 alone, ``COLLAB_SEEDS=0:500`` a range.
"""

from __future__ import annotations

import pytest

from tests.simulation.seeds import seeds
from tests.simulation.world import MUTANTS, World


def _live(seed: int, mutant: str = "") -> World:
    try:
        return World(seed, mutant).run()
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise


@pytest.mark.parametrize("block", range(3))
def test_every_seed_converges_and_no_promise_is_broken(block: int) -> None:
    for seed in seeds(300)[block::3]:
        _live(seed)


@pytest.mark.campaign
@pytest.mark.timeout(0)
def test_ten_thousand_seeds() -> None:
    for seed in seeds(10_000):
        _live(seed)


def test_a_seed_replays_byte_for_byte() -> None:
    for seed in range(5):
        first, second = _live(seed), _live(seed)
        assert first.trace == second.trace
        assert first.log.entries == second.log.entries


def test_the_troubles_do_happen() -> None:
    """A simulation in which nothing goes wrong would pass as well."""
    happened = {
        " ".join(line.split()[1:3]) for seed in range(40) for line in _live(seed).trace
    }
    assert {"cut", "crash server", "start server"} <= happened
    assert any(line.startswith("crash ") and line != "crash server" for line in happened)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_negative_control(mutant: str) -> None:
    """A rule that is broken on purpose is noticed within 500 seeds."""
    for seed in range(500):
        try:
            _live(seed, mutant)
        except Exception:
            return
    pytest.fail(f"{mutant} went unnoticed for 500 seeds")
