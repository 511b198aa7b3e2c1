"""What one plugin still has to be told: nobody waits for it, and nothing is lost in silence.

*Facts* (an edit was committed, a document was opened, a session joined) wait in the order in which
they happened, and so does a person's message to the plugin. As long as that one waits, what they
send further waits in a line of their own (see `senders`): it comes after the facts that were there
before it, and in the order in which it was sent, but a flood does not keep the plugin from anybody
else. Facts and senders take turns.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection
from itertools import accumulate
from typing import Any

from collab.plugins.caller import Implementation, Pending
from collab.plugins.guard import Guard
from collab.plugins.lanes import SLICE, Call, Lane
from collab.plugins.senders import Caused, Person, Sender, Sent, Turns
from collab.rooms.port import Session

LIMIT = 10_000
"""Facts that may wait for one plugin. One that lags further behind misses some, of the documents
that have most waiting, and is told of those documents as if they had been opened now."""

ENDS = frozenset({"document_closed", "document_deleted"})
"""Facts that are the last of a document: a plugin that lags is told them all the same, or it would
never clear away what it keeps for the document."""


class Queue:
    """The calls that wait for one plugin, in order for each document.

    Documents don't wait for each other. Whoever pushes goes on at once: the calls are made in
    later turns of the event loop. As long as they are synchronous they stand in one line and
    take no task; a coroutine that never has to wait takes no further turn.
    """

    def __init__(self, guard: Guard, limit: int = LIMIT) -> None:
        self.missed: Callable[[Collection[str]], None] = lambda documents: None
        """Called with the ids of documents of which the plugin has missed facts."""
        self._guard = guard
        self._limit = limit
        self._calls: deque[Call] = deque()
        """Facts."""
        self._facts = 0
        """How many wait, those in lanes among them."""
        self._begun = 0
        """How many have left `_calls` since the start."""
        self._messages = 0
        """How many messages wait."""
        self._people: dict[str, Person] = {}
        """By user id; now and then those are forgotten who have nothing waiting."""
        self._senders: dict[str, dict[tuple[str, str], Sender]] = {}
        """By document id, and user id and source; only those that have messages waiting."""
        self._turns = Turns()
        """Those of them that no lane has."""
        self._fact = True
        """Whether it is a fact's turn, else a sender's."""
        self._lanes: dict[str, Lane] = {}
        """By document id; only where a call is being awaited."""
        self._scheduled = False
        self._missing = False
        """Whether it is being told of the documents that it missed something of."""
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return self._facts + self._messages

    def push(self, document: str, implementation: Implementation | Caused, *arguments: Any) -> None:
        """Have a fact told, after those about the same document that were pushed before."""
        if self._refuses():
            return
        if self._facts >= self._limit and not self._missing:
            self._miss(implementation.hook.name)
        self._calls.append((document, implementation, arguments))
        self._facts += 1
        if not self._scheduled:
            self._schedule()

    def push_session(
        self, session: Session, document: str, implementation: Implementation, *arguments: Any
    ) -> None:
        """`push` for what a session did. One that changed again is told of once."""
        if self._refuses():
            return
        person = self._person(session)
        name = implementation.hook.name
        if name == "session_changed":
            if session.id in person.changed:
                return
            person.changed.add(session.id)
        elif name == "session_left":
            self._flush(document, session)
        self.push(document, Caused(implementation, person, session), *arguments)

    def push_message(
        self,
        session: Session,
        document: str,
        implementation: Implementation,
        *arguments: Any,
        size: int = 0,
    ) -> None:
        """Have a message of ``size`` bytes told, after what its sender sent before.

        Whether there is room for more is `room`'s to say.
        """
        if self._refuses():
            return
        key = (session.user.id, session.source)
        person = self._person(session)
        sender = self._senders.get(document, {}).get(key)
        if sender is None:
            if not person.prompt:
                person.prompt = True
                caused = Caused(implementation, person, session, size, prompt=True)
                self.push(document, caused, *arguments)
                return
            sender = Sender(document, *key)
            self._senders.setdefault(document, {})[key] = sender
            self._turns.add(sender)
        caused = Caused(implementation, person, session, size)
        sender.messages.append(Sent(self._begun + len(self._calls), caused, arguments))
        self._messages += 1
        if not self._scheduled:
            self._schedule()

    def room(self, session: Session) -> asyncio.Event | None:
        """What to wait for before more is taken from a session's user; None: there is room."""
        person = self._people.get(session.user.id)
        return None if person is None else person.room

    def drop(self, hook: str) -> None:
        """Drop the facts of a hook that others have said too much to."""
        self._filter(lambda call: call[1].hook.name == hook, hook)

    async def drain(self) -> None:
        """Return when nothing waits."""
        await self._empty.wait()

    async def cancel(self) -> None:
        """Drop what waits, and cancel what runs."""
        self._clear()
        # What was begun in this turn has to get to its first step, to be cancelled there.
        await asyncio.sleep(0)
        self._clear()
        for lane in self._lanes.values():
            lane.cancel()

    def _refuses(self) -> bool:
        guard = self._guard
        if guard.breaker.state != "closed" and guard.breaker.refuses:
            guard.skipped += 1
            return True
        return False

    def _schedule(self) -> None:
        self._scheduled = True
        self._empty.clear()
        asyncio.get_running_loop().call_soon(self._run)

    def _person(self, session: Session) -> Person:
        person = self._people.get(session.user.id)
        if person is None:
            if len(self._people) >= self._limit:
                self._people = {key: one for key, one in self._people.items() if one.count}
            person = self._people[session.user.id] = Person()
        return person

    def _flush(self, document: str, session: Session) -> None:
        """A session leaves: what its user has sent comes before that."""
        sender = self._senders.get(document, {}).get((session.user.id, session.source))
        if sender is not None:
            sent = list(sender.messages)
            sender.messages.clear()
            self._messages -= len(sent)
            self._forget(sender)
            for one in sent:
                self.push(document, one.implementation, *one.arguments)

    def _forget(self, sender: Sender) -> None:
        """A sender has nothing waiting any more."""
        senders = self._senders[sender.document]
        del senders[sender.person, sender.source]
        if not senders:
            del self._senders[sender.document]

    def _clear(self) -> None:
        self._filter(lambda call: True, None)
        for senders in self._senders.values():
            for sender in senders.values():
                for one in sender.messages:
                    one.implementation.dropped()
                sender.messages.clear()
        self._senders.clear()
        self._turns.clear()
        for lane in self._lanes.values():
            lane.turns.clear()
        self._messages = 0

    def _miss(self, hook: str) -> None:
        """There are too many facts: drop half of them, of the documents that have most."""
        count = Counter(document for document, _, _ in self._calls)
        for lane in self._lanes.values():
            count[lane.document] += len(lane.calls)
        dropped: set[str] = set()
        total = 0
        for document, number in count.most_common():
            dropped.add(document)
            total += number
            if total >= self._limit / 2:
                break
        before = self._facts
        self._filter(lambda call: call[0] in dropped and call[1].hook.name not in ENDS, hook)
        if self._facts > before - total / 2:
            self._filter(lambda call: True, hook)  # as many documents come and go
        self._missing = True
        try:
            self.missed(dropped)
        finally:
            self._missing = False

    def _filter(self, drop: Callable[[Call], bool], hook: str | None) -> None:
        """Drop facts, for too much of ``hook``; messages keep their place among the others."""
        stays = []
        count = 0
        lanes = list(self._lanes.values())
        for call in [*self._calls, *(call for lane in lanes for _, call in lane.calls)]:
            stay = not drop(call)
            stays.append(stay)
            if not stay:
                count += 1
                if isinstance(call[1], Caused):
                    call[1].dropped()
        # By how many facts ahead: how many of those stay.
        ahead = [0, *accumulate(stays[: len(self._calls)])]
        for senders in self._senders.values():
            for sender in senders.values():
                sender.messages = deque(
                    one._replace(after=self._begun + ahead[one.after - self._begun])
                    if one.after > self._begun
                    else one
                    for one in sender.messages
                )
        kept = iter(stays)
        self._calls = deque([call for call in self._calls if next(kept)])
        for lane in lanes:
            lane.calls = deque([one for one in lane.calls if next(kept)])
        self._facts -= count
        if count and hook is not None:
            self._guard.lags(count, hook)

    def _run(self) -> None:
        """Make the calls that stand in line, until it is time for others.

        Those about a document whose lane is busy go there; where a call has to be awaited,
        a task makes it, and the document's calls from there on.
        """
        lanes, turns, guard = self._lanes, self._turns, self._guard
        clock = guard.clock
        senders = turns.waiting
        until = clock() + SLICE
        try:
            while self._calls or senders:
                if senders and not (self._fact and self._calls):
                    self._fact = True
                    sender = turns.take()
                    if not sender.messages:
                        continue  # they were told before its session left
                    if sender.messages[0].after > self._begun:
                        turns.add(sender)
                        continue
                    if sender.document in lanes:
                        lanes[sender.document].turns.add(sender)
                        continue
                    document = sender.document
                    pending = self._tell(sender, turns)
                else:
                    self._fact = False
                    document, implementation, arguments = call = self._calls.popleft()
                    self._begun += 1
                    if document in lanes:
                        lanes[document].calls.append((self._begun - 1, call))
                        continue
                    self._facts -= 1
                    pending = implementation.tell(arguments)
                if pending is not None:
                    lane = lanes[document] = Lane(document, guard, self._advance, self._done)
                    lane.follow(pending)
                if clock() >= until:
                    break
        finally:
            if self._calls or senders:
                asyncio.get_running_loop().call_soon(self._run)
            else:
                self._scheduled = False
                if not lanes:
                    self._empty.set()

    def _tell(self, sender: Sender, turns: Turns) -> Pending | None:
        """Tell a sender's next message; those behind it wait for their turn in ``turns``."""
        _, implementation, arguments = sender.messages.popleft()
        self._messages -= 1
        if not sender.messages:
            self._forget(sender)
        elif sender.messages[0].after <= self._begun:
            turns.add(sender)
        else:
            self._turns.add(sender)
            if not self._scheduled:
                self._schedule()
        return implementation.tell(arguments)

    def _advance(self, lane: Lane, until: float) -> Pending | None:
        """Make a lane's calls until one has to be awaited, none waits, or it is ``until``."""
        clock = self._guard.clock
        while lane.calls or lane.turns.waiting:
            if lane.turns.waiting and not (lane.fact and lane.calls):
                lane.fact = True
                sender = lane.turns.take()
                if not sender.messages:
                    continue  # see `_run`
                if lane.calls and lane.calls[0][0] < sender.messages[0].after:
                    lane.turns.add(sender)
                    continue
                pending = self._tell(sender, lane.turns)
            else:
                lane.fact = False
                _, (_, implementation, arguments) = lane.calls.popleft()
                self._facts -= 1
                pending = implementation.tell(arguments)
            if pending is not None:
                return pending
            if clock() >= until:
                break
        return None

    def _done(self, lane: Lane) -> None:
        del self._lanes[lane.document]
        if not self._lanes and not self._scheduled:
            self._empty.set()


Listener = tuple[Queue, Implementation]
"""Whom to call, and where the calls wait."""
