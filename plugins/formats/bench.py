"""The workbench: the process that `workshop.Workshop` starts, where `jobs` are done.

It reads requests from its standard input and writes answers to its standard output, each a JSON
value behind its length in four bytes. It has a bound on its memory, and ends with its parent.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import BinaryIO

import msgspec

from .jobs import JOBS

MEMORY = 1024 * 1024 * 1024
"""Bytes of address space it may have."""

LENGTH = struct.Struct(">I")


def main() -> None:
    """Do jobs until there are no more."""
    _confine()
    # Whatever a library prints must not get between the answers.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, out)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until they end."""
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        request = msgspec.json.decode(requests.read(*LENGTH.unpack(head)))
        try:
            answer = {"result": JOBS[request["job"]](*request["arguments"])}
        except Exception as error:  # whatever it was, the parent is to know
            answer = {"error": f"{type(error).__name__}: {error}"}
        encoded = msgspec.json.encode(answer)
        answers.write(LENGTH.pack(len(encoded)) + encoded)
        answers.flush()


def _confine() -> None:
    """Bound what a job can use. Where the system has no such bounds, time alone is bounded."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(kind, (most, most))
