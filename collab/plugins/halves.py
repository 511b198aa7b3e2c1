"""Browser halves: what the page loads for a plugin."""

from __future__ import annotations

from dataclasses import dataclass

from collab.plugins.loading import Loaded


@dataclass(frozen=True, slots=True)
class BrowserHalf:
    """What the page loads for a plugin; paths from the application's root."""

    name: str
    script: str | None
    styles: tuple[str, ...]


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
    return BrowserHalf(name, script, styles) if script or styles else None
