"""Finding plugins: in folders, and in installed packages (entry points)."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from collab.plugins import BUNDLED
from collab.plugins.base import Plugin
from collab.plugins.guard import HARMLESS
from collab.plugins.raised import placed

GROUP = "collab.plugins"
"""The entry points' group."""

_BUNDLED_PACKAGE = "collab.plugins"
FOLDER_PACKAGE = "collab_plugins_dir"
"""Where the modules of the operator's folder are in `sys.modules`: apart from ours, so that a
plugin may have any name."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Unusable(Exception):
    """A plugin can't be used; the sentence says why. The server goes on without it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A plugin that was found and not loaded."""

    name: str
    where: str
    sentence: str
    source: Path | EntryPoint | None = None
    """Its files; None when another plugin has its name."""
    bundled: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that could be loaded."""

    name: str
    where: str
    """A folder, or the entry point's value."""
    source: Path | EntryPoint
    bundled: bool = False

    def unusable(self, sentence: str) -> Problem:
        """What is told of it when it can't be loaded."""
        return Problem(self.name, self.where, sentence, self.source, self.bundled)

    @property
    def place(self) -> str:
        """The folder, or the file, that its code is in, as far as that is known."""
        if isinstance(self.source, Path):
            return str(self.source)
        module = sys.modules.get(self.source.module)
        file = getattr(module, "__file__", None) or self.where
        return str(Path(file).parent) if Path(file).name == "__init__.py" else str(file)

    @property
    def module(self) -> str:
        """The name of the module that it is imported as."""
        if isinstance(self.source, Path):
            return f"{_BUNDLED_PACKAGE if self.bundled else FOLDER_PACKAGE}.{self.name}"
        return self.source.module

    def load(self, *, fresh: bool = False) -> tuple[type[Plugin], Path | None]:
        """Import it: its class, and the folder of its files. Raises `Unusable`.

        ``fresh``: as its files are now, though it was imported before.
        """
        check_name(self.name)
        try:
            if isinstance(self.source, Path):
                module = _import_folder(self.module, self.source, fresh)
                return plugin_class(module), self.source
            loaded = _import_again(self.source) if fresh else self.source.load()
        except Unusable:
            raise
        except HARMLESS as error:
            raise Unusable(f"can't be imported: {placed(error, self.place)}") from error
        if isinstance(loaded, ModuleType):
            loaded = plugin_class(loaded)
        if not (isinstance(loaded, type) and issubclass(loaded, Plugin)):
            raise Unusable(f"{self.where} is not a subclass of collab.Plugin")
        return loaded, _folder_of(loaded)


def check_name(name: str) -> None:
    """Raises `Unusable` when a plugin can't have that name."""
    if not _NAME.fullmatch(name):
        raise Unusable(
            "a plugin's name is 1 to 32 small letters, digits and _, and begins with a letter"
        )


def find(
    folder: Path | None, installed: Iterable[EntryPoint] | None = None
) -> tuple[list[Found], list[Problem]]:
    """Everything there is: the operator's ``folder`` first, then bundled, then ``installed``.

    ``installed`` is by default the entry points of the group ``collab.plugins``. The first
    of a name is taken, so that an operator may put a plugin in the place of a bundled one.
    Raises OSError when a folder can't be read.
    """
    if installed is None:
        installed = entry_points(group=GROUP)
    problems: list[Problem] = []
    candidates: list[Found] = []
    if folder is not None and folder.resolve() != BUNDLED.resolve():
        candidates += _in_folder(folder, bundled=False, problems=problems)
    candidates += _in_folder(BUNDLED, bundled=True, problems=problems)
    candidates += [
        Found(point.name, point.value, point)
        for point in sorted(installed, key=lambda point: point.name)
    ]
    first: dict[str, Found] = {}
    for one in candidates:
        if one.name in first:
            if one.bundled:
                continue
            problems.append(
                Problem(one.name, one.where, f"the name is taken by {first[one.name].where}")
            )
        else:
            first[one.name] = one
    return list(first.values()), problems


def _in_folder(folder: Path, bundled: bool, problems: list[Problem]) -> Iterator[Found]:
    for path in sorted(folder.iterdir()):
        name = path.name
        if name.startswith((".", "_")):
            continue
        try:
            folder_of_plugin, there = path.is_dir(), (path / "__init__.py").is_file()
        except OSError as error:
            why = f"it can't be read: {error.strerror}"
            problems.append(Problem(name, str(path), why, path, bundled))
            continue
        if folder_of_plugin:
            if there:
                # Absolute, as Python names the files of its code: by that the watchdog knows it.
                yield Found(name, str(path), Path(os.path.abspath(path)), bundled)
            else:
                problems.append(
                    Problem(name, str(path), "the folder has no __init__.py", path, bundled)
                )
        elif path.suffix == ".py" and not bundled:
            problems.append(
                Problem(
                    path.stem, str(path),
                    f"a plugin is a folder: move this file to {path.stem}/__init__.py", path,
                )
            )


def keep_modules(found: Found) -> Callable[[], None]:
    """Remember what is imported of a plugin; returns what brings that back."""
    qualified = found.module
    names = [key for key in sys.modules if (key + ".").startswith(qualified + ".")]
    before = {name: sys.modules[name] for name in names}

    def bring_back() -> None:
        _take_out(qualified)
        sys.modules.update(before)
        package, _, name = qualified.rpartition(".")
        if qualified in before and package in sys.modules:
            setattr(sys.modules[package], name, before[qualified])

    return bring_back


def _take_out(qualified: str) -> dict[str, ModuleType]:
    """Forget a package and what is below it; returns what was there."""
    names = [key for key in sys.modules if (key + ".").startswith(qualified + ".")]
    return {name: sys.modules.pop(name) for name in names}


def _import_again(source: EntryPoint) -> object:
    """Import what an entry point names as it is now; what was there stays if that fails."""
    before = _take_out(source.module)
    importlib.invalidate_caches()
    try:
        return source.load()
    except BaseException:
        _take_out(source.module)
        sys.modules.update(before)
        raise


def _import_folder(qualified: str, folder: Path, fresh: bool) -> ModuleType:
    """Import a folder under a name, wherever it lies; what was there stays if that fails."""
    file = folder / "__init__.py"
    present = sys.modules.get(qualified)
    if present is not None and present.__file__ == str(file) and not fresh:
        return present
    # Another folder of this name was imported before, by another server in this process.
    before = _take_out(qualified)
    # Python takes a file whose second and size are the same for unchanged.
    for cached in folder.rglob("__pycache__/*.pyc") if fresh else ():
        with contextlib.suppress(OSError):
            cached.unlink()
    importlib.invalidate_caches()
    spec = importlib.util.spec_from_file_location(
        qualified, file, submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise Unusable("Python can't import it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _take_out(qualified)
        if fresh:
            sys.modules.update(before)
        raise
    package, _, name = qualified.rpartition(".")
    if package in sys.modules:
        setattr(sys.modules[package], name, module)  # as the import system does
    return module


def plugin_class(module: ModuleType) -> type[Plugin]:
    """The one plugin that a module, or its submodules, define. Raises `Unusable`."""
    own = (module.__name__, module.__name__ + ".")
    classes = {
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Plugin)
        and (value.__module__ == own[0] or value.__module__.startswith(own[1]))
    }
    if len(classes) == 1:
        return classes.pop()
    if not classes:
        raise Unusable("it defines no subclass of collab.Plugin")
    names = ", ".join(sorted(one.__name__ for one in classes))
    raise Unusable(f"it defines more than one plugin: {names}")


def _folder_of(plugin: type[Plugin]) -> Path | None:
    """Where an installed plugin's static files and templates are, if it is a package."""
    module = sys.modules.get(plugin.__module__)
    file = getattr(module, "__file__", None)
    return Path(file).parent if file and Path(file).name == "__init__.py" else None
