"""The server's secret: random bytes in the data directory that sign identities and clients."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

BYTES = 32


def sign(secret: bytes, purpose: bytes, data: bytes) -> str:
    """A signature of ``data`` in letters, digits, ``-`` and ``_``, good for one purpose only."""
    digest = hmac.digest(secret, purpose + b"\0" + data, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def load_secret(data_dir: Path) -> bytes:
    """The secret in ``data_dir/secret``, made (readable by its owner only) when there is none.

    Of several processes that come at once one makes it, and all get that one. Raises OSError
    when it can't be read or written, ValueError when the file holds something else.
    """
    path = data_dir / "secret"
    if not path.exists():
        _create(path)
    return read_secret(data_dir)


def read_secret(data_dir: Path) -> bytes:
    """The secret in ``data_dir/secret``. Raises OSError, ValueError as `load_secret` does."""
    path = data_dir / "secret"
    text = path.read_bytes().strip()
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise ValueError(
            f"{path} does not hold {BYTES} bytes in hexadecimal: bring it back from a backup, or"
            " remove it, and everybody gets a new identity."
        )
    return secret


def _create(path: Path) -> None:
    """Written aside and linked into place whole: nobody can read half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f"secret.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
