"""The product's own rooms, journal, conversation and replica under every unlucky interleaving.

A failure prints its seed; ``COLLAB_SEEDS=17`` runs seed 17 alone, ``COLLAB_SEEDS=0:500`` a range.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import pytest

from collab.plugins.standing import Standing
from collab.protocol.errors import HISTORY_CHANGED, PERMISSIONS_CHANGED, CollabError
from collab.rooms import Journal, Room
from collab.web.socket import _Conversation
from tests.crash.reckless import tell_first, tell_nothing
from tests.simulation.house import House, simulate
from tests.simulation.seeds import seeds


def _live(seed: int, *, older: bool = False) -> House:
    try:
        return simulate(seed, older=older)
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise


@pytest.mark.parametrize("block", range(3))
def test_every_seed_converges_and_no_promise_is_broken(block: int) -> None:
    for seed in seeds(300)[block::3]:
        _live(seed)


def test_an_older_database_is_told_apart_by_everybody() -> None:
    """Nobody says Saved over a text that the server lacks, and nothing that was typed is lost."""
    told = sum("history_changed" in line for seed in seeds(150)
               for line in _live(seed, older=True).trace)
    assert told > 50


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize("older", [False, True])
def test_ten_thousand_seeds(older: bool) -> None:
    for seed in seeds(10_000):
        _live(seed, older=older)


def test_a_seed_replays_byte_for_byte() -> None:
    for seed in range(5):
        first, second = _live(seed), _live(seed)
        assert first.trace == second.trace
        assert first.logged() == second.logged()


def test_the_troubles_do_happen() -> None:
    """A simulation in which nothing goes wrong would pass as well."""
    happened = {word for seed in range(40) for line in _live(seed).trace for word in line.split()}
    assert {"kill", "stop", "start", "edits", "Joined", "Saved", "Ended"} <= happened
    assert {"permit", "rescued"} <= happened


async def _never_sent_before(room: Any, client: str, since: int) -> None:
    room._ordering.remember(client, 0, 0)


async def _let_go_at_leisure(standing: Any, document: Any, session: Any) -> bool:
    allowed = await standing._allowed(document, session)
    if allowed != session.permissions:
        session.end(PERMISSIONS_CHANGED, retry_after=0.1)
    return bool(allowed != session.permissions)


async def _compare_numbers_only(conversation: Any, revision: int, hash: str | None) -> None:
    if revision > conversation._room.revision:
        raise CollabError(HISTORY_CHANGED)


MUTANTS: dict[str, AbstractContextManager[object]] = {
    "tell before commit": mock.patch.multiple(Journal, _take=tell_first, _publish=tell_nothing),
    "say goodbye, and let them write": mock.patch.object(
        Standing, "_changed", _let_go_at_leisure
    ),
    "believe a revision's number": mock.patch.object(
        _Conversation, "_check_history", _compare_numbers_only
    ),
    "forget who sent what": mock.patch.object(Room, "resume", _never_sent_before),
}


WITH_AN_OLDER_DATABASE = {"believe a revision's number"}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_negative_control(mutant: str) -> None:
    """A rule that is broken on purpose is noticed within 500 seeds."""
    with MUTANTS[mutant]:
        for seed in range(500):
            try:
                _live(seed, older=mutant in WITH_AN_OLDER_DATABASE)
            except BaseException:
                return
    pytest.fail(f"{mutant} went unnoticed for 500 seeds")
