"""Open documents: sessions, ordering, group commit, fan-out."""

from collab.rooms.journal import Journal
from collab.rooms.port import Quiet, RoomObserver, Session
from collab.rooms.room import Room
from collab.rooms.rooms import Rooms

__all__ = ["Journal", "Quiet", "Room", "RoomObserver", "Rooms", "Session"]
