"""The operator's sessions that were ended by signing out, kept until they would have expired.

A session is a cookie that the server has signed; it outlives a restart. So what was ended before
is in the data directory: a copy of such a cookie is worth nothing afterwards either.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

log = logging.getLogger(__name__)

FILE: Final = "signed-out"
"""Its name in the data directory: JSON, by the digest of each cookie when it expires (seconds since
1970)."""


class Ended:
    """Knows the cookies of sessions that were ended."""

    def __init__(self, data_dir: Path | None = None) -> None:
        """Without ``data_dir`` they are forgotten when the server ends."""
        self._path = None if data_dir is None else data_dir / FILE
        self.readable = True
        """False: what was ended before the start is not known, and no session from before it may
        be believed."""
        self._ended: dict[str, float] = {}
        if self._path is None:
            return
        try:
            self._ended = msgspec.json.decode(self._path.read_bytes(), type=dict[str, float])
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError) as error:
            self.readable = False
            log.error("%s can't be read (%s): the operator has to sign in again", self._path, error)

    def __contains__(self, cookie: str) -> bool:
        return _digest(cookie) in self._ended

    def add(self, cookie: str, until: float, now: float) -> None:
        """A session was ended that would have expired at ``until`` (seconds since 1970).

        Raises OSError when that can't be kept: then it has ended only until the server does.
        """
        self._ended = {one: end for one, end in self._ended.items() if end > now}
        self._ended[_digest(cookie)] = until
        if self._path is None:
            return
        aside = self._path.with_name(f"{FILE}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(self._ended))
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self._path)
        finally:
            aside.unlink(missing_ok=True)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
