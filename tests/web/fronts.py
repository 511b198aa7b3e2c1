"""Real reverse proxies with the configurations in ``deploy/``, each in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.web.nginx import SOCKET, free_port, listens, run_nginx

DEPLOY = Path(__file__).parents[2] / "deploy"

MODULES = Path("/usr/lib/apache2/modules")

APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule headers_module {modules}/mod_headers.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
{user}
{snippet}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """One kind of proxy."""

    program: str
    package: str
    """Debian's."""
    file: str
    """Of its configuration in ``deploy/``."""
    write: Callable[[str, Path, int], list[str]]
    """Write a configuration for a folder and a port; returns what follows the program."""


def _replaced(text: str, *pairs: tuple[str, str]) -> str:
    """``text`` with what can't be had in a test replaced; each has to be there, once."""
    for before, after in pairs:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def _haproxy(text: str, folder: Path, port: int) -> list[str]:
    bind = "bind :443 ssl crt /etc/haproxy/docs.example.pem"
    file = folder / "haproxy.cfg"
    file.write_text(_replaced(text, (bind, f"bind 127.0.0.1:{port}")), "utf-8")
    return ["-db", "-f", str(file)]


def _apache(text: str, folder: Path, port: int) -> list[str]:
    snippet = _replaced(text, ("*:443", f"127.0.0.1:{port}"), ("    SSLEngine on\n", ""))
    file = folder / "apache.conf"
    file.write_text(
        APACHE.format(
            folder=folder, port=port, modules=MODULES, snippet=snippet,
            # Apache does not serve as root.
            user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        ),
        "utf-8",
    )
    return ["-X", "-f", str(file)]


def _caddy(text: str, folder: Path, port: int) -> list[str]:
    head = f"{{\n\tadmin off\n\tauto_https off\n\tstorage file_system {folder}/caddy\n}}\n"
    site = _replaced(text, ("docs.example {", f"http://127.0.0.1:{port} {{"))
    file = folder / "Caddyfile"
    file.write_text(head + site, "utf-8")
    return ["run", "--adapter", "caddyfile", "--config", str(file)]


FRONTS = {
    "haproxy": Front("haproxy", "haproxy", "haproxy.cfg", _haproxy),
    "apache": Front("apache2", "apache2", "apache.conf", _apache),
    "caddy": Front("caddy", "caddy", "Caddyfile", _caddy),
}
"""All but nginx, which has a module of its own."""

NAMES = ("nginx", *FRONTS)


def find_program(front: Front) -> str:
    """Where it is; without it the test is skipped, in CI it fails."""
    path = shutil.which(front.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have {front.program}: apt-get install {front.package}")
        pytest.skip(f"{front.program} is not installed")
    return path


@asynccontextmanager
async def run_front(name: str, folder: Path, upstream: Path) -> AsyncIterator[str]:
    """A proxy in front of the server on the unix socket ``upstream``: its address, no slash.

    ``folder`` is one that every user may enter.
    """
    if name == "nginx":
        async with run_nginx(folder, upstream) as address:
            yield address
        return
    front = FRONTS[name]
    program = find_program(front)
    port = free_port()
    text = (DEPLOY / front.file).read_text("utf-8")
    # In the comment, too, which says how the server is started.
    assert re.search(rf"{SOCKET}(?! --)", text)
    words = front.write(text.replace(SOCKET, str(upstream)), folder, port)
    environment = {**os.environ, "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        program, *words, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await listens(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
