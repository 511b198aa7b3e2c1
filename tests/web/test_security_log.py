"""The log ``collab.security``: who, what and from where, and no flood of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from collab.cli.logs import LogLimiter
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web import proxies
from collab.web.keys import SETTINGS
from collab.web.operator import link_key
from collab.web.proxies import Peer
from collab.web.secret import read_secret
from collab.web.security_log import (
    _BOUNDED,
    BURST,
    BURST_OF_ALL,
    Event,
    SecurityLog,
    log,
    shown,
)
from tests.plugins.fake import write_plugin

TOKEN = "a-token-that-nobody-guesses"
PROXY = {"X-Forwarded-For": "192.0.2.7"}
"""Of a visitor behind the trusted proxy."""

RIGHTS = """
class Rights(Plugin):
    @hookimpl
    def routes(self):
        return [("PUT", "/{id}", self.change), ("GET", "/{id}", self.change)]

    async def change(self, request):
        from aiohttp import web

        await self.allowed(request, "administer")
        return web.json_response({})
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    write_plugin(tmp_path / "mine", "rights", RIGHTS)
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "mine", plugins_on=("rights",),
        tokens={"ops": TOKEN}, trusted_proxies=("127.0.0.1",),
    )  # fmt: skip
    async with serve(settings) as running:
        yield running


class Written:
    """What is in the log since it was looked at last."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "collab.security")
        self._caplog = caplog

    def __call__(self) -> list[tuple[str, str]]:
        found = [
            (one.levelname, one.getMessage())
            for one in self._caplog.records
            if one.name == "collab.security"
        ]
        self._caplog.clear()
        return found


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Written:
    return Written(caplog)


async def ask(server: Server, method: str, path: str, **how: Any) -> int:
    headers = {**PROXY, **how.pop("headers", {})}
    async with server.http.request(
        method, server.url + path, headers=headers, allow_redirects=False, **how
    ) as response:
        await response.read()
        return response.status


async def test_a_wrong_token_is_written_down_once(server: Server, written: Written) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    for path in ("/api/documents", "/static/style.css", "/plugins/rights/api/x", "/a'b"):
        assert await ask(server, "GET", path, headers=wrong) == 401
        assert written() == [
            ("WARNING", f"refused a bearer token for GET {path!r} from 192.0.2.7")
        ]
    ours = {"Authorization": f"Bearer {TOKEN}"}
    assert await ask(server, "GET", "/api/documents", headers=ours) == 200
    assert await ask(server, "GET", "/api/documents") == 200
    assert written() == []


async def test_the_operators_coming_and_going(server: Server, written: Written) -> None:
    key = link_key(read_secret(server.app[SETTINGS].data_dir))
    origin = {"Origin": server.url}
    steps = [
        ("key", "no", 403, ("WARNING", "refused an operator's link (unknown) from 192.0.2.7 by ")),
        ("key", key, 303, ("INFO", "signed in as operator from 192.0.2.7 by 'guest:")),
        ("key", key, 403, ("WARNING", "refused an operator's link (used) from 192.0.2.7 by ")),
    ]
    for name, value, status, (level, line) in steps:
        form = {name: value}
        assert await ask(server, "POST", "/operator", data=form, headers=origin) == status
        ((found, said),) = written()
        assert found == level and said.startswith(line) and key not in said
    assert await ask(server, "POST", "/operator/sign-out", headers=origin) == 303
    ((level, said),) = written()
    assert (level, said.split(" by ")[0]) == ("INFO", "signed out as operator from 192.0.2.7")
    assert await ask(server, "POST", "/operator/sign-out", headers=origin) == 303
    assert written() == []


async def test_deletions_switches_and_what_plugins_administer(
    server: Server, written: Written
) -> None:
    id = await server.create_document("One's")
    assert await ask(server, "DELETE", f"/api/documents/{id}") == 204
    ((level, said),) = written()
    assert level == "INFO"
    assert said.startswith(f"deleted the document {id} \"One's\" from 192.0.2.7 by 'guest:")
    ops = {"Authorization": f"Bearer {TOKEN}"}
    who = "from 192.0.2.7 by 'token:ops' 'ops'"
    assert await ask(server, "DELETE", "/api/documents/none", headers=ops) == 404
    for path, body, line in (
        ("POST /api/plugins/rights", {"state": "reload"}, "switched a plugin 'rights' reload"),
        ("PUT /plugins/rights/api/x", {}, "administered PUT '/plugins/rights/api/x'"),
        ("GET /plugins/rights/api/x", {}, ""),
        ("POST /api/plugins/nobody", {"state": "off"}, ""),
        ("POST /api/plugins/rights", {"state": "off"}, "switched a plugin 'rights' off"),
    ):
        await ask(server, *path.split(), json=body, headers=ops)
        assert written() == ([("INFO", f"{line} {who}")] if line else [])
    # Who may not, has not.
    for path in ("POST /api/plugins/rights", "PUT /plugins/rights/api/x"):
        assert await ask(server, *path.split(), json={"state": "on"}) in (403, 404)
    assert written() == []


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


REQUEST = make_mocked_request("GET", "/")


def by(address: str) -> Any:
    """The request, sent from that address now."""
    REQUEST[proxies._PEER] = Peer(address, "http", "docs.example", "")
    return REQUEST


def test_a_flood_is_left_out_and_counted(written: Written) -> None:
    clock = Clock()
    security = SecurityLog(clock)
    for _ in range(10_000):
        security.write(by("192.0.2.7"), Event.WRONG_TOKEN)
    lines = written()
    assert len(lines) == BURST + 1 and "further lines are left out" in lines[-1][1]
    # Others are heard, and so is another event of the same visitor.
    security.write(by("192.0.2.8"), Event.WRONG_TOKEN)
    security.write(by("192.0.2.7"), Event.DELETED)
    said = [said for _, said in written()]
    assert said == [
        f"refused a bearer token: {10_000 - BURST} lines were left out",
        "refused a bearer token from 192.0.2.8",
        "deleted the document from 192.0.2.7",
    ]
    for _ in range(1000):
        security.write(by("192.0.2.7"), Event.DELETED, operator=True)
    assert len(written()) == 1000, "the operator's deeds are all written down"
    clock.now += 3600
    security.write(by("192.0.2.7"), Event.WRONG_TOKEN)
    assert len(written()) == 1


def test_many_addresses_fill_it_no_more_than_one_does(written: Written) -> None:
    security = SecurityLog(Clock())
    for number in range(5000):
        security.write(by(f"2001:db8::{number:x}"), Event.WRONG_LINK)
    assert len(written()) == BURST + 1, "one network of one owner"
    for number in range(5000):
        security.write(by(f"2001:db8:{number:x}::1"), Event.WRONG_LINK)
    assert len(written()) <= BURST_OF_ALL + 4


def test_the_logs_own_limiter_leaves_nothing_of_it_out() -> None:
    def lines(logger: logging.Logger, **how: Any) -> int:
        record = logger.makeRecord(logger.name, logging.INFO, "", 0, "%s", ("x",), None, **how)
        limiter = LogLimiter(Clock())
        return sum(limiter.filter(record) for _ in range(1000))

    assert lines(log, extra=_BOUNDED) == 1000
    assert lines(log) < 100


def test_what_a_visitor_chose_makes_no_line_of_its_own(written: Written) -> None:
    user = User("member:a\nb" + "x" * 100, "Ada\x1b[2J\u2028" + "y" * 20, "#112233")
    SecurityLog().write(by(""), Event.DELETED, shown("y\n" * 100_000), user=user)
    ((_, said),) = written()
    assert said.isprintable() and len(said) < 1000
    assert "' from an unknown address by 'member:a\\nbxxx" in said
