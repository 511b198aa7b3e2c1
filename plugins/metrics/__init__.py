"""Numbers about the server for Prometheus, at ``/plugins/metrics/api``."""

from __future__ import annotations

import hmac
import time
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collab import Plugin, hookimpl, own_tokens
from collab.plugins.archive import Operation

from .exposition import CONTENT_TYPE, Exposition, Histogram
from .health import describe_plugins
from .process import describe_process

COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics(Plugin):
    """Tell Prometheus how the server is doing."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        token: Annotated[
            str | None,
            Meta(
                description="Lets a scraper in that sends it (Authorization: Bearer …), besides"
                " those who may administer the server."
            ),
        ] = None

        def __post_init__(self) -> None:
            if self.token is not None and len(self.token) < 16:
                raise ValueError("token has to be of at least 16 characters")

    settings: Settings

    def __init__(self) -> None:
        self.started = time.time()
        self.operations = 0
        self.joined = 0
        self.created = 0
        self.deleted = 0
        self.commit = Histogram(COMMIT_SECONDS)

    @hookimpl
    def document_created(self) -> None:
        self.created += 1

    @hookimpl
    def document_deleted(self) -> None:
        self.deleted += 1

    @hookimpl
    def session_joined(self) -> None:
        self.joined += 1

    @hookimpl
    def operation_committed(self, operation: Operation) -> None:
        self.operations += 1
        self.commit.observe(max(0.0, time.time() - operation.time))

    @hookimpl
    def routes(self) -> list[web.RouteDef]:
        return [web.get("", self.show)]

    @own_tokens
    async def show(self, request: web.Request) -> web.Response:
        if self.settings.token is None or not bears(request, self.settings.token):
            await self.allowed(request, "administer")
        page = Exposition()
        self.describe_documents(page)
        describe_plugins(page, self.server.health())
        describe_process(page, self.started)
        return web.Response(
            body=page.text().encode(),
            headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"},
        )

    def describe_documents(self, page: Exposition) -> None:
        """What is open and who is there now, and what has happened since the start."""
        documents = self.server.open_documents()
        sessions = [session for document in documents for session in document.sessions.values()]
        page.gauge(
            "collab_info", "The version that runs.", [("", {"version": self.server.version}, 1)]
        )
        page.gauge("collab_open_documents", "Documents in memory.", len(documents))
        page.gauge("collab_sessions", "Connections that are open.", len(sessions))
        page.gauge(
            "collab_users", "People and scripts who are connected, each once.",
            len({session.user.id for session in sessions}),
        )
        page.counter("collab_sessions_total", "Connections that were made.", self.joined)
        page.counter("collab_operations_total", "Edits that were committed.", self.operations)
        page.histogram(
            "collab_commit_seconds",
            "From an edit's place in the order until plugins are told that it is on disk.",
            self.commit,
        )
        commits = self.server.commits()
        page.counter(
            "collab_commits_total", "Transactions with edits that are on disk.", commits.committed
        )
        page.counter(
            "collab_commit_failures_total",
            "Transactions with edits that failed, or whose outcome was not known.",
            commits.failed,
        )
        page.counter("collab_documents_created_total", "Documents made.", self.created)
        page.counter("collab_documents_deleted_total", "Documents deleted.", self.deleted)


def bears(request: web.Request, token: str) -> bool:
    """Whether a request comes with ``Authorization: Bearer token``."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())
    return same and scheme.lower() == "bearer"
