"""The file that holds a document whole: one JSON object on each line (docs/backup-format.md).

``lines``    what stands on a line
``writing``  a document's file, written while its log is read page by page
``reading``  what a file holds, every line checked

What the deltas in it do to the content is for the floor above to check (`collab.rooms.restoring`).
"""

from __future__ import annotations

from collab.storage.backup.lines import EXTENSION, FORMAT, MEDIA_TYPE, VERSION
from collab.storage.backup.reading import Backup, BadBackup, bad_line, line_of, read
from collab.storage.backup.writing import written

__all__ = [
    "EXTENSION",
    "FORMAT",
    "MEDIA_TYPE",
    "VERSION",
    "Backup",
    "BadBackup",
    "bad_line",
    "line_of",
    "read",
    "written",
]
