"""What plugins raise, as the rest of the server can bear it: an Exception, with a text."""

from __future__ import annotations

import asyncio
import os

TEXT_LENGTH = 500
"""Characters of what is told of a failure."""

LOOKED_AT = 4
"""Times as many are looked at, for lines are joined: what an error says may quote a whole file."""


def harmless(where: str, error: BaseException) -> Exception:
    """What was raised in ``where``, as an Exception: what is none (a cancellation of its own,
    GeneratorExit, Ctrl-C) would go through all who wait for the plugin, and end them."""
    if isinstance(error, Exception):
        return error
    itself = isinstance(error, asyncio.CancelledError)
    raised = RuntimeError(f"{where} cancelled itself" if itself else f"raised {named(error)}")
    raised.__cause__ = error
    return raised


def named(error: BaseException) -> str:
    """The type of an exception, and what it says."""
    text = text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def placed(error: BaseException, folder: str) -> str:
    """`named`, and the file and line below ``folder`` that it comes from, where it has such."""
    place = ""
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({error.filename}:{error.lineno})"
    else:
        traceback = error.__traceback__
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            if file == folder or file.startswith(folder + os.sep):
                place = f" ({file}:{traceback.tb_lineno})"
            traceback = traceback.tb_next
    return named(error) + place


def text_of(value: object, length: int = TEXT_LENGTH) -> str:
    """The text of something of a plugin's in one line that can be sent to anybody.

    Its own ``__str__`` may fail, and what it says may hold half a character.
    """
    try:
        text = " ".join(str(value)[: LOOKED_AT * length].split())[:length]
    except BaseException:
        return "(its text can't be told)"
    return text.encode(errors="replace").decode()
