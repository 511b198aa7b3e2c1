"""Unpacking a snapshot stops nobody, however small it was packed."""

from __future__ import annotations

import threading
import zlib

import pytest

from collab.storage import packing
from collab.storage.port import Snapshot


@pytest.mark.parametrize(
    ("content", "aside"),
    [(b"[%s]" % (b"lorem ipsum " * 700_000), True), (b"[%s]" % (b"lorem ipsum " * 100), False)],
    ids=["large", "small"],
)
async def test_what_becomes_large_is_unpacked_off_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, content: bytes, aside: bool
) -> None:
    snapshot = Snapshot(3, content, b"h" * 16)
    row = await packing.pack("document", snapshot)
    columns = [row[name] for name in ("revision", "encoding", "content", "hash", "seal")]
    # What was kept is small either way: 8 MB become less than the 64 KB that take long plainly.
    assert row["encoding"] == "zlib" and len(row["content"]) < 64 * 1024
    threads: list[threading.Thread] = []
    decompress = zlib.decompress

    def noted(kept: bytes) -> bytes:
        threads.append(threading.current_thread())
        return decompress(kept)

    monkeypatch.setattr(zlib, "decompress", noted)
    assert await packing.unpack("document", columns) == snapshot
    assert [one is not threading.main_thread() for one in threads] == [aside]
