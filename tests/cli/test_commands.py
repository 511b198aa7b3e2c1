"""The commands on a database that no server uses: what they do, say and return."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collab import __version__
from collab.cli import main
from collab.cli.failure import Exit
from collab.cli.library import Entry
from collab.cli.lock import locked
from collab.cli.transfer import file_name
from tests.plugins.fake import write_plugin


class Shell:
    """Types commands in an empty folder, with no variables of ours set."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code

    def ok(self, *words: str) -> str:
        """What a command prints that has to succeed in silence otherwise."""
        assert self(*words) == Exit.DONE, self.err
        assert self.err == ""
        return self.out


@pytest.fixture
def collab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    for name in os.environ:
        if name.startswith("COLLAB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


def test_version_and_usage(collab: Shell) -> None:
    assert collab.ok("--version") == f"collab {__version__}\n"
    assert collab() == Exit.USAGE
    assert "COMMAND" in collab.err
    assert collab("sevre") == Exit.USAGE
    assert "serve" in collab.err
    assert collab("serve", "--prot", "1") == Exit.USAGE
    assert collab("documents") == Exit.USAGE


def test_the_life_of_a_document(collab: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    one = collab.ok("documents", "create", "Minutes of  May").strip()
    rich = collab.ok("documents", "create", "Rich", "--type", "richtext").strip()
    listing = collab.ok("documents", "list").splitlines()
    assert listing[0].split() == ["ID", "REVISION", "TYPE", "CHANGED", "TITLE"]
    assert {line.split()[0] for line in listing[1:]} == {one, rich}
    assert any(line.endswith("  Minutes of May") for line in listing)
    found = collab.ok("documents", "list", "--search", "may", "--json")
    assert [json.loads(line)["id"] for line in found.splitlines()] == [one]
    assert f"id:       {one}" in collab.ok("documents", "show", one)
    assert json.loads(collab.ok("documents", "show", rich, "--json"))["type"] == "richtext"

    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert collab("documents", "delete", one) == Exit.USAGE
    assert "--yes" in collab.err
    collab.ok("documents", "delete", one, "--yes")
    assert collab("documents", "show", one) == Exit.MISSING
    assert collab.err == f"collab: There is no document {one}.\n"
    assert collab("documents", "delete", rich, one, "--yes") == Exit.MISSING
    collab.ok("documents", "show", rich)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("n\n", False), ("", False)])
def test_a_person_is_asked_before_a_document_is_deleted(
    collab: Shell, monkeypatch: pytest.MonkeyPatch, answer: str, gone: bool
) -> None:
    one = collab.ok("documents", "create", "Precious").strip()
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert collab("documents", "delete", one) == (Exit.DONE if gone else Exit.FAILED)
    assert "Precious" in collab.err and "for ever" in collab.err
    assert collab("documents", "show", one) == (Exit.MISSING if gone else Exit.DONE)


TEXT = "Grüße, 世界 👩‍👩‍👧\nsecond line\n"
DELTA = [{"insert": "bold", "attributes": {"bold": True}}, {"insert": "\n"}]


def test_what_is_imported_is_exported_again(collab: Shell, tmp_path: Path) -> None:
    Path("minutes.txt").write_text(TEXT, "utf-8")
    Path("rich.json").write_text(json.dumps(DELTA))
    Path("quill.json").write_text(json.dumps({"ops": DELTA}))
    Path("plain.json").write_text(json.dumps([{"insert": TEXT}]))
    Path("empty.txt").touch()
    files = ["minutes.txt", "rich.json", "quill.json", "plain.json", "empty.txt"]
    printed = collab.ok("import", *files)
    ids = {title: one for one, title in (line.split("  ") for line in printed.splitlines())}
    assert list(ids) == ["minutes", "rich", "quill", "plain", "empty"]
    assert collab.ok("export", ids["minutes"]) == TEXT
    assert collab.ok("export", ids["plain"], "--format", "text", "--revision", "0") == TEXT
    assert json.loads(collab.ok("export", ids["rich"], "--format", "delta")) == DELTA
    assert json.loads(collab.ok("export", ids["quill"], "--format", "delta")) == DELTA
    assert collab.ok("export", ids["empty"]) == ""
    shown = [json.loads(collab.ok("documents", "show", one, "--json")) for one in ids.values()]
    types = [one["type"] for one in shown]
    assert types == ["text", "richtext", "richtext", "text", "text"]

    collab.ok("export", ids["minutes"], "-o", "copy.txt")
    assert Path("copy.txt").read_text("utf-8") == TEXT
    assert collab("export", ids["minutes"], "-o", "copy.txt") == Exit.FAILED
    assert "--force" in collab.err
    collab.ok("export", ids["minutes"], "-o", "copy.txt", "--force")

    collab.ok("export", "--all", "-o", "all")
    assert {path.name for path in Path("all").iterdir()} == {
        f"{title} {one}.txt" for title, one in ids.items()
    }
    collab.ok("export", ids["rich"], ids["plain"], "-o", "some", "--format", "delta")
    assert len(list(Path("some").glob("*.json"))) == 2


@pytest.mark.bundled("formats", "markdown")
def test_a_type_that_a_plugin_brings_and_how_its_files_are_called(collab: Shell) -> None:
    Path("notes.md").write_text("# One\n\ntwo\n")
    one = collab.ok("import", "--type", "markdown", "notes.md").split()[0]
    two = collab.ok("import", "--format", "markdown", "notes.md").split()[0]
    three = collab.ok("documents", "create", "--type", "markdown", "Empty").strip()
    text = collab.ok("documents", "create", "plain").strip()
    for id in (one, two, three):
        assert json.loads(collab.ok("documents", "show", id, "--json"))["type"] == "markdown"
    collab.ok("export", one, two, text, "-o", "files")
    assert sorted(path.name for path in Path("files").iterdir()) == sorted(
        [f"notes {one}.md", f"notes {two}.md", f"plain {text}.txt"]
    )
    assert Path(f"files/notes {two}.md").read_text() == "# One\n\ntwo\n"
    assert collab("documents", "create", "--type", "poem", "Ode") == Exit.FAILED
    assert "There is no document type 'poem'" in collab.err


def test_line_ends_and_marks_of_other_systems_are_taken_away(collab: Shell) -> None:
    Path("dos.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    one = collab.ok("import", "dos.txt").split()[0]
    assert collab.ok("export", one) == "one\ntwo\nthree\n"


def test_standard_input_and_a_title(collab: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    one, _, title = collab.ok("import", "-", "--title", "From a pipe").strip().partition("  ")
    assert title == "From a pipe"
    assert collab.ok("export", one, "-o", "-") == TEXT


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["import", "missing.txt"], Exit.FAILED, "missing.txt can't be read"),
        (["import", "."], Exit.FAILED, ". can't be read"),
        (["import", "latin1.txt"], Exit.FAILED, "latin1.txt is not UTF-8 text: byte 2"),
        (["import", "broken.json"], Exit.FAILED, "broken.json is not valid JSON"),
        (["import", "number.json"], Exit.FAILED, "number.json is no delta"),
        (["import", "retain.json"], Exit.FAILED, "retain.json: "),
        (["import", "rich.json", "--type", "text"], Exit.FAILED, "rich.json: "),
        (["import", "fine.txt", "--type", "poem"], Exit.FAILED, "poem"),
        (["import", "fine.txt", "latin1.txt"], Exit.FAILED, "latin1.txt"),
        (["import", "fine.txt", "--title", "\n"], Exit.FAILED, "title"),
        (["import", "fine.txt", "--title", "x" * 500], Exit.FAILED, "title"),
        (["import", "fine.txt", "fine.txt", "--title", "x"], Exit.USAGE, "--title"),
        (["import", "-", "-"], Exit.USAGE, "once"),
        (["import", "fine.txt", "--set", "limits.document_size=2"], Exit.FAILED, "2"),
        (["import", "fine.txt", "--format", "runes"], Exit.USAGE, "runes"),
        (["export"], Exit.USAGE, "--all"),
        (["export", "nope"], Exit.MISSING, "There is no document nope."),
        (["export", "--all"], Exit.USAGE, "--output"),
        (["export", "a", "b"], Exit.USAGE, "--output"),
        (["export", "--all", "a"], Exit.USAGE, "--all"),
        (["export", "nope", "-o", "missing/file"], Exit.MISSING, "nope"),
        (["export", "--all", "-o", "fine.txt"], Exit.FAILED, "folder"),
        (["export", "nope", "--revision", "-1"], Exit.USAGE, "revision"),
        (["documents", "create", ""], Exit.FAILED, "title"),
        (["documents", "create", "x", "--type", "poem"], Exit.FAILED, "poem"),
        (["documents", "list", "--token", "x"], Exit.USAGE, "--url"),
        (["documents", "list", "--url", "docs.example"], Exit.USAGE, "no address of a server"),
        (["documents", "list", "--url", "file:///etc/passwd"], Exit.USAGE, "no address"),
        (["documents", "list", "--url", "http://x/", "--database", "y://"], Exit.USAGE, "which"),
        (["open"], Exit.FAILED, "No server has run in the data directory"),
        (["documents", "list", "--url", "http://127.0.0.1:9/"], Exit.FAILED, "does not answer"),
        (["documents", "list", "--data-dir", "fine.txt"], Exit.FAILED, "--data-dir"),
        (["documents", "list", "--database", "nonsense://x"], Exit.FAILED, "nonsense"),
        (["migrate", "--set", "port=x"], Exit.USAGE, "port is 'x' in the command line (--set)"),
        (["plugins", "list", "--plugins-dir", "missing"], Exit.USAGE, "a folder that exists"),
        (["plugins", "list", "--set", "plugins.nope.a=1"], Exit.USAGE, "nope"),
        (["settings", "--config", "missing.toml"], Exit.USAGE, "missing.toml can't be read"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    collab: Shell, words: list[str], code: Exit, said: str
) -> None:
    Path("fine.txt").write_text("fine")
    Path("latin1.txt").write_bytes(b"ab\xff")
    Path("broken.json").write_text("[{")
    Path("number.json").write_text("5")
    Path("retain.json").write_text('[{"retain": 1}, {"insert": "x"}]')
    Path("rich.json").write_text(json.dumps(DELTA))
    assert collab(*words) == code
    assert said in collab.err
    assert "Traceback" not in collab.err
    if words[0] != "export" or code != Exit.USAGE:
        assert collab.out == ""
    assert collab.ok("documents", "list").count("\n") == 1, "something was made all the same"


def test_while_somebody_works_on_the_data_nobody_else_does(collab: Shell) -> None:
    collab.ok("documents", "create", "One")
    with locked(Path("collab-data"), "a Collab server at http://127.0.0.1:8080/"):
        for words in (
            ["documents", "list"], ["documents", "create", "Two"],
            ["import", __file__], ["export", "--all", "-o", "x"],
        ):  # fmt: skip
            assert collab(*words) == Exit.TAKEN
            assert "add --url http://127.0.0.1:8080/" in collab.err
        for words in (["migrate"], ["serve"]):  # these take no --url
            assert collab(*words) == Exit.TAKEN
            assert "Stop it first" in collab.err and "--url" not in collab.err


def test_migrate_makes_a_database(collab: Shell, tmp_path: Path) -> None:
    collab.ok("migrate", "--data-dir", "here")
    assert any(path.name.startswith("collab") for path in Path("here").iterdir())
    assert collab.ok("migrate", "--data-dir", "here") == "The database is up to date.\n"


def test_settings_are_shown_with_their_sources_and_without_secrets(
    collab: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("collab.toml").write_text(
        "[tokens]\nbot = '0123456789abcdef'\n[plugins.mail]\npassword = 'hush'\nhost = 'mx'\n"
    )
    monkeypatch.setenv("COLLAB_DATABASE", "postgresql://me:geheim@db/collab")
    monkeypatch.setenv("COLLAB_ELSE", "1")
    assert collab("settings", "--port", "0", "--trusted-proxies", "unix,::1") == Exit.DONE
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in collab.out.splitlines()}
    assert lines["port"] == "0 the command line (--port)"
    assert lines["host"] == "127.0.0.1 the default"
    assert lines["trusted_proxies"] == "unix, ::1 the command line (--trusted-proxies)"
    assert lines["database"].startswith("postgresql://me:********@db/collab the environment")
    assert lines["tokens.bot"] == "******** collab.toml"
    assert lines["plugins.mail.password"] == "******** collab.toml"
    assert lines["plugins.mail.host"] == "mx collab.toml"
    assert lines["limits.rate"].endswith("the default")
    for secret in ("0123456789abcdef", "hush", "geheim"):
        assert secret not in collab.out
    assert collab.err == "collab: COLLAB_ELSE is no setting, and nothing reads it.\n"


def test_plugins_are_listed(collab: Shell) -> None:
    folder = Path("mine") / "broken"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('oh')\n")
    write_plugin(Path("mine"), "good", "class Good(Plugin): ...\n")
    out = collab.ok("plugins", "list", "--plugins-off", "cursors", "--plugins-dir", "mine")
    states = {line.split()[0]: line.split()[1] for line in out.splitlines()}
    assert states["good"] == "on"
    assert states["cursors"] == "off"
    assert states["broken"] == "problem"
    shown = [json.loads(line) for line in collab.ok("plugins", "list", "--json").splitlines()]
    assert "presence" in [one["name"] for one in shown]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Minutes", "Minutes ID.txt"),
        ("../../etc/passwd", "etc passwd ID.txt"),
        ('a/b\\c:d*e?"f<g>h|i', "a b c d e f g h i ID.txt"),
        ("...", "ID.txt"),
        ("世" * 200, "世" * 40 + " ID.txt"),
    ],
)
def test_files_are_called_after_their_documents(title: str, name: str) -> None:
    assert file_name(Entry("ID", title, "text", 0, 0.0, 0.0), "txt") == name


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "collab", "settings", "--reference"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.environ["PATH"]},
    )
    with process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait() in (Exit.FAILED, Exit.DONE)
        assert process.stderr.read() == b""
