"""Requests whose headers are sent just as they are written: clients merge those of one name."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit


async def get(url: str, *headers: tuple[str, str]) -> tuple[int, Any]:
    """Status and JSON of the answer to a GET with these headers, in this order."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if not any(name == "Connection" for name, _ in headers):
        lines.append("Connection: close")
    writer.write("".join(line + "\r\n" for line in [*lines, ""]).encode())
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        body = await reader.readexactly(length)
    writer.close()
    return int(head.split()[1]), json.loads(body)
