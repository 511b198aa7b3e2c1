"""Token buckets: a burst, a rate, and a bound on what they cost and keep."""

from __future__ import annotations

import pytest

from collab.protocol.token_bucket import TokenBucket, TokenBuckets


class Clock:
    """Seconds, as the test has them; counts how often it is looked at."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_bucket_gives_a_burst_and_then_so_much_a_second() -> None:
    bucket = TokenBucket(rate=0.5, burst=2, now=0.0)
    assert [bucket.try_take(0.0), bucket.try_take(0.0), bucket.try_take(0.0)] == [0, 0, 2]
    assert bucket.try_take(1.0) == 1, "what was refused took nothing"
    assert bucket.try_take(2.0) == 0
    assert bucket.level(1000.0) == 2


def test_what_is_taken_on_credit_is_waited_for_afterwards() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=0.0)
    assert bucket.take(0.0, 5) == 0
    assert bucket.take(0.0, 5) == 0.5
    assert bucket.wait(0.25) == pytest.approx(0.35)
    assert bucket.wait(0.0, 1_000_000) == 1.0, "more than it can hold: until it is full"


def test_each_key_has_a_bucket_of_its_own(clock: Clock) -> None:
    buckets = TokenBuckets(0.5, 2, clock)
    assert [buckets.try_take("ada"), buckets.try_take("ada")] == [0, 0]
    assert (buckets.try_take("ada"), buckets.wait("ada"), buckets.level("ada")) == (2, 2, 0)
    assert (buckets.try_take("bob"), buckets.wait("eve"), buckets.level("eve")) == (0, 0, 2)
    assert buckets.take("ada", 3) == 6
    buckets.forget("ada")
    buckets.forget("nobody")
    assert buckets.try_take("ada") == 0


def test_full_buckets_are_not_kept_and_others_are(clock: Clock) -> None:
    buckets = TokenBuckets(1.0, 10.0, clock)
    for wave in range(10):
        for one in range(500):
            assert buckets.try_take((wave, one)) == 0
        clock.now += 60
        assert len(buckets) == 500
    buckets.try_take("after")
    assert len(buckets) == 1
    for one in range(3000):
        buckets.take(one)
    assert len(buckets) == 3001
    for _ in range(9):
        buckets.take(0)
    assert buckets.wait(0) == 1


def test_memory_is_bounded_whoever_comes(clock: Clock) -> None:
    buckets = TokenBuckets(1.0, 10.0, clock, most=100)
    for one in range(1000):
        buckets.take(one)
        assert len(buckets) <= 100
    assert buckets.level(999) == 9
    assert buckets.level(0) == 10, "dropped, which is as good as full"


class Key:
    """Counts how often any key is hashed or compared, which is what a look at a bucket takes."""

    looks = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        Key.looks += 1
        return hash(self.number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.number == other.number


def test_a_take_costs_the_same_however_many_there_are(clock: Clock) -> None:
    """The bound of the old one was a look at everybody at each take, from 1,000 people on."""
    buckets = TokenBuckets(1.0, 10.0, clock)
    for one in range(5000):
        buckets.try_take(Key(one))
    Key.looks = 0
    for one in range(1000):
        assert buckets.try_take(Key(one)) == 0
    assert Key.looks < 10 * 1000
    # What has filled up meanwhile is dropped at once, but each of them only once.
    clock.now += 60
    Key.looks = 0
    for one in range(1000):
        buckets.try_take(Key(one))
    assert Key.looks < 10 * 1000 + 4 * 5000
