"""A frame as it leaves the server: encoded once, the same bytes for every reader."""

from __future__ import annotations

from functools import cached_property


class Frame:
    """Some messages on their way out.

    ``messages`` is their JSON, joined by commas; `text` the payload; `wire` the whole
    unmasked text frame of RFC 6455, section 5.2, so that a room of fifty readers
    pays for one encoding.
    """

    def __init__(self, messages: bytes) -> None:
        self.messages = messages

    @cached_property
    def text(self) -> bytes:
        return b"[" + self.messages + b"]"

    @cached_property
    def wire(self) -> bytes:
        size = len(self.messages) + 2
        if size < 126:
            head = bytes((0x81, size))
        elif size < 65536:
            head = b"\x81\x7e" + size.to_bytes(2, "big")
        else:
            head = b"\x81\x7f" + size.to_bytes(8, "big")
        return b"%b[%b]" % (head, self.messages)
