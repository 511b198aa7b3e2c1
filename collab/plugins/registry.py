"""Registration: pluggy marks, checks and orders; what it finds wrong is said in a sentence."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import is_dataclass
from typing import Any, cast

import pluggy

from collab.plugins.base import Plugin
from collab.plugins.caller import Implementation
from collab.plugins.discovery import Unusable
from collab.plugins.guard import HARMLESS_AT_ONCE, Guard, describe
from collab.plugins.publishing import Hearing
from collab.plugins.specs import FAIL_CLOSED, HOOKS, PROJECT, Hooks


class Registry:
    """The plugins whose hooks are known to be right."""

    def __init__(self) -> None:
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(Hooks)
        self._guards: dict[str, Guard] = {}

    def register(self, name: str, plugin: Plugin, guard: Guard) -> None:
        """Take a plugin in. Raises `Unusable` when one of its hooks is wrong."""
        check_marks(plugin)
        try:
            self._pluggy.register(plugin, name)
            self._pluggy.check_pending()
        except pluggy.PluginValidationError as error:
            # pluggy has no answer to a half-registered plugin: take out what it took in.
            self._pluggy.unregister(name=name)
            raise Unusable(" ".join(str(error).split())) from error
        except Exception as error:
            if self._pluggy.has_plugin(name):
                self._pluggy.unregister(name=name)
            raise Unusable(f"can't be registered: {describe(error)}") from error
        self._guards[name] = guard

    def unregister(self, name: str) -> None:
        """Let a plugin go."""
        self._pluggy.unregister(name=name)
        del self._guards[name]

    def implementations(self, hook: str) -> tuple[Implementation, ...]:
        """Who implements a hook, in the order of calling: by their names, those marked
        ``tryfirst`` before and those marked ``trylast`` after the others.
        """
        caller: pluggy.HookCaller = getattr(self._pluggy.hook, hook)
        ordered = sorted(
            caller.get_hookimpls(),
            key=lambda one: (one.trylast - one.tryfirst, one.plugin_name),
        )
        kind = Hearing if hook == "published" else Implementation
        return tuple(
            kind(
                HOOKS[hook],
                self._guards[one.plugin_name],
                one.function,
                tuple(one.argnames),
                _fails_closed(one.function),
            )
            for one in ordered
            if self._wants(one.plugin_name, cast(Plugin, one.plugin), hook)
        )

    def _wants(self, name: str, plugin: Plugin, hook: str) -> bool:
        try:
            return bool(plugin.wants(hook))
        except HARMLESS_AT_ONCE as error:
            self._guards[name].failed("wants", error)
            return True

    def implemented_by(self, name: str) -> dict[str, Implementation]:
        """What a plugin implements, by the hooks' names."""
        return {
            hook: one
            for hook in HOOKS
            for one in self.implementations(hook)
            if one.guard.plugin == name
        }

    def fail_closed(self, name: str) -> frozenset[str]:
        """The hooks of a plugin that refuse what they are asked about when it can't answer."""
        implemented = self.implemented_by(name).items()
        return frozenset(hook for hook, one in implemented if one.fail_closed)

    def hooks(self, name: str) -> list[str]:
        """The hooks a plugin implements, in the order of the reference."""
        plugin = self._pluggy.get_plugin(name)
        callers = self._pluggy.get_hookcallers(plugin) or []
        implemented = {caller.name for caller in callers}
        return [hook for hook in HOOKS if hook in implemented]


def check_marks(plugin: Plugin) -> None:
    """Everything about the plugin's hooks that can be said more clearly than pluggy does.

    Raises `Unusable`.
    """
    if type(plugin).__eq__ is not object.__eq__ and not is_dataclass(plugin):
        raise Unusable("it has an __eq__: others would be taken for it; take that out")
    for name, method in inspect.getmembers_static(type(plugin)):
        if isinstance(method, staticmethod | classmethod):
            method = method.__func__
        # Without asking it: what stands in a class may have an answer of its own to everything.
        mark: dict[str, Any] | None = inspect.getattr_static(method, PROJECT + "_impl", None)
        if mark is None:
            if name in HOOKS:
                raise Unusable(f"{name} is a hook: mark it with @hookimpl, or rename it")
            continue
        hook = HOOKS.get(mark["specname"] or name)
        if hook is None:
            close = difflib.get_close_matches(name, HOOKS, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise Unusable(f"there is no hook {mark['specname'] or name}{hint}")
        if mark["wrapper"] or mark["hookwrapper"]:
            raise Unusable(f"{name} is marked as a wrapper; hooks can't be wrapped here")
        if _fails_closed(method) and not hook.vetoes:
            raise Unusable(f"{name} can't be marked fail_closed: only before_operation can")
        if hook.kind == "collected" and inspect.iscoroutinefunction(method):
            raise Unusable(f"{name} has to be a plain def, not an async def")
        if inspect.isasyncgenfunction(method) or (
            hook.kind != "collected" and inspect.isgeneratorfunction(method)
        ):
            raise Unusable(f"{name} has a yield in it: nobody would run what is in there")
        _check_signature(name, method, hook.arguments, hook.signature)


def _fails_closed(function: Any) -> bool:
    """Whether it is marked ``@hookimpl(fail_closed=True)``."""
    return bool(inspect.getattr_static(getattr(function, "__func__", function), FAIL_CLOSED, False))


def _check_signature(name: str, method: Any, arguments: tuple[str, ...], expected: str) -> None:
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]
    for parameter in parameters:
        optional = parameter.default is not parameter.empty
        if parameter.name in arguments and not optional:
            continue
        if parameter.name not in arguments and optional:
            continue
        what = "can't have a default" if optional else "is not an argument of the hook"
        raise Unusable(
            f"{name}{signature} does not fit the hook {expected}: {parameter.name} {what}"
        )
