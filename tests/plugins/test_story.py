"""The life of a document as a plugin is told it: every hook, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collab.ot import Delta
from collab.plugins.access import Request
from collab.plugins.specs import HOOKS
from collab.protocol.messages import User
from collab.storage.memory import MemoryStore
from tests.plugins.fake import BOB, FakeRoom, make_manager, the, write_plugin

DIARY = '''
class Diary(Plugin):
    """Write down what happens."""

    def __init__(self):
        self.pages = []

    @hookimpl
    async def server_started(self, server):
        self.pages.append("started")

    @hookimpl
    def server_stopping(self, server):
        self.pages.append("stopping")

    @hookimpl
    def routes(self):
        self.pages.append("routes")
        return []

    @hookimpl
    def schedules(self):
        self.pages.append("schedules")
        return []

    @hookimpl
    def commands(self):
        self.pages.append("commands")
        return []

    @hookimpl
    def document_types(self):
        self.pages.append("document types")
        return []

    @hookimpl
    def importers(self):
        self.pages.append("importers")
        return []

    @hookimpl
    def exporters(self):
        self.pages.append("exporters")
        return []

    @hookimpl
    async def page_contributions(self, page, document):
        self.pages.append(f"adds to {page}")

    @hookimpl
    async def authenticate(self, request):
        self.pages.append(f"who sends {request.path}")

    @hookimpl
    def authorize(self, user, action, document):
        self.pages.append(f"may {user.name} {action}")

    @hookimpl
    async def find_document(self, id):
        self.pages.append(f"is there {id}")

    @hookimpl
    def initial_content(self, document):
        self.pages.append(f"begin {document.title}")

    @hookimpl
    async def snapshot_saved(self, document, revision):
        self.pages.append(f"saved {revision}")

    @hookimpl
    async def document_created(self, document):
        self.pages.append(f"created {document.title}, open: {document.open}")

    @hookimpl
    def document_opened(self, document):
        self.pages.append(f"opened {document.id}")

    @hookimpl
    def document_renamed(self, document):
        self.pages.append(f"renamed to {document.title}")

    @hookimpl
    async def document_closed(self, document):
        self.pages.append(f"closed with {document.text}")

    @hookimpl
    def document_deleted(self, document):
        self.pages.append(f"deleted {document.id}")

    @hookimpl
    def session_joined(self, document, session):
        self.pages.append(f"{session.user.name} joined {len(document.sessions)}")

    @hookimpl
    async def session_changed(self, document, session):
        self.pages.append(f"now {session.user.name}")

    @hookimpl
    def session_left(self, document, session):
        self.pages.append(f"{session.user.name} left {len(document.sessions)}")

    @hookimpl
    def before_operation(self, document, session, author, delta):
        self.pages.append(f"before {session.id} by {author}: {delta.ops}")

    @hookimpl
    async def operation_committed(self, document, operation):
        self.pages.append(f"{operation.revision} by {operation.author}: {document.text}")

    @hookimpl
    def message_received(self, document, session, data):
        self.pages.append(f"{session.user.name} says {data}")

    @hookimpl
    async def published(self, topic, sender, data, document):
        self.pages.append(f"{sender} says {topic} {data} about {document.id}")
'''

REPORTER = """
class Reporter(Plugin):
    async def report(self, document):
        await self.publish("diary.news", [1], document)
"""


async def test_a_plugin_is_told_everything_in_order(tmp_path: Path) -> None:
    assert {f"def {hook}(" for hook in HOOKS} <= {
        line.replace("async ", "").strip().partition("(")[0] + "(" for line in DIARY.splitlines()
    }
    write_plugin(tmp_path, "diary", DIARY)
    write_plugin(tmp_path, "reporter", REPORTER)
    manager = make_manager(tmp_path)
    pages: list[Any] = the(manager, "diary").pages
    await manager.start(store=MemoryStore())
    request = Request("GET", "/d/doc", {}, {}, {}, "127.0.0.1", "127.0.0.1", False)
    assert await manager.gate.authenticate(lambda: request) is None
    assert await manager.gate.allows(BOB, "create", None)
    assert await manager.gate.contributions("documents", None) == []
    assert await manager.observer.missing("doc") is None
    await manager.house.make_document("A title", "text", None)
    await manager.told()
    room = FakeRoom(manager)
    bob = room.join("1", BOB)
    await manager.told()
    await room.submit(bob, Delta().insert("Hi"))
    room.say(bob, "diary", {"n": 1})
    await the(manager, "reporter").report(manager.house.document_of(room))
    await manager.told()
    bob.user = User("bob", "Robert", "#000000")
    manager.observer.changed(room, bob)
    manager.observer.renamed(room.document)
    await manager.told()
    room.leave(bob)
    manager.observer.saved(room, 1)
    room.close()
    await manager.told()
    manager.observer.deleted(room.document)
    await manager.stop()
    assert pages == [
        "routes",
        "schedules",
        "commands",
        "document types",
        "importers",
        "exporters",
        "started",
        "who sends /d/doc",
        "may Bob create",
        "adds to documents",
        "is there doc",
        "begin A title",
        "created A title, open: False",
        "opened doc",
        "Bob joined 1",
        "before 1 by bob: [{'insert': 'Hi'}]",
        "1 by ada: Hi",
        "Bob says {'n': 1}",
        "reporter says diary.news [1] about doc",
        "now Robert",
        "renamed to A title",
        "Robert left 0",
        "saved 1",
        "closed with Hi",
        "deleted doc",
        "stopping",
    ]
    assert manager.health()["diary"].failures == 0
