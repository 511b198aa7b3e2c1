"""members: names from a login in front of the server, and what guests may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from collab.plugins.members import NAME_LENGTH

from collab.client import Refused
from collab.plugins.settings import WrongSettings
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.storage.memory import MemoryStore
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from collab.web.operator import OPERATOR
from tests.plugins.fake import FakeRoom, make_manager, the
from tests.web.as_written import get

ADA = {"Remote-User": "Ada"}


def settings(folder: Path, **members: Any) -> Settings:
    members = {"proxies": ["127.0.0.1", "::1"], **members}
    return Settings(
        data_dir=folder,
        plugins_on=("members",),
        plugins={"members": members},
        trusted_proxies=("127.0.0.1/32",),
    )


async def status(server: Server, method: str, path: str, **how: Any) -> int:
    async with server.http.request(method, server.url + path, **how) as response:
        return response.status


async def name(server: Server, **headers: str) -> str:
    async with server.http.get(f"{server.url}/api/me", headers=headers) as response:
        return str((await response.json())["id"])


async def test_the_name_in_the_header_is_believed_from_the_proxy_only(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, header="Remote-User")) as server:
        assert await name(server, **ADA) == "member:Ada"
        assert await name(server, **ADA, **{"X-Forwarded-For": "192.0.2.1"}) == "member:Ada"
        assert (await name(server)).startswith("guest:")
    for proxies in (["10.0.0.1"], ["unix"]):
        elsewhere = settings(tmp_path, header="Remote-User", proxies=proxies)
        async with serve(elsewhere) as server:
            assert (await name(server, **ADA)).startswith("guest:")
            # Not even when it says that it comes from there: the connection itself does not.
            forwarded = {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1"}
            assert (await name(server, **ADA, **forwarded)).startswith("guest:")


@pytest.mark.parametrize(
    ("proxies", "believed"),
    [
        (["127.0.0.0/8"], True),
        (["10.0.0.0/8", "127.0.0.1/32"], True),
        (["::ffff:127.0.0.0/104"], True),
        (["10.0.0.0/8", "unix"], False),
        (["127.0.0.2/31"], False),
    ],
)
async def test_proxies_are_networks(tmp_path: Path, proxies: list[str], believed: bool) -> None:
    async with serve(settings(tmp_path, header="Remote-User", proxies=proxies)) as server:
        assert (await name(server, **ADA) == "member:Ada") is believed


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"proxies": ["10.0.0.0/33"]}, "neither a network"),
        ({"proxies": ["proxy.example"]}, "neither a network"),
        ({"proxies": ["127.0.0.1", ""]}, "neither a network"),
        ({"proxies": ["UNIX"]}, "neither a network"),
        ({"proxies": ["0.0.0.0/0"]}, "every address"),
        ({"proxies": ["unix", "::/0"]}, "every address"),
        ({"proxies": []}, "is empty"),
        ({"header": "X-Login"}, "'X-Remote-User'"),
        ({"header": "Remote_User"}, "'Remote-User'"),
    ],
)
def test_nonsense_stops_the_start(wrong: dict[str, Any], said: str) -> None:
    setting = next(iter(wrong))
    with pytest.raises(WrongSettings, match=rf"plugins\.members\.{setting}\b.*{said}"):
        make_manager(
            None, plugins_on=("members",),
            plugins={"members": {"header": "Remote-User", **wrong}},
        )


async def answer(server: Server, *headers: tuple[str, str]) -> tuple[int, dict[str, Any]]:
    return await get(f"{server.url}/api/me", *headers)


async def test_a_header_that_comes_twice_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, header="Remote-User")) as server:
        for other in ("Remote-User", "remote-user", "REMOTE-USER"):
            for pair in (("root", "Ada"), ("Ada", "Ada"), ("", "Ada"), ("Ada", "")):
                status, said = await answer(server, ("Remote-User", pair[0]), (other, pair[1]))
                assert status == 403 and "came 2 times" in said["error"]["message"]
        # That is an answer, not a failure of the plugin.
        assert server.app[PLUGINS].health()["members"].failures == 0
        # What is written otherwise is another header, and is not read.
        status, me = await answer(server, ("Remote-User", "Ada"), ("Remote_User", "root"))
        assert (status, me["id"]) == (200, "member:Ada")
        status, me = await answer(server, ("Remote_User", "root"))
        assert me["id"].startswith("guest:")
    # Who is not believed can't shut anybody out, either.
    async with serve(settings(tmp_path, header="Remote-User", proxies=["unix"])) as server:
        status, me = await answer(server, ("Remote-User", "root"), ("Remote-User", "Ada"))
        assert status == 200 and me["id"].startswith("guest:")


async def test_two_people_never_become_one(tmp_path: Path) -> None:
    chosen = settings(tmp_path, header="Remote-User", operators=["a" * 64])
    async with serve(chosen) as server:
        for letters in (64, 65, NAME_LENGTH):
            who = "a" * letters
            assert await name(server, **{"Remote-User": who}) == f"member:{who}"
            # Only the one whose name it is.
            code = await status(server, "GET", "/api/plugins", headers={"Remote-User": who})
            assert code == (200 if letters == 64 else 403)
        who = "a" * (NAME_LENGTH + 1)
        code, said = await answer(server, ("Remote-User", who))
        assert code == 403 and str(NAME_LENGTH) in said["error"]["message"]


@pytest.mark.parametrize(
    ("guests", "reads", "writes"), [("write", 200, 201), ("read", 200, 403), ("nothing", 403, 403)]
)
async def test_what_guests_may_do(
    tmp_path: Path, guests: str, reads: int, writes: int
) -> None:
    async with serve(settings(tmp_path, header="Remote-User", guests=guests)) as server:
        async with server.http.post(
            f"{server.url}/api/documents", json={}, headers=ADA
        ) as response:
            id = (await response.json())["id"]
        assert await status(server, "GET", f"/d/{id}") == reads
        assert await status(server, "POST", "/api/documents", json={}) == writes
        assert await status(server, "GET", f"/d/{id}", headers=ADA) == 200


async def test_operators_may_switch_plugins(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, header="Remote-User", operators=["Ada"])) as server:
        assert await status(server, "GET", "/api/plugins", headers=ADA) == 200
        bob = {"Remote-User": "Bob"}
        assert await status(server, "GET", "/api/plugins", headers=bob) == 403


async def test_a_link_logs_out(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, logout="https://login.example/out")) as server:
        id = await server.create_document()
        for path in ("/", f"/d/{id}"):
            async with server.http.get(server.url + path) as page:
                link = '<a class="bar-link" href="https://login.example/out">Log out</a>'
                assert link in await page.text()


CLOSE = "/plugins/members/api/documents/"


async def test_an_operator_closes_a_document_to_guests_while_they_write(tmp_path: Path) -> None:
    chosen = settings(tmp_path, header="Remote-User", operators=["Ada"])
    async with serve(chosen) as server:
        id, other = await server.create_document("Notes", "one"), await server.create_document()
        async with server.connect(id) as guest, server.connect(other) as elsewhere:
            session = elsewhere.session
            bob = {"Remote-User": "Bob"}
            for headers, code in (({}, 403), (bob, 403), (ADA, 200)):
                how = {"json": {"guests": "read"}, "headers": headers}
                assert await status(server, "PUT", CLOSE + id, **how) == code
            await guest.wait_for(lambda it: it.permissions == {"read"}, timeout=10)
            with pytest.raises(Refused):
                await guest.insert(0, "x")
            assert await status(server, "PUT", f"/api/documents/{id}/content", json="x") == 403
            await elsewhere.insert(0, "x")
            assert elsewhere.session == session
            async with server.http.put(
                server.url + CLOSE + id, json={"guests": "write"}, headers=ADA
            ) as response:
                assert await response.json() == {"guests": "write", "changed": 1}
            await guest.wait_for(lambda it: "write" in it.permissions, timeout=10)
            await guest.insert(0, "zero ")
        for closed, guests in ((id, "read"), (other, "nothing")):
            how = {"json": {"guests": guests}, "headers": server.operator}
            assert await status(server, "PUT", CLOSE + closed, **how) == 200
        assert await status(server, "DELETE", f"/api/documents/{other}", headers=ADA) == 204
        members = the(server.app[PLUGINS], "members")
        await server.app[PLUGINS].told()
        assert await members.state.list() == {}
        assert await members.state.list(document=id) == {"guests": "read"}
        assert await members.state.list(document=other) == {}
    async with serve(chosen) as server:
        async with server.http.get(server.url + CLOSE + id, headers=ADA) as response:
            assert await response.json() == {"guests": "read"}
        async with server.connect(id) as guest:
            assert guest.permissions == {"read"} and guest.text == "zero one"


async def in_parts(server: Server) -> AsyncIterator[bytes]:
    """A body whose parts reach the server one after the other."""
    for part in (b'{"guests": ', b'"write"}'):
        yield part
        assert await status(server, "GET", "/") == 200


async def test_what_holds_everywhere_holds_in_a_document_too(tmp_path: Path) -> None:
    chosen = settings(tmp_path, header="Remote-User", guests="read", operators=["Ada"])
    async with serve(chosen) as server:
        async with server.http.post(
            f"{server.url}/api/documents", json={}, headers=ADA
        ) as response:
            id = (await response.json())["id"]
        for wanted, code in (("write", 200), ("nothing", 403), ("write", 200)):
            how: dict[str, Any] = {"json": {"guests": wanted}, "headers": ADA}
            assert await status(server, "PUT", CLOSE + id, **how) == 200
            assert await status(server, "GET", f"/d/{id}") == code
            assert await status(server, "PUT", f"/api/documents/{id}/content", json="x") == 403
        for body in ("1", "{", '{"guests": "all"}', '{"guests": "read", "x": 1}', "\\xff" * 600):
            how = {"data": body, "headers": {**ADA, "Content-Type": "application/json"}}
            assert await status(server, "PUT", CLOSE + id, **how) == 400
        assert await status(server, "PUT", CLOSE + id, data="{}", headers=ADA) == 415
        how = {"data": in_parts(server), "headers": {**ADA, "Content-Type": "application/json"}}
        assert await status(server, "PUT", CLOSE + id, **how) == 200
        assert await status(server, "GET", CLOSE + "none", headers=ADA) == 404
        # In the operator's own browser they are a guest, and don't lock themselves out.
        operator = server.app[OPERATOR]
        signed_in = {"Cookie": f"{operator.cookie}={operator.session()}", "Origin": server.url}
        for wanted in ("nothing", "write"):
            how = {"json": {"guests": wanted}, "headers": signed_in}
            assert await status(server, "PUT", CLOSE + id, **how) == 200


def test_where_everybody_is_a_guest_it_costs_nothing() -> None:
    (listed,) = make_manager(None, plugins_on=("members",)).loaded.values()
    assert not any(map(listed.plugin.wants, ("authenticate", "authorize", "routes")))


async def test_no_guest_gets_in_before_it_is_known_what_is_closed() -> None:
    manager = make_manager(None, plugins_on=("members",), plugins={"members": {"operators": ["A"]}})
    document = manager.house.document_of(FakeRoom(manager))
    guest = User("guest:x", "X", "#112233")
    with pytest.raises(CollabError, match="members decides about that"):
        await manager.gate.allows(guest, "read", document)
    await manager.start(store=MemoryStore())
    assert await manager.gate.allows(guest, "read", document)
    await manager.stop()
