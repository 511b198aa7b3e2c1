"""Calls implementations one by one, each plugin's failure kept with that plugin.

pluggy marks, validates and orders implementations; it neither awaits nor isolates, so the
calling is ours. A synchronous implementation that returns None costs a function call, two
looks at the clock and nothing else.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from collab.plugins.guard import HARMLESS, HARMLESS_AT_ONCE, CutOff, Guard
from collab.plugins.raised import harmless
from collab.plugins.specs import Hook, Veto
from collab.protocol import errors
from collab.protocol.errors import CollabError

REFUSALS = (errors.FORBIDDEN, errors.BAD_TOKEN)
"""Errors that are an answer, with a sentence of the plugin's, where a failure refuses too."""


class Broken(Exception):
    """A plugin that has to answer did not: what it was asked about is refused.

    ``pause``: seconds in which it is not asked again, since it takes too long.
    """

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        super().__init__()


class Pending(NamedTuple):
    """A call that has begun and has to be awaited."""

    implementation: Implementation
    arguments: tuple[Any, ...]
    call: Awaitable[Any]
    began: float


class Implementation:
    """One plugin's implementation of one hook."""

    __slots__ = ("begin", "fail_closed", "guard", "hook", "vets")

    def __init__(
        self,
        hook: Hook,
        guard: Guard,
        function: Callable[..., Any],
        arguments: tuple[str, ...],
        fail_closed: bool = False,
    ) -> None:
        self.hook = hook
        self.fail_closed = fail_closed or hook.closed
        """Whether what it is asked about is refused when it fails."""
        self.vets = fail_closed and hook.vetoes
        """Whether it was marked so: then it is asked whatever else its plugin does."""
        self.guard = guard
        self.begin = _taking(function, [hook.arguments.index(name) for name in arguments])
        """Calls it with all of the hook's arguments, of which it gets those it names."""

    def tell(self, arguments: tuple[Any, ...]) -> Pending | None:
        """Call it for its effect, failures contained.

        Returns None when that is done, or what has to be awaited and then reported.
        """
        guard = self.guard
        if not guard.admits():
            return None
        clock = guard.clock
        began = clock()
        try:
            result = self.begin(arguments)
            if result is not None and inspect.isawaitable(result):
                return Pending(self, arguments, result, began)
        except HARMLESS_AT_ONCE as error:
            self.raised(error, arguments, guard.clock() - began)
            return None
        seconds = clock() - began
        if seconds > self.hook.budget:
            guard.failed(self.hook.name, _blocked(seconds), seconds)
        else:
            guard.finished(self.hook.name, seconds)
        return None

    def raised(self, error: BaseException, arguments: tuple[Any, ...], seconds: float) -> None:
        """Report what a call for its effect has raised."""
        hook = self.hook
        if hook.provoked:
            user = arguments[hook.arguments.index("session")].user
            self.guard.provoked(hook.name, error, seconds, user)
        else:
            self.guard.failed(hook.name, error, seconds)

    async def ask(self, arguments: tuple[Any, ...], expected: type | tuple[type, ...]) -> Any:
        """Call it for its answer; None when it has none, is switched off, or failed.

        An answer that is not of an ``expected`` type is a failure. Raises `Veto`, and where
        a failure refuses, `Broken`, or a `CollabError` of `REFUSALS`; nothing else.
        """
        guard = self.guard
        if not self.fail_closed:
            if not guard.admits():
                return None
        elif self.vets and not guard.may_vet():
            raise Broken(guard.vetting.remaining)
        else:
            guard.calls += 1
        name = self.hook.name
        began = guard.clock()
        try:
            try:
                answer = self.begin(arguments)
                waits = answer is not None and inspect.isawaitable(answer)
            except HARMLESS_AT_ONCE as error:
                # Where nothing is awaited, it is not who asks that was cancelled.
                raise harmless(name, error) from error.__cause__
            if waits:
                answer = await guard.within(name, self.hook.budget, answer)
            elif guard.clock() - began > self.hook.budget:
                raise _blocked(guard.clock() - began)
            # By its type: a `__class__` of the plugin's own has no say.
            if answer is not None and not issubclass(type(answer), expected):
                raise TypeError(
                    f"returned {type(answer).__name__}; the hook is {self.hook.signature}"
                )
        except HARMLESS as error:
            if isinstance(error, Veto) and self.hook.vetoes:
                guard.finished(name, guard.clock() - began)
                if self.vets:
                    guard.vetting.succeeded()
                raise
            if self.hook.closed and isinstance(error, CollabError) and error.code in REFUSALS:
                guard.finished(name, guard.clock() - began)
                raise
            self.failed(error, arguments, guard.clock() - began)
            if self.fail_closed:
                raise Broken(guard.vetting.remaining) from error
            return None
        except asyncio.CancelledError:
            if self.vets:
                guard.vetting.interrupted()
            raise
        guard.finished(name, guard.clock() - began)
        if self.vets:
            guard.vetting.succeeded()
        return answer

    def failed(
        self, error: BaseException, arguments: tuple[Any, ...], seconds: float = 0.0
    ) -> None:
        """Report that a call for its answer has failed, or that its answer can't be used."""
        hook, guard = self.hook, self.guard
        cut = hook.kind == "asked" and isinstance(error, CutOff)
        if not self.vets:
            guard.failed(hook.name, error, seconds, trip=cut)
        elif cut:
            guard.failed(hook.name, error, seconds, trip=True)
            if not guard.vetting.failed():
                guard.vetting.open()
        else:
            # Whoever can make it raise must not stop everybody else's edits by that: it goes on
            # being asked.
            session = arguments[hook.arguments.index("session")]
            user = None if session is None else session.user
            guard.provoked(hook.name, error, seconds, user)
            guard.vetting.succeeded()


def _taking(
    function: Callable[..., Any], indices: Sequence[int]
) -> Callable[[tuple[Any, ...]], Any]:
    """``function``, handed of what it is called with only what is at ``indices``."""
    if not indices:
        return lambda _: function()
    if len(indices) == 1:
        only = indices[0]
        return lambda given: function(given[only])
    pick = itemgetter(*indices)
    return lambda given: function(*pick(given))


def _blocked(seconds: float) -> CutOff:
    return CutOff(f"blocked the event loop for {seconds:.1f} s")
