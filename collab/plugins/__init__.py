"""The plugin interface: hook specifications, the base class, discovery, isolation.

`collab.plugins.manager.PluginManager` is what the server talks to; plugin authors find what
they need in ``from collab import Plugin, Veto, hookimpl``.

The bundled plugins are subpackages of this package wherever it is: in a wheel their folders
lie beside these modules, in a checkout they are the top-level folder ``plugins``.
"""

from __future__ import annotations

from pathlib import Path

_checkout = Path(__file__).parents[2] / "plugins"

BUNDLED = (
    _checkout
    if (_checkout.parent / "pyproject.toml").is_file() and _checkout.is_dir()
    else Path(__file__).parent
)
"""The folder of the bundled plugins."""

if _checkout == BUNDLED:
    __path__.append(str(_checkout))
