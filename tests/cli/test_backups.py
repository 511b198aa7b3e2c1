"""``collab export`` and ``import`` of documents whole, on a data directory and over HTTP."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest

from collab.cli import main
from collab.cli.failure import Exit
from collab.protocol.settings import Settings
from collab.storage import open_store
from collab.storage.backup import read
from collab.testing.server import serve
from tests.cli.test_commands import Shell, collab
from tests.plugins.fake import write_plugin
from tests.storage.files import LINES, sealed
from tests.storage.test_whole import STEP

__all__ = ["collab"]

TABLE = [
    {"kind": "table", "plugin": "lists", "table": "lists_item", "columns": ["id"]},
    {"kind": "row", "values": [1]},
]


def test_a_document_goes_out_whole_and_comes_back(collab: Shell) -> None:
    Path("notes.collab").write_bytes(sealed(LINES))
    assert collab.ok("import", "notes.collab") == "notes  Notes\n"
    assert collab.ok("export", "notes", "--revision", "1") == "one two"
    assert collab.ok("export", "notes") == "😀 two"
    out = collab.ok("export", "notes", "--format", "backup")
    first, *lines = out.splitlines()
    assert '"id":"notes","title":"Notes","type":"text"' in first
    assert read(out.encode()).belongings.document.revision == 2
    collab.ok("export", "--all", "--format", "backup", "-o", "out")
    (file,) = Path("out").iterdir()
    assert file.name == "Notes notes.collab"
    assert file.read_text(encoding="utf-8") == out
    collab.ok("documents", "delete", "notes", "--yes")
    assert collab.ok("import", str(file), "--format", "backup") == "notes  Notes\n"
    again = collab.ok("export", "notes", "--format", "backup").splitlines()
    assert again[0] != first, "another epoch"
    assert again[1:-1] == lines[:-1]


def test_an_id_that_is_taken_is_replaced_and_that_is_said(collab: Shell) -> None:
    Path("notes.collab").write_bytes(sealed(LINES))
    collab.ok("import", "notes.collab")
    assert collab("import", "notes.collab", "--title", "Copy") == Exit.DONE
    id, title = collab.out.split()
    assert title == "Copy" and id != "notes"
    assert collab.err == (
        "collab: notes.collab: there is a document notes already, so this one is"
        f" {id} now.\n"
    )
    assert collab.ok("export", id) == "😀 two"


def test_standard_input(collab: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sealed(LINES))))
    assert collab.ok("import", "-", "--format", "backup") == "notes  Notes\n"


def test_a_file_that_is_wrong_changes_nothing(collab: Shell) -> None:
    Path("cut.collab").write_bytes(sealed(LINES)[:-50])
    assert collab("import", "cut.collab") == Exit.FAILED
    assert collab.err.startswith("collab: cut.collab: The file was cut off: it ends in line 9")
    Path("rows.collab").write_bytes(sealed([*LINES, *TABLE]))
    assert collab("import", "rows.collab") == Exit.FAILED
    assert "the table lists_item of the plugin lists, which is not there" in collab.err
    assert collab.ok("documents", "list", "--json") == ""
    assert collab.ok("import", "rows.collab", "--without", "lists") == "notes  Notes\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import", "a.collab", "b.txt"], "import them by themselves"),
        (["import", "a.collab", "--type", "text"], "a backup says what it is"),
        (["import", "b.txt", "--without", "chat"], "--without is for backups"),
        (["export", "x", "--format", "backup", "--revision", "1"], "leave --revision out"),
    ],
)
def test_what_makes_no_sense(collab: Shell, words: list[str], sentence: str) -> None:
    assert collab(*words) == Exit.USAGE
    assert sentence in collab.err


def test_what_is_not_there(collab: Shell) -> None:
    assert collab("export", "x", "--format", "backup") == Exit.MISSING
    assert collab("import", "x.collab") == Exit.FAILED
    assert "x.collab can't be read" in collab.err


async def test_through_a_running_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.collab").write_bytes(sealed(LINES))
    (tmp_path / "rows.collab").write_bytes(sealed([*LINES, *TABLE]))
    token = "t" * 32
    settings = Settings(data_dir=tmp_path / "data", tokens={"script": token})
    async with serve(settings) as server:

        async def run(*words: str) -> tuple[int, str, str]:
            where = ["--url", server.url, "--token", token]
            code = await asyncio.to_thread(main, [*words, *where])
            return code, *capsys.readouterr()

        assert await run("import", "notes.collab") == (0, "notes  Notes\n", "")
        code, out, _ = await run("export", "notes", "--format", "backup")
        assert code == 0 and read(out.encode()).belongings.document.id == "notes"
        code, _, error = await run("import", "rows.collab", "--title", "Copy")
        assert code == Exit.FAILED and "?without=lists" in error
        words = ["--title", "Copy", "--without", "lists", "--without", "more"]
        code, made, error = await run("import", "rows.collab", *words)
        assert code == 0 and made.endswith("  Copy\n") and "so this one is" in error
        code, _, _ = await run("export", "--all", "--format", "backup", "-o", "out")
        assert code == 0 and len(list((tmp_path / "out").glob("*.collab"))) == 2
        assert await server.text("notes", 1) == "one two"
        assert (await run("export", "x", "--format", "backup"))[0] == Exit.MISSING
    # What came in through the server is in the data directory for good.
    store = await open_store(settings)
    assert await store.last_sequence("notes", "bob") == (7, 2)
    await store.close()


def test_rows_come_back_on_a_data_directory_that_never_had_the_table(collab: Shell) -> None:
    write_plugin(Path("plugins"), "tags", "class Tags(Plugin):\n    pass\n")
    Path("plugins/tags/migrations").mkdir()
    Path("plugins/tags/migrations/0001_tags.py").write_text(STEP)
    rows = [
        {"kind": "table", "plugin": "tags", "table": "tags_tag", "columns": ["name", "picture"]},
        {"kind": "row", "values": ["red", {"bytes": "AP8="}]},
    ]
    Path("notes.collab").write_bytes(sealed([*LINES, *rows]))
    where = ["--plugins-dir", "plugins"]
    assert collab("import", "notes.collab", *where, "--plugins-off", "tags") == Exit.FAILED
    assert "tags_tag of the plugin tags, which is not there" in collab.err
    assert collab.ok("import", "notes.collab", *where) == "notes  Notes\n"
    found = read(collab.ok("export", "notes", "--format", "backup").encode()).belongings
    (table,) = found.tables
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "name": "red", "picture": b"\x00\xff", "weight": None, "made": None,
    }
