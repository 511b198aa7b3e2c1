"""Signatures by the rules of Standard Webhooks, for which there are libraries in most languages.

Signed are the event's id, the time of sending and the body, so that nobody can change any of
them, or send an old request again later. https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
"""A secret that begins so is base64; any other is taken as it is."""


def key_of(secret: str) -> bytes:
    """The key that a secret stands for. Raises ValueError when it is broken."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"a secret that begins with {PREFIX} has to be base64") from error


def headers(key: bytes, id: str, time: float, body: bytes) -> dict[str, str]:
    """The headers that vouch for a request sent at ``time`` (seconds since 1970)."""
    timestamp = str(int(time))
    signed = b".".join((id.encode(), timestamp.encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
