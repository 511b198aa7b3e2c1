"""Word, OpenDocument and other formats, by the program pandoc where it is installed."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import shutil
import zipfile
from pathlib import Path
from typing import NamedTuple

from collab.rooms.turns import Turns

SECONDS = 30.0
"""What one conversion may take."""

MEMORY = "512M"
"""Of pandoc's heap."""

LARGEST = 64 * 1024 * 1024
"""Bytes of what comes out, and of what an archive unpacks to."""

ENTRIES = 1000
"""Files in an archive at most."""

RATIO = 100
"""How many times its size an archive may unpack to."""

AT_ONCE = 2
"""Conversions at once, of one visitor one; others wait."""

EACH = 4
"""Conversions of one visitor that may run and wait."""

WAITING = 40
"""Conversions that may run and wait."""


class Kind(NamedTuple):
    """A format that pandoc knows."""

    name: str
    title: str
    extension: str
    media_type: str
    zipped: bool = False


KINDS = (
    Kind(
        "docx", "Word", "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document", zipped=True,
    ),
    Kind(
        "odt", "OpenDocument", "odt", "application/vnd.oasis.opendocument.text",
        zipped=True,
    ),
    Kind("epub", "EPUB", "epub", "application/epub+zip", zipped=True),
    Kind("rtf", "Rich Text Format", "rtf", "application/rtf"),
    Kind("rst", "reStructuredText", "rst", "text/x-rst"),
    Kind("latex", "LaTeX", "tex", "text/x-tex"),
    Kind("org", "Org mode", "org", "text/x-org"),
)


def find() -> str | None:
    """The program: brought by the package of the extra ``pandoc``, or on the path.

    The package's can do all of it; some distributions build theirs without the files that
    Word and others begin with, and then it does not find them from inside its sandbox.
    """
    package = importlib.util.find_spec("pypandoc")
    for folder in (package.submodule_search_locations or ()) if package else ():
        program = Path(folder) / "files" / "pandoc"
        if program.is_file():
            return str(program)
    return shutil.which("pandoc")


class Pandoc:
    """Runs the program: without access to files or the network, for so long, with so much."""

    def __init__(self, program: str, seconds: float = SECONDS) -> None:
        self._program = program
        self._seconds = seconds
        self._turns = Turns(AT_ONCE, running=1, each=EACH, waiting=WAITING)

    async def write(self, kind: Kind, html: str) -> bytes:
        """HTML in another format. Raises ValueError."""
        return await self._run(html.encode(), "html", kind.name)

    async def read(self, kind: Kind, data: bytes) -> str:
        """A file as HTML, which is anybody's: make it harmless. Raises ValueError."""
        if kind.zipped:
            await asyncio.to_thread(check_archive, data)
        return (await self._run(data, kind.name, "html")).decode("utf-8", "replace")

    async def _run(self, data: bytes, source: str, target: str) -> bytes:
        async with self._turns.turn():
            process = await asyncio.create_subprocess_exec(
                self._program, "+RTS", f"-M{MEMORY}", "-RTS",
                "--sandbox", "--standalone", f"--from={source}", f"--to={target}", "--output=-",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={"LANG": "C.UTF-8"},
            )
            try:
                async with asyncio.timeout(self._seconds):
                    return await _converse(process, data)
            except TimeoutError:
                raise ValueError("It takes too long to convert.") from None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())


async def _converse(process: asyncio.subprocess.Process, data: bytes) -> bytes:
    assert process.stdin and process.stdout and process.stderr
    out, problem, _ = await asyncio.gather(
        _read(process.stdout, LARGEST), _read(process.stderr, 64 * 1024),
        _feed(process.stdin, data),
    )
    if await process.wait() != 0:
        sentence = problem.decode("utf-8", "replace").strip()
        if "Could not find data file" in sentence:
            raise ValueError(
                "The pandoc that is installed here can't write this format. The operator can"
                " install another one with Collab's extra: pip install 'collab[pandoc]'."
            )
        raise ValueError(f"It can't be converted: {sentence[:200] or 'pandoc gave up'}")
    return out


async def _feed(stream: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(OSError):  # it may end before it has read everything
        stream.write(data)
        await stream.drain()
    stream.close()


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    parts, size = [], 0
    while part := await stream.read(256 * 1024):
        size += len(part)
        if size > most:
            raise ValueError("It would become too large.")
        parts.append(part)
    return b"".join(parts)


def check_archive(data: bytes) -> None:
    """Raise ValueError unless ``data`` is a zip archive that unpacks to something sensible."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES:
                raise ValueError(f"The file holds more than {ENTRIES} files.")
            size = 0
            for entry in entries:
                # What an entry says of its size is not believed: it is unpacked, and counted.
                with archive.open(entry) as file:
                    while part := file.read(256 * 1024):
                        size += len(part)
                        if size > min(LARGEST, max(RATIO * len(data), 1024 * 1024)):
                            raise ValueError("The file unpacks to too much.")
    except ValueError:
        raise
    except Exception as error:  # zipfile and its decompressors raise whatever comes to them
        raise ValueError("The file is damaged.") from error
