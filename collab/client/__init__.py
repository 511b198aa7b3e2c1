"""The Python client: bots, scripts, tests and load generators edit documents with it.

    async with collab.client.connect("http://127.0.0.1:8080/d/ID") as document:
        await document.insert(0, "Hello ")
        async for change in document.changes():
            print(change.revision, document.text)
"""

from collab.client.backoff import Backoff
from collab.client.connecting import Connecting, connect
from collab.client.document import Document, Status
from collab.client.errors import (
    ClientError,
    Closed,
    ConnectError,
    FellBehind,
    Gone,
    Refused,
    Rescue,
)
from collab.client.events import Change
from collab.client.streams import Stream

__all__ = [
    "Backoff",
    "Change",
    "ClientError",
    "Closed",
    "ConnectError",
    "Connecting",
    "Document",
    "FellBehind",
    "Gone",
    "Refused",
    "Rescue",
    "Status",
    "Stream",
    "connect",
]
