"""The address of a document, in any form a person may have at hand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

_PATH = re.compile(r"(?P<base>.*)/(?:d/(?P<page>[^/]+)|api/documents/(?P<api>[^/]+)(?:/socket)?)/?")
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a document lives: the server's own address, and the document's id on it."""

    server: str
    """Scheme, host and base path, without a slash at the end."""
    document: str

    @property
    def api(self) -> str:
        return f"{self.server}/api/documents/{quote(self.document, safe='')}"

    @property
    def socket(self) -> str:
        return f"{self.api}/socket"

    @property
    def page(self) -> str:
        return f"{self.server}/d/{quote(self.document, safe='')}"


def parse(url: str) -> Address:
    """Read the address of a document's page, its API resource or its socket.

    Raises ValueError, which shows the forms that are understood.
    """
    parts = urlsplit(url)
    scheme = _SCHEMES.get(parts.scheme)
    match = _PATH.fullmatch(parts.path)
    if scheme is None or not parts.netloc or match is None:
        raise ValueError(
            f"{url!r} is not the address of a document: it should look like"
            " http://host/d/ID or http://host/api/documents/ID"
        )
    document = unquote(match["page"] or match["api"])
    return Address(f"{scheme}://{parts.netloc}{match['base']}", document)
