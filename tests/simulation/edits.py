"""Random edits, over an alphabet of everything that has ever broken an editor."""

from __future__ import annotations

from random import Random
from typing import Any

from collab.ot import Content, Delta

ALPHABET = (
    "a", "b", "z", " ", "\n", "\t", "é", "ß", "中", "\u0301", "\u200d", "\ufe0f", "𝄞", "😀",
    "👨‍👩‍👧‍👦", "🇩🇪", "\u202e", "\x01", "\u2028",
)
"""1 to 4 bytes of UTF-8, combining marks, joined emoji, a change of direction, a control."""

ATTRIBUTES: tuple[dict[str, Any] | None, ...] = (
    None, {"bold": True}, {"color": "red"}, {"bold": True, "link": "https://example.org/"},
)

FORMATS: tuple[dict[str, Any], ...] = ({"bold": True}, {"bold": None}, {"color": "blue"})


def random_edit(random: Random, content: Content, *, rich: bool) -> Delta:
    """An edit that fits ``content``: mostly one insertion or deletion, at times several."""
    delta = Delta()
    cuts = boundaries(content)
    place = 0
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if place >= len(cuts):
            break
        # Often the same few places: concurrent edits must meet.
        start = min(len(cuts) - 1, place + random.choice((0, 0, 1, 2, random.randrange(len(cuts)))))
        delta.retain(cuts[start] - cuts[place])
        place = start
        kind = random.random()
        if kind < 0.6 or start + 1 >= len(cuts):
            _insert(random, delta, rich)
        else:
            end = min(len(cuts) - 1, start + random.choice((1, 1, 2, 5)))
            length = cuts[end] - cuts[start]
            if rich and kind > 0.85:
                delta.retain(length, dict(random.choice(FORMATS)))
            else:
                delta.delete(length)
                if random.random() < 0.3:
                    _insert(random, delta, rich)
            place = end
    return delta


def _insert(random: Random, delta: Delta, rich: bool) -> None:
    text = "".join(random.choice(ALPHABET) for _ in range(random.choice((1, 1, 1, 2, 6))))
    if not rich:
        delta.insert(text)
    elif random.random() < 0.1:
        delta.insert({"image": "https://example.org/a.png"})
    else:
        delta.insert(text, random.choice(ATTRIBUTES))


def boundaries(content: Content) -> list[int]:
    """Every position, in UTF-16 code units, at which no surrogate pair is cut."""
    cuts = [0]
    for op in content.delta().ops:
        inserted = op["insert"]
        if isinstance(inserted, str):
            for character in inserted:
                cuts.append(cuts[-1] + (2 if character > "\uffff" else 1))
        else:
            cuts.append(cuts[-1] + 1)
    return cuts
