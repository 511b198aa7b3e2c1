"""Where the templates are: an operator's folder first, then the plugins', then ours."""

from __future__ import annotations

from pathlib import Path

import collab
from collab.plugins.manager import PluginManager
from collab.protocol.settings import Settings

_PACKAGE = Path(collab.__file__).parent


def bundled(name: str) -> Path:
    """A folder that travels inside the wheel and lies at the top of a checkout."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def template_folders(settings: Settings, plugins: PluginManager) -> list[Path]:
    """Folders to look for a template in, the first that has it wins."""
    own = [settings.templates_dir] if settings.templates_dir is not None else []
    return [*own, bundled("templates"), *plugins.template_folders()]
