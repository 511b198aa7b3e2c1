"""Who goes first when two people insert at one place."""

from __future__ import annotations


def precedes(client: str, other: str) -> bool:
    """Say whether what `client` inserts stands left of what `other` inserts at the same place.

    The ids decide, never the arrival: two people typing at one place do not interleave letter by
    letter, and the text does not depend on timing. Ids are ASCII, so that Python and JavaScript
    compare alike. The same answer settles which of two formats for one attribute stays.
    """
    return client < other
