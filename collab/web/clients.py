"""Clients: one end of an editing session each, with an id that nobody can take from it.

A client's id is seen by everybody, and decides what is sent twice and what is new. So the
server gives each id together with a secret, which proves later whose it is. The secret is
computed from the id, so that nothing has to be kept for clients that never come back.
"""

from __future__ import annotations

import hmac
import secrets

from aiohttp import web

from collab.web.secret import sign


class Clients:
    """Makes and recognises clients by the server's ``secret``."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def new_client(self) -> str:
        """An id never given before: 16 characters of ASCII."""
        return secrets.token_urlsafe(12)

    def bind_client(self, client: str) -> str:
        """The secret that proves to be ``client``; the same one whenever it is asked for."""
        return sign(self._secret, b"client", client.encode("utf-8", "surrogatepass"))

    def verify_client(self, client: str, secret: str) -> bool:
        """Whether ``secret`` was given to ``client``; takes as long whatever is wrong with it."""
        given = secret.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(self.bind_client(client).encode(), given)


CLIENTS = web.AppKey("clients", Clients)
