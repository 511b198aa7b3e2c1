"""``collab plugins``, the commands and formats that plugins bring, and safe mode."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from collab.cli.arguments import make_parser
from collab.cli.failure import Exit
from collab.cli.lock import locked
from collab.cli.main import _load, main
from collab.protocol.settings import Settings
from collab.testing.server import serve
from collab.web.keys import PLUGINS
from tests.cli.test_commands import Shell, collab
from tests.plugins.fake import BUNDLED, write_plugin

__all__ = ["collab"]

TOUR = '''
from collab import Command, Format, Imported

class Tour(Plugin):
    """Bring a format and a command."""

    @hookimpl
    def exporters(self):
        return [Format("shout", "Capitals", "caps", "text/plain", self.shout)]

    async def shout(self, document):
        return document.text.upper() + str(await self.state.get("mark", document=document))

    @hookimpl
    def importers(self):
        return [Format("whisper", "Small letters", "txt", "text/plain", self.whisper)]

    async def whisper(self, data, filename):
        if not data:
            raise ValueError("There is nothing in that file.")
        return Imported(delta=data.decode().lower(), state={"mark": filename})

    @hookimpl
    def commands(self):
        return [Command("longest", "print lengths", self.longest, self.arguments)]

    def arguments(self, parser):
        parser.add_argument("--least", type=int, default=0)

    async def longest(self, server, arguments):
        made = await server.create_document("Made by a command", content="abc")
        async with server.document(made.id) as document:
            async with document.edit(author="tour") as edit:
                edit.insert(0, "1")
        for one in (await server.documents())[0]:
            async with server.document(one.id) as document:
                if document.length >= arguments.least:
                    print(document.length, document.title, document.text)
        if arguments.least == 99:
            raise ValueError("No.")
        return 5
'''


@pytest.fixture
def tour(tmp_path: Path) -> str:
    write_plugin(tmp_path / "mine", "tour", TOUR)
    return "mine"


def test_a_new_plugin_works_and_its_test_passes(collab: Shell, tmp_path: Path) -> None:
    out = collab.ok("plugins", "new", "word_alarm", "--into", "mine")
    assert f"Made {Path('mine/word_alarm')}" in out
    listed = [
        json.loads(line)
        for line in collab.ok("plugins", "list", "--plugins-dir", "mine", "--json").splitlines()
    ]
    (made,) = [one for one in listed if one["name"] == "word_alarm"]
    assert made["state"] == "on"
    assert made["description"] == "Show everybody how long the document is."
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "mine/word_alarm"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout
    assert collab("plugins", "new", "word_alarm", "--into", "mine") == Exit.FAILED
    assert "is there already" in collab.err
    assert collab("plugins", "new", "Word-Alarm") == Exit.USAGE
    assert collab("plugins", "new", "import") == Exit.USAGE


def test_a_new_package_can_be_installed_and_its_test_passes(
    collab: Shell, tmp_path: Path
) -> None:
    out = collab.ok("plugins", "new", "word_alarm", "--package")
    assert 'pip install -e "collab-word-alarm[test]"' in out
    folder = tmp_path / "collab-word-alarm"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "README.md",
        "collab_word_alarm/__init__.py",
        "collab_word_alarm/static/word_alarm.js",
        "pyproject.toml",
        "tests/test_word_alarm.py",
    ]

    def run(*words: str, site: str = "") -> str:
        path = os.pathsep.join([site, str(Path(__file__).parents[2])])
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=folder, env={**os.environ, "PYTHONPATH": path},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert "install the package first" in run("pytest", "-q", "tests")
    # As pip does it: built, and unpacked where Python looks.
    run("hatchling", "build", "-t", "wheel")
    (wheel,) = (folder / "dist").iterdir()
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    assert "1 passed" in run("pytest", "-q", "tests", site=str(tmp_path / "site"))
    shown = run("collab", "plugins", "show", "word_alarm", site=str(tmp_path / "site"))
    assert "collab_word_alarm/static/word_alarm.js" in shown
    assert (tmp_path / "site/collab_word_alarm/static/word_alarm.js").is_file()
    assert collab("plugins", "new", "chat", "--package") == Exit.USAGE
    assert "bundled" in collab.err


@pytest.mark.bundled("chat", "presence")
def test_a_plugin_is_shown_with_its_settings_and_what_it_brings(collab: Shell, tour: str) -> None:
    shown = collab.ok("plugins", "show", "presence")
    assert "presence: Show who has the document open." in shown
    assert "plugins.presence.idle_after = 300.0" in shown
    assert "Seconds without activity after which somebody is idle." in shown
    assert "default 300.0" in shown and "session_joined: Somebody opened a document" in shown
    shown = collab.ok("plugins", "show", "tour", "--plugins-dir", tour)
    assert "collab longest: print lengths" in shown
    assert "  commands: Add commands to the command line: `collab NAME …`.\n" in shown
    assert "shout: Capitals (.caps)" in shown and "whisper: Small letters (.txt)" in shown
    assert "Migrations" not in shown
    shown = collab.ok("plugins", "show", "chat")
    step = Path(__file__).parents[2] / "plugins" / "chat" / "migrations" / "0001_messages.py"
    assert f"Migrations of its own tables\n  {step}\n" in shown
    assert collab("plugins", "show", "nobody") == Exit.MISSING
    assert "presence" in collab.err
    write_plugin(Path("mine"), "page", "class Page(Plugin):\n    '''For browsers only.'''\n")
    assert "Hooks" not in collab.ok("plugins", "show", "page", "--plugins-dir", "mine")
    assert collab("plugins", "show", "presence", "--plugins-off", "presence") == Exit.FAILED


def test_a_plugin_brings_a_command(collab: Shell, tour: str) -> None:
    id = collab.ok("documents", "create", "Short").strip()
    assert collab("longest", "--plugins-dir", tour, "--least", "4") == 5
    assert collab.out == "4 Made by a command 1abc\n"
    assert collab("longest", "--plugins-dir", tour, "--least", "99") == Exit.FAILED
    assert collab.err == "collab: The command longest failed: ValueError: No.\n"
    assert collab("longest", "--plugins-dir", tour, "--more") == Exit.USAGE
    assert collab("longest") == Exit.USAGE
    assert "There is no command longest, and no plugin brings one: there is check" in collab.err
    assert "--plugins-dir" in collab.err
    in_use = "in use by a Collab server at http://127.0.0.1:8080/"
    with locked(Path("collab-data"), "a Collab server at http://127.0.0.1:8080/"):
        assert collab("longest", "--plugins-dir", tour) == Exit.TAKEN
    assert in_use in collab.err and "Stop it first" in collab.err and "--url" not in collab.err
    assert id in collab.ok("documents", "list")


def test_files_go_in_and_out_in_the_formats_of_plugins(collab: Shell, tour: str) -> None:
    Path("Loud.txt").write_text("HELLO")
    Path("empty.txt").write_text("")
    made = collab.ok("import", "Loud.txt", "--format", "whisper", "--plugins-dir", tour)
    id, title = made.split()
    assert title == "Loud"
    assert collab.ok("export", id) == "hello"
    out = collab.ok("export", id, "--format", "shout", "--plugins-dir", tour)
    assert out == "HELLOLoud.txt"
    words = ("--format", "shout", "--plugins-dir", tour, "--output", "out")
    collab.ok("export", "--all", *words)
    (file,) = Path("out").iterdir()
    assert file.name == f"Loud {id}.caps" and file.read_text() == "HELLOLoud.txt"
    assert collab("import", "empty.txt", "--format", "whisper", "--plugins-dir", tour) == 1
    assert "There is nothing in that file." in collab.err
    assert collab("export", id, "--format", "sing", "--plugins-dir", tour) == Exit.USAGE
    assert "shout" in collab.err
    assert collab("export", "none", "--format", "shout", "--plugins-dir", tour) == Exit.MISSING


@pytest.mark.parametrize(
    ("words", "on"),
    [
        ((), ("*",)),
        (("--safe-mode",), ()),
        (("--safe-mode", "--only", "presence", "--only", "cursors"), ("presence", "cursors")),
        (("--only", "presence"), ("presence",)),
    ],
)
def test_safe_mode_loads_what_is_named_and_nothing_else(
    words: tuple[str, ...], on: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Any] = []

    def serve(settings: Any) -> int:
        seen.append(settings)
        return 0

    monkeypatch.setattr("collab.cli.serve.serve", serve)
    assert main(["serve", *words]) == 0
    assert seen[0].plugins_on == on and seen[0].safe_mode is bool(words)
    assert _load(make_parser().parse_args(["serve"])).settings.plugins_on == ("*",)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_plugin_can_be_shown(collab: Shell, name: str) -> None:
    assert f"{name}: " in collab.ok("plugins", "show", name)


def test_secrets_of_a_plugin_are_not_shown(collab: Shell) -> None:
    write_plugin(
        Path("mine"),
        "it",
        """
        from msgspec import Struct

        class It(Plugin):
            class Settings(Struct):
                secret: str
                tokens: tuple[str, ...] = ()
        """,
    )
    words = ("plugins", "show", "it", "--plugins-dir", "mine", "--set", "plugins.it.secret=hush")
    shown = collab.ok(*words)
    assert "plugins.it.secret = ********" in shown and "has to be set" in shown
    assert "plugins.it.tokens = ()" in shown and "hush" not in shown


async def test_the_list_of_a_running_server_says_what_is_wrong_with_a_plugin(
    collab: Shell, tmp_path: Path
) -> None:
    write_plugin(tmp_path / "mine", "later", "class Later(Plugin):\n    api = 2\n")
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "mine", plugins_on=("later",)
    )
    async with serve(settings) as server:
        with locked(settings.data_dir, f"a Collab server at {server.url}/"):
            words = ("plugins", "list", "--url", server.url, "--data-dir", "data")
            listed = await asyncio.to_thread(collab.ok, *words)
    (line,) = [line for line in listed.splitlines() if line.startswith("later ")]
    assert line.split(maxsplit=5)[1:5] == ["problem", "-", "-", "-"]
    assert "for version 2 of the plugin interface" in line


async def test_plugins_of_a_running_server_are_switched(
    collab: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plugin(
        tmp_path / "mine",
        "guard",
        """
        class Guard(Plugin):
            @hookimpl
            def authorize(self, user, action):
                return user.id == "token:ops" if action == "administer" else None
        """,
    )
    write_plugin(tmp_path / "mine", "tour", TOUR)
    token = "t" * 32
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "mine", plugins_on=("guard", "tour"),
        tokens={"ops": token},
    )
    async with serve(settings) as server:
        manager = server.app[PLUGINS]

        async def run(state: str, name: str, *words: str) -> int:
            return await asyncio.to_thread(
                collab, "plugins", state, name, "--url", server.url, *words
            )

        assert await run("off", "tour", "--token", token) == Exit.DONE
        assert collab.out == "The plugin tour is off.\n" and "tour" not in manager.loaded
        monkeypatch.setenv("COLLAB_TOKEN", token)
        assert await run("on", "tour") == Exit.DONE
        module = tmp_path / "mine" / "tour" / "__init__.py"
        module.write_text(module.read_text().replace("Capitals", "Loud"))
        assert await run("reload", "tour") == Exit.DONE
        assert collab.out == "The plugin tour was loaded anew.\n"
        assert manager.exchange.exporters["shout"].format.title == "Loud"
        assert await run("reload", "tuor") == Exit.MISSING
        assert "There is no plugin 'tuor'" in collab.err
        module.write_text("1 +")
        assert await run("reload", "tour") == Exit.FAILED
        assert "can't be used" in collab.err and "tour" in manager.loaded
        assert await run("off", "tour", "--token", "x" * 32) == Exit.FAILED
        assert "That token is not known here. Say who you are" in collab.err
        monkeypatch.delenv("COLLAB_TOKEN")
        assert await run("off", "tour") == Exit.FAILED
        assert "That is for the operator" in collab.err
        assert "Say who you are with a token" in collab.err
        for hook in ("authorize", "authenticate"):
            name = f"broken_{hook}"
            rules = f"class Rules(Plugin):\n    @hookimpl\n    def {hook}(self): 1 / 0\n"
            write_plugin(tmp_path / "mine", name, rules)
            assert await run("on", name, "--token", token) == Exit.DONE
            assert await run("off", name) == Exit.FAILED
            assert "Say who you are with a token" in collab.err
            assert await run("off", name, "--token", "x" * 32) == Exit.FAILED
            assert name in manager.loaded
            assert await run("off", name, "--token", token) == Exit.DONE
            assert name not in manager.loaded
    assert collab("plugins", "off", "tour") == Exit.USAGE
    assert "none holds the data directory" in collab.err and "--url" in collab.err
