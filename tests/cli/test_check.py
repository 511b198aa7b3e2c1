"""``collab check``: what was changed in a database or a backup is named, and nothing is written."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from collab.cli.failure import Exit
from collab.cli.lock import locked
from tests.cli.test_commands import Shell, collab
from tests.storage.files import LINES, sealed

__all__ = ["collab"]

DATABASE = Path("collab-data/collab.sqlite3")


def fill(collab: Shell) -> None:
    Path("notes.collab").write_bytes(sealed(LINES))
    collab.ok("import", "notes.collab")
    collab.ok("documents", "create", "Other")


def alter(statement: str) -> None:
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute(statement)
        connection.commit()


def test_what_is_whole(collab: Shell) -> None:
    fill(collab)
    assert collab.ok("check") == "2 documents with 2 revisions checked: all are whole.\n"
    assert collab.ok("check", "notes") == "1 document with 2 revisions checked: all are whole.\n"
    # Of the version before there were hashes, and of this one.
    assert "all are whole" in collab.ok("check", "notes.collab")
    collab.ok("export", "notes", "--format", "backup", "-o", "again.collab")
    assert "2 documents with 4" in collab.ok("check", "notes.collab", "again.collab")
    [line] = collab.ok("check", "--json", "again.collab").splitlines()
    assert json.loads(line) == {
        "name": "again.collab", "revision": 2, "damaged": None, "sentence": None,
    }


def test_it_works_while_a_server_runs_and_changes_nothing(collab: Shell) -> None:
    fill(collab)
    before = hashlib.sha256(DATABASE.read_bytes()).digest()
    with locked(DATABASE.parent, "the server"):
        assert "all are whole" in collab.ok("check")
    assert hashlib.sha256(DATABASE.read_bytes()).digest() == before


def test_the_first_revision_that_was_changed_is_named(collab: Shell) -> None:
    fill(collab)
    alter("UPDATE operations SET author = 'Eve' WHERE revision = 2")
    assert collab("check") == Exit.FAILED
    assert collab.out == (
        "The log of document notes is damaged at revision 2: it is not what was written.\n"
    )
    assert collab.err.startswith("collab: Of 2, 1 is damaged. Keep a copy of it.")
    assert collab("check", "--json", "notes") == Exit.FAILED
    assert json.loads(collab.out)["damaged"] == 2
    # As the sentence says: what came before is whole.
    assert collab.ok("export", "notes", "--revision", "1") == "one two"
    assert collab("export", "notes") == Exit.FAILED
    assert "damaged at revision 2" in collab.err


def test_a_changed_backup(collab: Shell) -> None:
    fill(collab)
    collab.ok("export", "notes", "--format", "backup", "-o", "again.collab")
    file = Path("again.collab")
    file.write_bytes(file.read_bytes().replace("😀".encode(), "😁".encode()))
    assert collab("check", "again.collab", "notes") == Exit.FAILED
    assert collab.out.startswith("again.collab: The file was changed or damaged")
    assert "The first revision that differs is 2." in collab.out
    assert "Of 2, 1 is damaged" in collab.err


def test_what_can_not_be_checked(collab: Shell) -> None:
    assert collab("check") == Exit.FAILED
    assert "There is no database" in collab.err
    assert not DATABASE.exists()
    fill(collab)
    assert collab("check", "nothing") == Exit.MISSING
    assert collab("check", "nothing.collab") == Exit.FAILED
    assert "can't be read" in collab.err
    alter("UPDATE alembic_version SET version_num = '0002'")
    assert collab("check") == Exit.FAILED
    assert "earlier version of Collab: bring it to this one first" in collab.err


def test_a_type_that_no_plugin_brings(collab: Shell) -> None:
    lines = [{**LINES[0], "document": {**LINES[0]["document"], "type": "sheet"}}, *LINES[1:]]
    Path("sheet.collab").write_bytes(sealed(lines))
    assert collab("check", "sheet.collab") == Exit.DONE
    assert "no plugin that is switched on brings the type sheet" in collab.err
