"""An older copy of the database is put back (a snapshot of the machine, `cp`, restic), and others
may have written past what a client had seen before it comes back."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from collab.client import Refused, connect
from collab.client.document import Document
from collab.ot import Delta
from collab.protocol.settings import Settings
from collab.testing import Server, Wire
from collab.testing.server import serve
from tests.patience import patient

Past = Callable[[Server, str], Awaitable[None]]


async def nobody_writes(server: Server, document: str) -> None:
    """The document is shorter than what the client has seen."""


async def others_write_as_far(server: Server, document: str) -> None:
    """The revision is the same, and the length too: nothing tells but the history."""
    async with server.connect(document) as bob:
        for word in ("uno ", "dos ", "tres"):
            await bob.insert(bob.length, word)


async def others_write_past(server: Server, document: str) -> None:
    async with server.connect(document) as bob:
        for number in range(20):
            await bob.insert(0, f"line {number}\n")


def copied(settings: Settings, folder: Path) -> Settings:
    """A copy of the data directory while the server runs, as of now."""
    shutil.copytree(settings.data_dir, folder, ignore=shutil.ignore_patterns("*.sqlite3*"))
    name = "collab.sqlite3"
    with (
        closing(sqlite3.connect(settings.data_dir / name)) as one,
        closing(sqlite3.connect(folder / name)) as other,
    ):
        one.backup(other)
    return Settings(data_dir=folder)


@asynccontextmanager
async def put_back(
    server: Server, settings: Settings, folder: Path, unsent: str, past: Past
) -> AsyncIterator[tuple[Document, asyncio.Future[int] | None, Server, str]]:
    """Ann has seen more than the server has when she comes back, and may have typed meanwhile."""
    saved = None
    document = await server.create_document(content="base\n")
    async with Wire("127.0.0.1", server.port) as wire:
        ann = await connect(wire.through(server.page(document)))
        async with ann:
            await ann.insert(0, "kept ")
            older = copied(settings, folder)
            for word in ("one ", "two ", "tre "):
                await ann.insert(0, word)
            wire.refusing = True
            wire.cut()
            await patient(ann.wait_for(lambda copy: copy.status == "offline"))
            if unsent:
                saved = ann.edit_nowait(Delta().insert(unsent))
            async with serve(older) as again:
                await past(again, document)
                wire.server_port = again.port
                wire.refusing = False
                yield ann, saved, again, document


@pytest.mark.parametrize("past", [nobody_writes, others_write_as_far, others_write_past])
@pytest.mark.parametrize("unsent", ["", "unsent "])
async def test_another_history_is_told_apart_at_once(
    server: Server, server_settings: Settings, tmp_path: Path, unsent: str, past: Past
) -> None:
    async with put_back(server, server_settings, tmp_path / "older", unsent, past) as (
        ann, saved, again, document,
    ):
        await patient(ann.wait_for(lambda copy: copy.status == "connected"))
        assert ann.text == await again.text(document)
        # Nothing of hers is lost: what she typed, and what she had seen.
        [rescue] = ann.rescues
        assert rescue.code == "history_changed"
        assert rescue.text == f"{unsent}tre two one kept base\n"
        assert rescue.unsaved == (Delta().insert(unsent) if unsent else None)
        if saved is not None:
            with pytest.raises(Refused, match="history_changed"):
                await saved
        # And she goes on from there.
        await patient(ann.insert(0, "on "))
        assert await again.text(document) == ann.text


async def test_control_who_saw_no_more_than_the_copy_goes_on(
    server: Server, server_settings: Settings, tmp_path: Path
) -> None:
    document = await server.create_document(content="base\n")
    async with (
        Wire("127.0.0.1", server.port) as wire,
        connect(wire.through(server.page(document))) as ann,
    ):
        await ann.insert(0, "kept ")
        older = copied(server_settings, tmp_path / "older")
        wire.refusing = True
        wire.cut()
        await patient(ann.wait_for(lambda copy: copy.status == "offline"))
        saved = ann.edit_nowait(Delta().insert("unsent "))
        async with serve(older) as again:
            await others_write_past(again, document)
            wire.server_port = again.port
            wire.refusing = False
            await patient(saved)
            assert ann.rescues == []
            assert ann.text == await again.text(document)
            assert "unsent " in ann.text and "line 19" in ann.text
