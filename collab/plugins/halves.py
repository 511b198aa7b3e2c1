"""Browser halves: what the page loads for a plugin, and what it loads when that does not work."""

from __future__ import annotations

from dataclasses import dataclass

from collab.plugins.loading import Loaded
from collab.plugins.static_copy import StaticCopy

NOT_LOADED = "the new version can't be loaded"
"""How a page begins to say that it runs the previous version of a browser half."""


@dataclass(frozen=True, slots=True)
class BrowserHalf:
    """What the page loads for a plugin; paths from the application's root."""

    name: str
    script: str | None
    styles: tuple[str, ...]
    previous: str | None = None
    """The script of the version before, for when this one can't be loaded."""


def previous_copy(before: Loaded, copy: StaticCopy | None) -> StaticCopy | None:
    """What stands in for ``copy``, the files of the version after ``before``: those that ran in
    browsers last, as far as these have said.
    """
    same = copy is not None and before.copy is not None and copy.files == before.copy.files
    return before.previous if same or before.refused_in_browser else before.copy


def browser_half(loaded: Loaded) -> BrowserHalf | None:
    """A plugin's browser half, as its files are now; None when it has none."""
    folder = loaded.subfolder("static")
    if folder is None:
        return None
    name = loaded.found.name
    # A browser runs a module once, whatever becomes of its file. So a plugin that was loaded
    # anew is below another address, and with it all that its files import.
    again = f".{loaded.generation}" if loaded.generation else ""
    base = f"/plugins/{name}/static{again}/{name}"
    script = f"{base}.js" if (folder / f"{name}.js").is_file() else None
    styles = (f"{base}.css",) if (folder / f"{name}.css").is_file() else ()
    previous = None
    if loaded.previous is not None and f"{name}.js" in loaded.previous.files and script:
        previous = f"/plugins/{name}/static.p{loaded.previous.generation}/{name}.js"
    return BrowserHalf(name, script, styles, previous) if script or styles else None
