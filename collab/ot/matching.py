"""What two sequences have in common, with as little left over as the time allows.

Myers' greedy algorithm finds the fewest insertions and deletions. Its cost grows with the square of
that number, so it works on a budget of steps, which is counted and not timed: the same input gives
the same answer anywhere. For sequences that differ too much, first the lines are compared, then the
characters in each changed stretch as far as the budget goes; what is left has nothing in common.
The matches are right in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

BUDGET = 1_000_000
"""Steps for one comparison, about a tenth of a microsecond each."""

Tokens: TypeAlias = Sequence[object]
"""A text, or a list of characters and of numbers that stand for embeds or for lines."""

Match: TypeAlias = tuple[int, int, int]
"""(i, j, n): a[i : i + n] equals b[j : j + n]."""


def matches(a: Tokens, b: Tokens, budget: int = BUDGET) -> list[Match]:
    """Return the stretches that two sequences have in common, in order; none is empty."""
    return list(_Comparison(budget).whole(a, b))


class _Comparison:
    """One comparison, and what is left of its budget."""

    def __init__(self, budget: int) -> None:
        self._budget = budget

    def whole(self, a: Tokens, b: Tokens) -> Iterator[Match]:
        """Compare, by characters if the budget allows, else by lines and then by characters."""
        share = self._budget // 3
        return self._trimmed(a, b, share, by_lines=True)

    def _trimmed(self, a: Tokens, b: Tokens, share: int, by_lines: bool) -> Iterator[Match]:
        """Take off what is equal at both ends, and compare what is between."""
        head = _common(a, 0, b, 0)
        tail = _common_end(a, b, head)
        if head:
            yield 0, 0, head
        core_a, core_b = a[head : len(a) - tail], b[head : len(b) - tail]
        if core_a and core_b:
            found = self._greedy(core_a, core_b, share)
            if found is None:
                found = list(self._by_lines(core_a, core_b)) if by_lines else []
            for i, j, count in found:
                yield i + head, j + head, count
        if tail:
            yield len(a) - tail, len(b) - tail, tail

    def _by_lines(self, a: Tokens, b: Tokens) -> Iterator[Match]:
        """Match lines, and then characters in what is between them."""
        numbers: dict[object, int] = {}
        lines_a, starts_a = _lines(a, numbers)
        lines_b, starts_b = _lines(b, numbers)
        share = self._budget // 2
        at_a = at_b = 0
        common = self._trimmed(lines_a, lines_b, share, by_lines=False)
        for i, j, count in [*common, (len(lines_a), len(lines_b), 0)]:
            here_a, here_b = starts_a[i], starts_b[j]
            between = self._trimmed(a[at_a:here_a], b[at_b:here_b], self._budget, by_lines=False)
            for x, y, length in between:
                yield at_a + x, at_b + y, length
            at_a, at_b = starts_a[i + count], starts_b[j + count]
            if count:
                yield here_a, here_b, at_a - here_a

    def _greedy(self, a: Tokens, b: Tokens, share: int) -> list[Match] | None:
        """Return the matches of a smallest edit; None when that takes more than `share` steps.

        Myers, "An O(ND) difference algorithm": reached[k] is how far in `a` one gets on diagonal k
        (position in a minus position in b) with the edits so far. A diagonal on which the path has
        run off the edge is closed: no shortest path comes back from there.
        """
        n, m = len(a), len(b)
        left = min(share, self._budget)
        if abs(n - m) > left:
            return None
        origin = min(m, left) + 2
        reached = [-1] * (origin + min(n, left) + 3)
        reached[origin + 1] = 0
        lowest, highest = -m, n
        trail: list[tuple[int, list[int]]] = []
        for edits in range(n + m + 1):
            low = max(-edits, lowest + ((lowest + edits) & 1))
            high = min(edits, highest - ((highest + edits) & 1))
            left -= (high - low) // 2 + 1
            if left < 0:
                self._budget -= min(share, self._budget)
                return None
            for k in range(low, high + 1, 2):
                down, right = reached[origin + k + 1], reached[origin + k - 1]
                x = down if right < down else right + 1
                y = x - k
                if x < n and y < m and a[x] == b[y]:
                    x += _common(a, x, b, y)
                    y = x - k
                if x >= n and y >= m:
                    self._budget -= min(share, self._budget) - left
                    return _retrace(trail, n, m)
                if x > n:
                    highest = min(highest, k - 1)
                    x = -1
                elif y > m:
                    lowest = max(lowest, k + 1)
                    x = -1
                reached[origin + k] = x
            trail.append((low, reached[origin + low : origin + high + 1 : 2]))
        raise AssertionError("a path of n + m edits always exists")


def _retrace(trail: list[tuple[int, list[int]]], n: int, m: int) -> list[Match]:
    """Walk the trail of the greedy algorithm back from the end, and collect the matches."""
    found: list[Match] = []
    x, y = n, m
    for low, reached in reversed(trail):
        k = x - y
        index = (k - 1 - low) >> 1
        right = reached[index] if 0 <= index < len(reached) else -1
        down = reached[index + 1] if 0 <= index + 1 < len(reached) else -1
        if right < down:
            before, start = down, down
        else:
            before, start = right, right + 1
        if x > start:
            found.append((start, start - k, x - start))
        x = before
        y = x - (k + 1 if right < down else k - 1)
    if x:
        found.append((0, 0, x))
    found.reverse()
    return found


def _common(a: Tokens, i: int, b: Tokens, j: int) -> int:
    """Return how many tokens are equal from a[i] and b[j] on."""
    limit = min(len(a) - i, len(b) - j)
    count = 0
    while count < limit and count < 8:
        if a[i + count] != b[j + count]:
            return count
        count += 1
    # Ever longer slices while they are equal, then ever shorter ones: the comparing is done in C.
    step = 16
    while (
        count + step <= limit and a[i + count : i + count + step] == b[j + count : j + count + step]
    ):
        count += step
        step *= 2
    while step:
        until = count + step
        if until <= limit and a[i + count : i + until] == b[j + count : j + until]:
            count = until
        step //= 2
    return count


def _common_end(a: Tokens, b: Tokens, head: int) -> int:
    """Return how many tokens are equal at the end, not counting the first `head` ones."""
    limit = min(len(a), len(b)) - head
    la, lb = len(a), len(b)
    count = 0
    step = 16
    while (
        count + step <= limit
        and a[la - count - step : la - count] == b[lb - count - step : lb - count]
    ):
        count += step
        step *= 2
    while step:
        until = count + step
        if until <= limit and a[la - until : la - count] == b[lb - until : lb - count]:
            count = until
        step //= 2
    return count


def _lines(tokens: Tokens, numbers: dict[object, int]) -> tuple[list[int], list[int]]:
    """Return the lines as numbers, equal ones alike, and where each begins (and the end)."""
    lines: list[int] = []
    starts = [0]
    start = 0
    while start < len(tokens):
        try:
            end = tokens.index("\n", start) + 1
        except ValueError:
            end = len(tokens)
        line = tokens[start:end]
        key = line if isinstance(line, str) else tuple(line)
        lines.append(numbers.setdefault(key, len(numbers)))
        starts.append(end)
        start = end
    return lines, starts
