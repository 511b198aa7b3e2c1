"""When a client comes back."""

from __future__ import annotations

from collab.client.backoff import Backoff


def test_intervals_double_up_to_the_longest() -> None:
    backoff = Backoff(first=1.0, longest=5.0, chance=lambda: 1.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_jitter_is_full() -> None:
    assert Backoff(first=1.0, chance=lambda: 0.0).next() == 0.0


def test_never_earlier_than_the_server_wishes() -> None:
    backoff = Backoff(first=1.0, chance=lambda: 0.5)
    assert backoff.next(retry_after=3.0) == 3.5


def test_a_year_offline_overflows_nothing() -> None:
    backoff = Backoff(longest=30.0, chance=lambda: 1.0)
    assert max(backoff.next() for _ in range(100_000)) == 30.0
