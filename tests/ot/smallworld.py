"""Every case of a small world: documents of up to three letters, single operations, three clients.

`python -m tests.ot.smallworld` prints the cases as lines of JSON, so that the browser's algebra can
be run on the very same ones. A line has `doc` and `ops`, one operation for each of the clients "a",
"b" and "c", all made on `doc`; `out[i]` is the text after the operations in the i-th order of
`itertools.permutations`, by the authority.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations, product

from collab.ot import Authority, Delta, document_type

CLIENTS = ("a", "b", "c")


def documents() -> Iterator[str]:
    """Yield every text of up to three letters out of two."""
    for length in range(4):
        yield from map("".join, product("xy", repeat=length))


def operations(length: int, inserted: str) -> Iterator[Delta]:
    """Yield every single insert and delete on a document, and every replacement."""
    for start in range(length + 1):
        yield Delta().retain(start).insert(inserted)
        for end in range(start + 1, length + 1):
            yield Delta().retain(start).delete(end - start)
    for start in range(length):
        yield Delta().retain(start).insert(inserted).delete(1)


def pairs() -> Iterator[tuple[str, Delta, Delta]]:
    """Yield every document with every two operations on it."""
    for document in documents():
        for a in operations(len(document), "A"):
            for b in operations(len(document), "B"):
                yield document, a, b


def triples() -> Iterator[tuple[str, tuple[Delta, Delta, Delta]]]:
    """Yield every document, one for each length, with every three operations on it."""
    for document in ("", "x", "xy", "xyx"):
        for a in operations(len(document), "A"):
            for b in operations(len(document), "B"):
                for c in operations(len(document), "C"):
                    yield document, (a, b, c)


def ordered(document: str, ops: tuple[Delta, ...], order: tuple[int, ...]) -> Authority:
    """Return an authority that took the clients' operations in that order."""
    authority = Authority(document_type("text").content(Delta().insert(document)), 0)
    for number in order:
        client = CLIENTS[number]
        authority.apply(client, authority.transform(0, client, ops[number]))
    return authority


def main() -> None:
    """Print the triples."""
    for document, ops in triples():
        out = [ordered(document, ops, order).content.text() for order in permutations(range(3))]
        print(json.dumps({"doc": document, "ops": [delta.ops for delta in ops], "out": out}))


if __name__ == "__main__":
    main()
