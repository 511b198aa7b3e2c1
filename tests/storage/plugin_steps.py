"""Migrations of a plugin called ``notes``, and its tables."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import JSON, Column, Integer, MetaData, Select, Table, Text, func, literal, select

FIRST = """
op.create_table(
    "notes_pages",
    sa.Column(
        "document", sa.Text, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON),
)
op.create_table("notes_words", sa.Column("word", sa.Text, primary_key=True))
"""

metadata = MetaData()
pages = Table(
    "notes_pages",
    metadata,
    Column("document", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("text", Text),
    Column("tags", JSON),
)
words = Table("notes_words", metadata, Column("word", Text, primary_key=True))


def write_step(folder: Path, number: int, body: str) -> Path:
    """Put step ``number``, which follows the one before, into a plugin's folder; its migrations."""
    before = f"{number - 1:04}" if number > 1 else None
    lines = [
        "import sqlalchemy as sa",
        "from alembic import op",
        f"revision = {f'{number:04}'!r}",
        f"down_revision = {before!r}",
        "def upgrade():",
        *("    " + line for line in body.strip().splitlines()),
    ]
    migrations = folder / "migrations"
    migrations.mkdir(parents=True, exist_ok=True)
    # Python takes a file whose second and size are the same for unchanged.
    shutil.rmtree(migrations / "__pycache__", ignore_errors=True)
    (migrations / f"{number:04}_step.py").write_text("\n".join(lines) + "\n")
    return migrations


def endless() -> Select[tuple[int]]:
    """A query that would run for ever."""
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1))
    return select(func.count()).select_from(numbers)
