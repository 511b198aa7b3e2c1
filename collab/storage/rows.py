"""A document's rows in the tables that plugins have of their own, out of them and back.

Values are taken as the driver of the database gives them, not as the plugin's types show them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Table, bindparam, column, insert, select, table
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.expression import TableClause

from collab.storage.port import Rows, Unfit, Value

DOCUMENT = "document"
"""The column that names the document."""


def columns(found: Table) -> list[str]:
    """The names of a table's columns, without the one that names the document, and without those
    that the database computes."""
    return [
        str(one.name)
        for one in found.columns
        if one.name != DOCUMENT and one.computed is None
    ]


def query(found: Table) -> Select[Any]:
    """The document's rows, in the order of their keys; the parameter is ``document``."""
    names = columns(found)
    plain = _untyped(found.name, names)
    keys = [plain.c[one.name] for one in found.primary_key]
    of = plain.c[DOCUMENT] == bindparam(DOCUMENT)
    # The document too: a table may have no other column.
    return select(*plain.c).where(of).order_by(*keys)


def read(plugin: str, found: Table, rows: Sequence[Sequence[Any]]) -> Rows:
    """What `query` answered."""
    return Rows(plugin, str(found.name), columns(found), [tuple(row)[1:] for row in rows])


def statement(rows: Rows) -> Insert:
    """Writes rows that `fitting` has found to fit."""
    return insert(_untyped(rows.table, rows.columns))


def parameters(rows: Rows, document: str) -> Iterator[dict[str, Value]]:
    """What `statement` takes."""
    for row in rows.rows:
        yield {DOCUMENT: document, **dict(zip(rows.columns, row, strict=True))}


def fitting(rows: Sequence[Rows], tables: Mapping[str, Sequence[Table]]) -> list[Rows]:
    """Those that are any, in the order in which ``tables`` (by plugin) have them written.

    Raises `Unfit` when a table is not there, or lacks a column.
    """
    wanted = {(one.plugin, one.table): one for one in rows if one.rows}
    fit = []
    for plugin, found in tables.items():
        for one in found:
            mine = wanted.pop((plugin, one.name), None)
            if mine is None:
                continue
            missing = set(mine.columns) - set(columns(one))
            if missing:
                raise _unfit(mine, f"has no column {min(missing)}")
            fit.append(Rows(mine.plugin, mine.table, mine.columns, _parents_first(one, mine)))
    for mine in wanted.values():
        raise _unfit(mine, "is not there")
    return fit


def _unfit(rows: Rows, what: str) -> Unfit:
    return Unfit(
        f"The file has {len(rows.rows)} rows for the table {rows.table} of the plugin"
        f" {rows.plugin}, which {what}. Switch on the version of the plugin that they are from,"
        f" or leave its rows out: --without {rows.plugin}, over HTTP ?without={rows.plugin}."
    )


def not_beside(reason: Exception) -> Unfit:
    """The rows fit their tables, but not beside the rows that are there."""
    return Unfit(
        f"The rows of plugins can't be put beside those that are there ({reason}). Import the file"
        " where those are not, or leave out what a plugin has in tables: --without NAME, over HTTP"
        " ?without=NAME."
    )


def _parents_first(found: Table, rows: Rows) -> Sequence[Sequence[Value]]:
    """The rows in an order in which none refers to a later one of the same table."""
    place = {name: index for index, name in enumerate(rows.columns)}
    links = [
        [
            (place[element.parent.name], place[element.column.name])
            for element in constraint.elements
            if element.parent.name in place and element.column.name in place
        ]
        for constraint in found.foreign_key_constraints
        if constraint.referred_table is found
    ]
    return _sorted(rows.rows, links) if links else rows.rows


def _sorted(
    rows: Sequence[Sequence[Value]], links: Sequence[Sequence[tuple[int, int]]]
) -> list[Sequence[Value]]:
    by_key = [{tuple(row[key] for _, key in link): row for row in rows} for link in links]
    seen: set[int] = set()
    ordered: dict[int, Sequence[Value]] = {}
    for row in rows:
        path = [row]
        while path:
            one = path[-1]
            if id(one) in seen:  # and all that it refers to has its place
                path.pop()
                ordered.setdefault(id(one), one)
                continue
            seen.add(id(one))
            for link, keyed in zip(links, by_key, strict=True):
                parent = keyed.get(tuple(one[own] for own, _ in link))
                if parent is not None and id(parent) not in seen:
                    path.append(parent)
    return list(ordered.values())


def _untyped(name: str, names: Sequence[str]) -> TableClause:
    return table(name, column(DOCUMENT), *map(column, names))
