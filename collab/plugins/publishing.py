"""What plugins say to each other: each hears it in its own queue, as a copy of its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from collab.plugins.caller import Implementation
from collab.plugins.document import Document
from collab.plugins.guard import Guard
from collab.plugins.queue import Listener
from collab.plugins.specs import Hook

TOPIC = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
"""``NAME.word``: the name of the plugin that documents it, and what it is about."""

TOPIC_LENGTH = 64
"""Characters of a topic at most."""

NO_DOCUMENT = ""
"""Stands in a queue for what is about no document; no document has this id."""

SIZE = 16 * 1024 * 1024
"""Bytes of JSON that may wait for one plugin. One that lags further behind misses them."""

_decode = msgspec.json.Decoder().decode


class _Backlog:
    """How much of what others said still waits for one plugin."""

    size = 0


class _Said:
    """A JSON value on its way to one plugin."""

    __slots__ = ("_backlog", "_encoded")

    def __init__(self, encoded: bytes, backlog: _Backlog) -> None:
        self._encoded = encoded
        self._backlog = backlog
        backlog.size += len(encoded)

    def heard(self) -> Any:
        encoded, self._encoded = self._encoded, b""
        self._backlog.size -= len(encoded)
        return _decode(encoded)

    def __del__(self) -> None:
        # Dropped, or never taken: whatever became of it, it waits no more.
        self._backlog.size -= len(self._encoded)


class Hearing(Implementation):
    """An implementation of ``published``: what was said is decoded when its turn has come."""

    __slots__ = ()

    def __init__(
        self,
        hook: Hook,
        guard: Guard,
        function: Callable[..., Any],
        arguments: tuple[str, ...],
        fail_closed: bool = False,
    ) -> None:
        super().__init__(hook, guard, function, arguments, fail_closed)
        begin = self.begin
        index = hook.arguments.index("data")

        def hear(given: tuple[Any, ...]) -> Any:
            return begin((*given[:index], given[index].heard(), *given[index + 1 :]))

        self.begin = hear


class Publishing:
    """Hands what one plugin says to all others that listen. Nobody waits for anybody."""

    def __init__(self, listeners: Callable[[], Sequence[Listener]]) -> None:
        """``listeners`` gives those who implement ``published`` now."""
        self._listeners = listeners
        self._backlogs: defaultdict[str, _Backlog] = defaultdict(_Backlog)
        self._early: list[tuple[str, str, bytes, Document | None]] | None = []
        """What was said before everybody had started."""
        self._over = False

    def begin(self) -> None:
        """Everybody has started, and hears what was said until now."""
        early, self._early = self._early or [], None
        for said in early:
            self.say(*said)

    def end(self) -> None:
        """From now on nobody hears anything."""
        self._over = True

    def say(self, sender: str, topic: str, encoded: bytes, document: Document | None) -> None:
        """Put what ``sender`` says, a JSON value, into the queues of all others."""
        if self._over:
            return
        if self._early is not None:
            self._early.append((sender, topic, encoded, document))
            return
        lane = NO_DOCUMENT if document is None else document.id
        for queue, one in self._listeners():
            if one.guard.plugin == sender:
                continue
            backlog = self._backlogs[one.guard.plugin]
            try:
                if backlog.size + len(encoded) > SIZE:
                    queue.drop("published")
                queue.push(lane, one, topic, sender, _Said(encoded, backlog), document)
            except Exception as error:
                one.guard.provoked("published", error, 0.0)


def check_topic(topic: str) -> None:
    """Raises ValueError when that is no topic."""
    if len(topic) > TOPIC_LENGTH or not TOPIC.fullmatch(topic):
        raise ValueError(
            "A topic is written like chat.posted, with the name of the plugin that documents it:"
            f" small letters, digits and _, at most {TOPIC_LENGTH}; not {topic!r:.100}."
        )
