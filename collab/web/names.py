"""Names and colours of people: what a visitor is given, and what one may choose."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from collab.protocol.labels import clean_label
from collab.protocol.messages import COLOR

LONGEST_NAME: Final = 64
"""UTF-16 code units."""

PALETTE: Final = (
    "#c2185b", "#7b1fa2", "#512da8", "#303f9f", "#1565c0", "#00697a",
    "#6d4c41", "#2e7d32", "#5d6b00", "#8d5a00", "#bf360c", "#8e2430",
)  # fmt: skip
"""White writing on each of them, and each of them on white, has a contrast of 4.5 or more."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ADJECTIVES: Final = _words(
    "Able Airy Amber Bold Brave Bright Brisk Calm Clever Cosy Curious Dapper Eager Fair Fleet"
    " Gentle Glad Golden Happy Honest Jolly Keen Kind Lively Lucky Mellow Merry Mild Nimble Noble"
    " Patient Plucky Polite Proud Quick Quiet Silver Sunny Swift Tidy Wise Witty"
)
_ANIMALS: Final = _words(
    "Badger Beaver Bison Crane Deer Dolphin Eagle Falcon Ferret Finch Fox Gecko Hare Hawk Heron"
    " Ibex Jackdaw Kestrel Koala Lark Lemur Lynx Magpie Marten Mole Newt Ocelot Otter Owl Panda"
    " Puffin Quail Raven Robin Seal Sparrow Stork Swan Tapir Tern Vole Walrus Wombat Wren Yak"
)


def random_name() -> str:
    """Such as ``Quiet Otter``."""
    return f"{secrets.choice(_ADJECTIVES)} {secrets.choice(_ANIMALS)}"


def random_color() -> str:
    return secrets.choice(PALETTE)


def color_of(name: str) -> str:
    """A colour of the palette, always the same for one name."""
    return PALETTE[hashlib.sha256(name.encode()).digest()[0] % len(PALETTE)]


def is_color(text: str) -> bool:
    """Whether ``text`` is ``#rrggbb`` in small letters."""
    return COLOR.fullmatch(text) is not None


def clean_name(text: str) -> str:
    """``text`` as a name (see `clean_label`). Raises ValueError, with a sentence, for what is
    none, and for more than `LONGEST_NAME`."""
    name = clean_label(text, LONGEST_NAME)
    length = len(name.encode("utf-16-le")) // 2
    if length > LONGEST_NAME:
        raise ValueError(f"A name may have {LONGEST_NAME} characters, not {length}.")
    return name
