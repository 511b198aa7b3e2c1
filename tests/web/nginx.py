"""A real nginx with a snippet of ``deploy/``, unprivileged, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

SNIPPET = Path(__file__).parents[2] / "deploy" / "nginx.conf"
SOCKET = "/run/collab/collab.sock"

AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {snippet}
}}
"""


def find_nginx() -> str:
    """Where nginx is; without it the test is skipped, in CI it fails."""
    path = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have nginx: apt-get install nginx-light")
        pytest.skip("nginx is not installed")
    return path


@asynccontextmanager
async def run_nginx(
    folder: Path, upstream: Path, snippet: str | None = None
) -> AsyncIterator[str]:
    """nginx in front of the server on the unix socket ``upstream``: its address, no slash.

    ``snippet`` is by default that of ``deploy/nginx.conf``.
    """
    snippet = SNIPPET.read_text("utf-8") if snippet is None else snippet
    assert snippet.count(f"unix:{SOCKET};") == 1 and snippet.count("listen 80;") == 1
    snippet = snippet.replace(f"unix:{SOCKET};", f"unix:{upstream};")
    async with _run(folder, snippet) as address:
        yield address


@asynccontextmanager
async def run_bare_nginx(folder: Path, upstream: str, more: str = "") -> AsyncIterator[str]:
    """nginx with nothing but ``proxy_pass`` (and ``more``) to the address ``upstream``."""
    location = f"location / {{ proxy_pass {upstream}; {more} }}"
    async with _run(folder, f"server {{ listen 80; {location} }}") as address:
        yield address


@asynccontextmanager
async def _run(folder: Path, snippet: str) -> AsyncIterator[str]:
    nginx = find_nginx()
    port = free_port()
    snippet = snippet.replace("listen 80;", f"listen 127.0.0.1:{port};")
    configuration = folder / "nginx.conf"
    configuration.write_text(AROUND.format(folder=folder, snippet=snippet), "utf-8")
    process = await asyncio.create_subprocess_exec(
        nginx, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await listens(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


async def listens(process: asyncio.subprocess.Process, port: int) -> None:
    """Wait until a proxy listens, or say why it does not."""
    ended = asyncio.create_task(process.wait())
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                done, _ = await asyncio.wait({ended}, timeout=0.02)
                if done:
                    assert process.stderr is not None
                    pytest.fail((await process.stderr.read()).decode())
                continue
            break
    writer.close()
    await writer.wait_closed()
    ended.cancel()
