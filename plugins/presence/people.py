"""From sessions to people."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from collab.rooms.port import Session


class Person(Struct):
    """Somebody who has the document open, perhaps in several tabs."""

    id: str
    name: str
    color: str
    idle: bool
    sessions: list[str]
    clients: list[str]


def people(sessions: Iterable[Session], idle: Collection[str]) -> list[Person]:
    """One person per user id, in the order they came; idle when all of their tabs are.

    The name and colour are those of the tab that came last.
    """
    found: dict[str, Person] = {}
    for session in sessions:
        user = session.user
        person = found.get(user.id)
        if person is None:
            person = found[user.id] = Person(user.id, user.name, user.color, True, [], [])
        person.name = user.name
        person.color = user.color
        person.idle = person.idle and session.id in idle
        person.sessions.append(session.id)
        person.clients.append(session.client)
    return list(found.values())
