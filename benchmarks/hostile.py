"""Requests that are made to be expensive, for `benchmarks.stalls`."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import Server

MEBIBYTE = 1024 * 1024
UNITS = 16 * MEBIBYTE
"""The longest document."""

Attack = Callable[[], object]
Prepared = Callable[[Server], Attack]
"""Makes what an attack needs, and returns the attack."""


def send(
    server: Server,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, bytes]:
    """One request on a connection of its own; a server that answers early is listened to."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    given = {"Content-Type": "application/json"} if body is not None else {}
    given |= headers
    try:
        connection.request(method, path, body, given)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has answered before it had read everything
    try:
        response = connection.getresponse()
        return response.status, response.read()
    except (http.client.HTTPException, OSError):
        return 0, b""
    finally:
        connection.close()


def made(server: Server, content: object, type: str = "text") -> str:
    """The address of a new document with that content; as much of it as the server takes."""
    body = json.dumps({"type": type, "content": content}, ensure_ascii=False).encode()
    status, answer = send(server, "POST", "/api/documents", body)
    if status != 201:
        raise RuntimeError(f"{status}: {answer[:300]!r}")
    return f"/api/documents/{json.loads(answer)['id']}"


def at_once(count: int, work: Attack) -> Attack:
    """The same many times, at the same time."""

    def run() -> object:
        with ThreadPoolExecutor(count) as pool:
            return [one.result() for one in [pool.submit(work) for _ in range(count)]]

    return run


def posting(
    path: str, body: bytes, method: str = "POST", *, count: int = 1, encoding: str = "identity"
) -> Prepared:
    headers = {"Content-Encoding": encoding}
    return lambda server: at_once(count, lambda: send(server, method, path, body, headers))


def reading(content: object, path: str, type: str = "text", media: str = "*/*") -> Prepared:
    def prepare(server: Server) -> Attack:
        document = made(server, content, type)
        return lambda: send(server, "GET", path.format(document=document), None, {"Accept": media})

    return prepare


def replacing(before: object, after: object, type: str = "text") -> Prepared:
    def prepare(server: Server) -> Attack:
        path = made(server, before, type) + "/content"
        body = json.dumps(after, ensure_ascii=False).encode()
        return lambda: send(server, "PUT", path, body)

    return prepare


def rich(parts: int) -> list[dict[str, Any]]:
    """Rich text of so many parts."""
    return [
        {"insert": "ab\n", "attributes": {"bold": True} if number % 2 else {"color": "#123456"}}
        for number in range(parts)
    ]


def inserts(count: int) -> bytes:
    """A document as so many inserts of one letter, which become one."""
    return b'{"content":[' + b",".join([b'{"insert":"a"}'] * count) + b"]}"


ASCII = "0123456789abcde\n" * (UNITS // 16)
WIDE = "0123456789é\U0001f600d\n" * (UNITS // 16 + 1)
WIDE = WIDE[: UNITS * 15 // 16]
LINES = "".join(f"{number:07d} line\n" for number in range(UNITS // 16))
PARTS = 99_000


def attacks() -> Iterator[tuple[str, Prepared]]:
    """What is tried, and its name."""
    many = inserts(1_200_000)
    name = b'{"name":"' + b"a" * (60 * MEBIBYTE) + b'"}'
    title = b'{"title":"' + b"a" * (60 * MEBIBYTE) + b'"}'
    zeros = b"a" * (60 * MEBIBYTE)
    yield "1.2 M inserts, gzip", posting("/api/documents", gzip.compress(many), encoding="gzip")
    yield "1.2 M inserts", posting("/api/documents", many)
    yield "1.2 M inserts, 4 at once", posting("/api/documents", many, count=4)
    yield "12 × 60 MiB to import text, gzip", posting(
        "/api/import/text", gzip.compress(zeros), count=12, encoding="gzip"
    )
    yield "12 × 60 MiB to import text", posting("/api/import/text", zeros, count=12)
    yield "a name of 60 MiB", posting("/api/me", name, "PUT")
    yield "a title of 60 MiB", posting("/api/documents", title)
    yield "60 MiB of [", posting("/api/documents", b'{"content":' + b"[" * (60 * MEBIBYTE))
    yield "60 MiB of ,0", posting("/api/documents", b'{"content":[0' + b",0" * (30 * MEBIBYTE))
    yield "60 MiB of escapes", posting(
        "/api/documents", b'{"content":"' + b"\\u00e9" * (10 * MEBIBYTE) + b'"}'
    )
    ascii = json.dumps({"content": ASCII}).encode()
    wide = json.dumps({"content": WIDE}, ensure_ascii=False).encode()
    yield "a text of 16 Mi units", posting("/api/documents", ascii)
    yield "a text of 16 Mi units with emoji", posting("/api/documents", wide)
    yield "4 texts of 16 Mi units with emoji", posting("/api/documents", wide, count=4)
    yield "read 16 Mi units as text", reading(WIDE, "{document}/content", media="text/plain")
    yield "read 16 Mi units as JSON", reading(WIDE, "{document}/content")
    yield "read 16 Mi units at revision 0", reading(WIDE, "{document}/content?revision=0")
    yield "export 16 Mi units as text", reading(WIDE, "{document}/export/text")
    yield "export 16 Mi units as a backup", reading(WIDE, "{document}/export/backup")
    yield "export 8 Mi units as HTML", reading(LINES[: UNITS // 2 - 1], "{document}/export/html")
    yield "put 16 Mi units, all else", replacing(LINES, ASCII)
    yield "put 16 Mi units, every line else", replacing(LINES, LINES.replace(" line", " lime"))
    yield f"rich text of {PARTS:,} parts", posting(
        "/api/documents", json.dumps({"type": "richtext", "content": rich(PARTS)}).encode()
    )
    yield "read rich text", reading(rich(PARTS), "{document}/content", "richtext")
    yield "export rich text as HTML", reading(rich(PARTS), "{document}/export/html", "richtext")
    yield "put rich text, all else", replacing(rich(PARTS), rich(PARTS)[1:], "richtext")
    yield "put plain text for rich text", replacing(rich(PARTS), "nothing\n", "richtext")
