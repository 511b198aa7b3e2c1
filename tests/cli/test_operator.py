"""``collab open``, and commands whose user is the operator because the secret is theirs to read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from aiohttp import web

from collab.cli.failure import Exit
from collab.cli.lock import locked, served_at
from collab.cli.operator import link_explained
from collab.web.secret import load_secret
from tests.cli.test_commands import Shell, collab
from tests.cli.test_serve import Server, server

__all__ = ["collab", "server"]


async def uses(link: str, at: str | None = None) -> tuple[int, int]:
    """Use a link in a fresh browser (at another address): the answer's status, and that of what
    is for the operator afterwards.
    """
    address, _, key = link.partition("#")
    home = (at or address).removesuffix("operator").rstrip("/")
    origin = "/".join(home.split("/")[:3])
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Origin": origin}) as browser:
        async with browser.post(
            f"{home}/operator", data={"key": key}, allow_redirects=False
        ) as response:
            first = response.status
        async with browser.get(f"{home}/api/plugins") as response:
            return first, response.status


async def run(server: Server, *words: str, **environment: str) -> tuple[int | None, str, str]:
    command = await server.run(*words, **environment)
    out, errors = await command.communicate()
    return command.returncode, out.decode(), errors.decode()


async def test_a_server_prints_a_link_and_open_prints_another(server: Server) -> None:
    process, url = await server.start("--port", "0", "--base-path", "/team/docs")
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode().strip()
    first = line.removeprefix("To administer it, open ")
    assert first.startswith(f"{url}operator#")
    assert await uses(first) == (303, 200)
    assert await uses(first) == (403, 403)
    code, second, said = await run(server, "open")
    assert (code, said) == (Exit.DONE, link_explained() + "\n")
    assert second.startswith(f"{url}operator#") and second != first
    assert await uses(second.strip()) == (303, 200)
    # Where browsers reach it by another address, the link says so; its key is the same kind.
    for words, environment in (
        (["--url", "https://docs.example/notes/"], {}),
        ([], {"COLLAB_URL": "https://docs.example/notes"}),
    ):
        code, third, _ = await run(server, "open", *words, **environment)
        assert code == Exit.DONE and third.startswith("https://docs.example/notes/operator#")
        assert await uses(third.strip(), at=url) == (303, 200)
    code, _, said = await run(server, "open", "--url", "docs.example")
    assert code == Exit.USAGE and "no address of a server" in said
    process.kill()
    await process.wait()
    code, out, said = await run(server, "open")
    assert (code, out) == (Exit.FAILED, "") and "No server runs" in said


async def test_on_a_unix_socket_the_address_has_to_be_given(server: Server) -> None:
    await server.start("--unix-socket", str(server.folder / "collab.sock"))
    code, out, said = await run(server, "open")
    assert (code, out) == (Exit.USAGE, "") and "--url" in said
    code, out, _ = await run(server, "open", "--url", "https://docs.example/")
    assert code == Exit.DONE and out.startswith("https://docs.example/operator#")


async def test_beside_the_data_directory_no_token_is_needed(server: Server) -> None:
    _, url = await server.start("--port", "0")
    code, out, said = await run(server, "plugins", "off", "chat")
    assert (code, out, said) == (Exit.DONE, "The plugin chat is off.\n", "")
    other = url.replace("127.0.0.1", "localhost")
    for words in (
        ("plugins", "list", "--url", url), ("plugins", "reload", "presence", "--url", other),
    ):  # fmt: skip
        code, _, said = await run(server, *words)
        assert (code, said) == (Exit.DONE, "")
    (server.folder / "notes.txt").write_text("one")
    code, out, _ = await run(server, "import", "notes.txt", "--url", url)
    id = out.split()[0]
    code, out, said = await run(server, "export", id, "--format", "backup", "--url", url)
    assert (code, said) == (Exit.DONE, "") and '"collab"' in out.splitlines()[0]
    # Elsewhere on the machine the data directory has to be said, and readable.
    (server.folder / "elsewhere").mkdir()
    elsewhere = Server(server.folder / "elsewhere")
    code, _, said = await run(elsewhere, "plugins", "on", "chat", "--url", url)
    assert code == Exit.FAILED and "collab open" in said and "--data-dir" in said
    data = str(server.folder / "collab-data")
    code, _, said = await run(elsewhere, "plugins", "on", "chat", "--data-dir", data)
    assert (code, said) == (Exit.DONE, "")


async def test_the_proof_goes_to_no_other_server(tmp_path: Path, collab: Shell) -> None:
    """A relay: whoever makes the operator's command talk to them passes on what it says."""
    heard: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization"))
        return web.json_response({"plugins": []})

    app = web.Application()
    app.router.add_get("/api/plugins", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    data = tmp_path / "collab-data"
    load_secret(data)
    with locked(data, "a Collab server at http://127.0.0.1:9/"):
        words = ["plugins", "list", "--url", f"http://127.0.0.1:{port}"]
        assert await asyncio.to_thread(collab, *words) == Exit.DONE
    with locked(data, f"a Collab server at http://127.0.0.1:{port}/"):
        assert await asyncio.to_thread(collab, *words) == Exit.DONE
    await asyncio.to_thread(collab, *words)
    assert [one is not None for one in heard] == [False, True, False]
    await runner.cleanup()


async def test_the_proof_goes_to_no_proxy_of_the_environment(server: Server) -> None:
    _, url = await server.start("--port", "0")
    seen: list[str] = []

    async def spy(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.json_response({"plugins": []})

    runner = web.ServerRunner(web.Server(spy))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    proxy = f"http://127.0.0.1:{runner.addresses[0][1]}"
    words = {"http_proxy": proxy, "HTTP_PROXY": proxy, "no_proxy": "", "NO_PROXY": ""}
    try:
        code, _, said = await run(server, "plugins", "reload", "wordcount", **words)
        assert (code, seen) == (Exit.DONE, []), said
        # With a token that was given, the environment's proxy is asked, as by other programs.
        await run(server, "plugins", "list", "--url", url, "--token", "of-a-script", **words)
        assert seen == ["Bearer of-a-script"]
    finally:
        await runner.cleanup()


def test_who_holds_the_data_directory(tmp_path: Path) -> None:
    assert served_at(tmp_path) is None
    for words, address in (
        ("a Collab server at http://127.0.0.1:8080/team/", "http://127.0.0.1:8080/team/"),
        ("a Collab server at unix:/run/collab.sock", "unix:/run/collab.sock"),
        ("a Collab server that is starting", None),
        ("collab migrate", None),
    ):
        with locked(tmp_path, words):
            assert served_at(tmp_path) == address
        assert served_at(tmp_path) is None
    (tmp_path / "lock").write_text("1 a Collab server at http://127.0.0.1:8080/\n")
    assert served_at(tmp_path) is None, "it was killed"


def test_another_user_is_told_whose_command_it_is(collab: Shell, tmp_path: Path) -> None:
    data = tmp_path / "collab-data"
    load_secret(data)
    with locked(data, "a Collab server at http://127.0.0.1:8080/"):
        (data / "secret").unlink()
        (data / "secret").mkdir()  # for root, too, this can't be read
        assert collab("open") == Exit.FAILED
    assert "as the user that runs the server" in collab.err
