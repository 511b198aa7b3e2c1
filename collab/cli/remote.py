"""Documents on a running server, through its HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import msgspec

from collab.cli.failure import Exit, Failure
from collab.cli.library import EXTENSIONS, Entry, Restored
from collab.storage.backup import FORMAT

TIMEOUT = 60.0
"""Seconds that the server may be silent."""

_PIECE = 64 * 1024
_MEDIA = {"text": "text/plain", "delta": "application/json"}


class _Page(msgspec.Struct):
    documents: list[Entry]
    next: str | None


class _Format(msgspec.Struct):
    name: str
    extension: str


class _Formats(msgspec.Struct):
    importers: list[_Format]
    exporters: list[_Format]


class _Type(msgspec.Struct):
    name: str
    extension: str


class _Types(msgspec.Struct):
    types: list[_Type]


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take the token along to wherever it leads."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def check_url(url: str) -> None:
    """Raises `Failure` (usage) for what can't be the address of a server."""
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https") or not parts.hostname
        or parts.query or parts.fragment
    ):
        raise Failure(
            f"{url} is no address of a server, such as https://docs.example/team/docs/ .",
            Exit.USAGE,
        )


class RemoteLibrary:
    """A `Library` on the server at ``url`` (with its base path); ``token`` says who we are.

    A function makes a token for each request. It goes to no other program than the server, so not
    to the proxy that the environment names either.
    """

    def __init__(self, url: str, token: str | Callable[[], str] | None = None) -> None:
        check_url(url)
        self._url = url.rstrip("/")
        self._token = token
        direct = [ProxyHandler({})] if callable(token) else []
        self._opener = build_opener(_NoRedirects, *direct)

    def _ask(self, method: str, path: str, body: Any = None, accept: str = "") -> HTTPResponse:
        """Raises `Failure` with the server's own sentence when it refuses."""
        headers = {"Accept": accept or "application/json"}
        if self._token is not None:
            token = self._token if isinstance(self._token, str) else self._token()
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if isinstance(body, bytes):
            data = body
            headers["Content-Type"] = "application/octet-stream"
        elif body is not None:
            data = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        request = Request(self._url + path, data, headers, method=method)
        try:
            response: HTTPResponse = self._opener.open(request, timeout=TIMEOUT)
        except HTTPError as error:
            raise self._refused(error) from None
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Failure(f"{self._url} does not answer: {reason}.") from None
        return response

    def _refused(self, error: HTTPError) -> Failure:
        try:
            sentence = msgspec.json.decode(error.read())["error"]["message"]
        except (msgspec.DecodeError, KeyError, TypeError, OSError):
            return Failure(
                f"{self._url} answers {error.code} {error.reason}: is that the address of Collab?"
            )
        # A token that may not do it is not helped by being asked for a token.
        if error.code == 401 or (error.code == 403 and self._token is None):
            sentence += (
                " Say who you are with a token of that server's (--token, or COLLAB_TOKEN); on the"
                " server's own machine, give its --data-dir instead."
            )
        missing = error.code in (404, 410)
        return Failure(sentence, Exit.MISSING if missing else Exit.FAILED)

    def _read(self, response: HTTPResponse, type: Any) -> Any:
        try:
            with response:
                return msgspec.json.decode(response.read(), type=type)
        except (msgspec.DecodeError, HTTPException, OSError) as error:
            raise Failure(
                f"{self._url} gives an answer that is not Collab's ({error}): is the address right?"
            ) from None

    def plugins(self) -> list[dict[str, Any]]:
        """The server's plugins and how they are doing; for its operator only."""
        found = self._read(self._ask("GET", "/api/plugins"), dict[str, list[dict[str, Any]]])
        plugins: list[dict[str, Any]] = found["plugins"]
        return plugins

    def switch_plugin(self, name: str, state: str) -> dict[str, Any]:
        """Bring a plugin into a ``state``: ``on``, ``off`` or ``reload``. Returns how it is."""
        path = f"/api/plugins/{quote(name, safe='')}"
        shown: dict[str, Any] = self._read(
            self._ask("POST", path, {"state": state}), dict[str, Any]
        )
        return shown

    def documents(self, search: str = "") -> Iterator[Entry]:
        cursor: str | None = None
        while True:
            query = {"limit": "200", "search": search, **({"cursor": cursor} if cursor else {})}
            response = self._ask("GET", f"/api/documents?{urlencode(query)}")
            page: _Page = self._read(response, _Page)
            yield from page.documents
            cursor = page.next
            if cursor is None:
                return

    def document(self, id: str) -> Entry:
        entry: Entry = self._read(self._ask("GET", _path(id)), Entry)
        return entry

    def create(self, title: str, type: str, content: Any) -> Entry:
        body = {"title": title, "type": type, "content": content}
        entry: Entry = self._read(self._ask("POST", "/api/documents", body), Entry)
        return entry

    def delete(self, id: str) -> None:
        self._ask("DELETE", _path(id)).close()

    def content(self, id: str, format: str, revision: int | None = None) -> Iterator[bytes]:
        query = "" if revision is None else f"?revision={revision}"
        if format in _MEDIA:
            response = self._ask("GET", f"{_path(id)}/content{query}", accept=_MEDIA[format])
        else:
            path = f"{_path(id)}/export/{quote(format, safe='')}{query}"
            response = self._ask("GET", path, accept="*/*")
        return self._pieces(response)

    def extension(self, format: str, type: str = "text") -> str:
        if format == "text" and type != "text":
            found: _Types = self._read(self._ask("GET", "/api/types"), _Types)
            return next((one.extension for one in found.types if one.name == type), "txt")
        if format in EXTENSIONS:
            return EXTENSIONS[format]
        offers: _Formats = self._read(self._ask("GET", "/api/formats"), _Formats)
        for one in offers.exporters:
            if one.name == format:
                return one.extension
        names = ", ".join([*EXTENSIONS, *(one.name for one in offers.exporters)])
        raise Failure(f"{self._url} exports no {format}; it exports: {names}.", Exit.USAGE)

    def import_file(self, format: str, data: bytes, filename: str, title: str | None) -> Entry:
        query = urlencode({"filename": filename, **({"title": title} if title else {})})
        path = f"/api/import/{quote(format, safe='')}?{query}"
        entry: Entry = self._read(self._ask("POST", path, data), Entry)
        return entry

    def restore(self, data: bytes, title: str | None, without: Sequence[str]) -> Restored:
        named = [("title", title)] if title else []
        query = urlencode([*named, *(("without", plugin) for plugin in without)])
        path = f"/api/import/{FORMAT}?{query}"
        restored: Restored = self._read(self._ask("POST", path, data), Restored)
        return restored

    def _pieces(self, response: HTTPResponse) -> Iterator[bytes]:
        with response:
            while True:
                try:
                    piece = response.read(_PIECE)
                except (HTTPException, OSError) as error:
                    raise Failure(f"{self._url} broke off: {error}.") from None
                if not piece:
                    return
                yield piece


def _path(id: str) -> str:
    return f"/api/documents/{quote(id, safe='')}"
