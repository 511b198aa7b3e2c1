"""A document with a locked part, and people who do all they can to change it.

The plugin is the one of docs/plugins.md. Here it also fails in every way that a plugin can fail,
is loaded again while people write, and has a neighbour that makes other edits of theirs. Rooms,
ordering and journal are the server's own; sessions put their operations into the room directly.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from collab.ot import Delta
from collab.plugins.loading import Bounds
from collab.plugins.manager import PluginManager
from collab.plugins.switchboard import Switchboard
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError, ErrorCode
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.protocol.settings import Limits, Settings
from collab.rooms import Room, Rooms
from collab.storage.memory import MemoryStore
from collab.storage.port import DocumentRecord
from tests.plugins.fake import make_manager, the, write_plugin

LOCKED = "\ue000Keep\u2028😀 this\ue001"
"""Its first and last character are nobody's to type: by them it is found again."""

CHARACTERS = [
    "a", "b", "\n", "\t", "é", "\u0301", "\u2028", "\u2029", "\u200d", "\u202e", "中", "😀",
    "👨\u200d👩", "\ue005", "\U0010ffff", "Keep", LOCKED[1:-1],
]  # fmt: skip

JUNK: list[Any] = [
    None, 5, {}, [[]], [{}], [None], [{"retain": -1}], [{"retain": 0.5}], [{"delete": 0}],
    [{"insert": "\ud83d"}], [{"insert": ""}], [{"insert": "x", "delete": 3}],
    [{"retain": 1e300}, {"delete": 1}], [{"delete": True}], [{"insert": "nul\0"}],
    [{"retain": 2**53}, {"insert": "x"}], [{"retain": 1, "attributes": {"a": {"b": [1] * 50}}}],
]  # fmt: skip

MOODS = {
    "raise": "raise RuntimeError('no')",
    "exit": "raise SystemExit(1)",
    "interrupt": "raise KeyboardInterrupt",
    "cancel": "raise asyncio.CancelledError",
    "cancel itself": "asyncio.current_task().cancel(); await asyncio.sleep(0)",
    "choke": "assert all('\\u2028' not in str(op.get('insert')) for op in delta.ops)",
    "hang": "await asyncio.Event().wait()",
    "block": "time.sleep(0.01)",
    "answer wrongly": "return 5",
    "answer junk": "delta.parts[:] = [('x', {'b': {1}})]; return delta",
    "answer past the end": "return Delta().retain(document.length + 1).insert('x')",
    "answer what the type does not have": "return Delta().retain(1).insert('nul\\0')",
    "veto badly": "raise Veto(object(), retry_after='soon')",
}
"""What the plugin does in the place of an answer."""

EXAMPLE = re.compile(r"```python\n# my-plugins/lockedpart/__init__\.py\n(.*?)```", re.DOTALL)

POLICY = """
import asyncio
import time
from collab.ot import Delta
from .part import LockedPart

class Locked(LockedPart):
    mood = "well"

    @hookimpl(fail_closed=FAIL_CLOSED)
    async def before_operation(self, document, delta):
        given = delta.slice()
        match self.mood:
MOODS
        return await super().before_operation(document, given)

    @hookimpl
    def operation_committed(self):
        raise RuntimeError("so often that its breaker is open all the time")

del LockedPart  # a module has one plugin
"""

MEDDLER = """
class ZMeddler(Plugin):
    '''Is asked after the policy, and makes an edit that it would not have let pass.'''

    target = None

    @hookimpl
    def before_operation(self, delta):
        if self.target is not None:
            from collab.ot import Delta
            start, length = self.target
            return Delta().retain(start).insert("meddled").delete(length)
"""


class Clock:
    """The real one, and what a test adds to it: pauses are over when it wants."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Attacker:
    """A session that may do anything but be another client."""

    def __init__(self, number: int) -> None:
        self.client = f"client-{number}"
        self.connections = 0
        self.id = ""
        self.user = User(f"user-{number}", f"Attacker {number}", "#000000")
        self.permissions = frozenset({"read", "write"})
        self.source = "here"
        self.told: Counter[str] = Counter()
        self.waits = 0
        """Edits that came back to be sent again."""
        self.refused: messages.Operation | None = None
        self.here = False

    def send(self, frame: Frame) -> None:
        if b'"type":"error"' not in frame.messages[:40]:
            return
        for one in messages.decode_server(frame.text):
            assert isinstance(one, messages.Error)
            self.told[one.code] += 1
            if one.code == "policy_unavailable":
                # What the author's client does with it: nothing is lost, it comes again.
                assert one.retry and one.retry_after and one.sequence is not None
                self.waits += 1

    def rename(self, user: User) -> None:
        self.user = user

    def allow(self, permissions: frozenset[str]) -> None:
        self.permissions = permissions

    def end(
        self, code: ErrorCode, sentence: str | None = None, retry_after: float | None = None
    ) -> None:
        self.told[code.code] += 1
        self.here = False


class Siege:
    """One document, its locked part, and twelve attackers."""

    def __init__(
        self, seed: int, room: Room, rooms: Rooms, manager: PluginManager, clock: Clock
    ) -> None:
        self.random = random.Random(seed)
        self.room, self.rooms, self.manager, self.clock = room, rooms, manager, clock
        self.rich = room.type.name == "richtext"
        self.attackers = [Attacker(number) for number in range(12)]
        self.made = 0
        """Operations that were put to the room."""
        self.outcomes: Counter[str] = Counter()
        self.original = self.locked()

    @property
    def policy(self) -> Any:
        return the(self.manager, "locked")

    def locked(self) -> list[Any] | None:
        """Every unit of the locked part with its attributes; None when it is not whole."""
        units: list[Any] = []
        for op in self.room.ordering.content.delta().ops:
            inserted, style = op["insert"], op.get("attributes")
            pieces = inserted if isinstance(inserted, str) else [inserted]
            units += [(piece, style) for piece in pieces]
        first = [at for at, (piece, _) in enumerate(units) if piece == LOCKED[0]]
        if len(first) != 1:
            return None
        found = units[first[0] : first[0] + len(LOCKED)]
        return found if "".join(str(piece) for piece, _ in found) == LOCKED else None

    @property
    def whole(self) -> bool:
        """Whether nothing of it has changed."""
        return self.locked() == self.original

    # What they try.

    def span(self) -> tuple[int, int]:
        """Where the locked part is in the newest content, in UTF-16 code units."""
        text = "".join(
            op["insert"] if isinstance(op["insert"], str) else "\ufffc"
            for op in self.room.ordering.content.delta().ops
        )
        at = text.find(LOCKED[0])
        start = len(text[:at].encode("utf-16-le")) // 2
        return start, start + len(LOCKED.encode("utf-16-le")) // 2

    def attack(self, start: int, end: int) -> Any:
        """An operation, as JSON."""
        some, length = self.random, self.room.ordering.length
        ops: list[dict[str, Any]] = []
        at = some.choice([
            0, start - 2, start - 1, start, start + 1, start + 5, end - 2, end - 1, end, end + 1,
            some.randint(0, length), some.randint(start, end), length,
        ])  # fmt: skip
        if at > 0:
            ops.append(self.retain(at, 0.1))
        for _ in range(some.choice([1, 1, 2, 2, 3, 5])):
            match some.randrange(6):
                case 0 | 1:
                    text = "".join(some.choices(CHARACTERS, k=some.randint(1, 3)))
                    ops.append({"insert": text})
                    if self.rich and some.random() < 0.3:
                        ops[-1]["attributes"] = {"bold": True}
                    if some.random() < 0.05:
                        ops[-1] = {"insert": {"image": "x"}}
                case 2 | 3:
                    ops.append({"delete": some.choice([1, 1, 2, 3, end - start, 40])})
                case 4:
                    ops.append(self.retain(some.choice([1, 2, 3, end - start, 40]), 0.5))
                case 5:
                    ops.append(self.retain(some.randint(1, 5), 0.1))
        if some.random() < 0.02:
            return some.choice(JUNK)
        if some.random() < 0.02:
            return [{"delete": length}, {"insert": LOCKED[1:-1]}]
        return ops

    def retain(self, length: int, formats: float) -> dict[str, Any]:
        op: dict[str, Any] = {"retain": length}
        if self.random.random() < (formats if self.rich else formats / 20):
            op["attributes"] = self.random.choice([{"bold": True}, {"bold": None}, {"a": 1}, {}])
        return op

    # How they put it.

    async def round(self) -> None:
        """All attackers at once, each by a door of their choice; then look."""
        some = self.random
        start, end = self.span()
        doors: list[Coroutine[Any, Any, Any]] = []
        for one in self.attackers:
            if not one.here or some.random() < 0.01:
                await self.connect(one)
            value = self.attack(start, end)
            self.made += 1
            match some.randrange(20):
                case 0:
                    doors.append(self.script(value))
                case 1:
                    doors.append(self.plugin(value, start, end))
                case 2 if one.refused is not None:
                    self.submit(one, one.refused)
                case _:
                    last, _ = self.room.ordering.last(one.client)
                    newest = self.room.ordering.revision
                    base = some.choice([
                        newest, newest, newest - some.randint(0, 4), newest - some.randint(0, 60),
                        self.room.revision, newest + 1,
                    ])  # fmt: skip
                    sequence = last + (1 if some.random() < 0.97 else some.randint(-1, 2))
                    one.refused = messages.Operation(max(base, 0), max(sequence, 0), value)
                    self.submit(one, one.refused)
                    if some.random() < 0.1:
                        self.submit(one, one.refused)
        await asyncio.gather(*doors)
        await self.room.settle()

    def submit(self, one: Attacker, operation: messages.Operation) -> None:
        try:
            self.room.submit(one, operation)
        except CollabError as error:
            one.told[error.code.code] += 1
            if error.code.close is not None:
                self.room.leave(one)
                one.here = False

    async def connect(self, one: Attacker) -> None:
        """Another connection of the same client, under another name perhaps."""
        one.connections += 1
        if one.here:
            self.room.leave(one)
        one.id = f"session-{one.client}-{one.connections}"
        await self.room.resume(one.client)
        self.room.join(one)
        one.here = True
        if self.random.random() < 0.3:
            self.rooms.user_changed(User(one.user.id, f"\u202eAda{one.connections}", "#ffffff"))

    async def script(self, value: Any) -> None:
        """As HTTP does it."""
        await self.edit(lambda: self.room.edit(Delta(value), author=User("token:x", "", "")))

    async def plugin(self, value: Any, start: int, end: int) -> None:
        """As any plugin may, the policy's own among them."""
        document = self.manager.house.document_of(self.room)

        async def steps() -> None:
            async with document.edit(author="locked") as edit:
                edit.insert(0, "x").replace(start, end - start, "y").format(0, 3, {"bold": True})

        if self.random.random() < 0.3:
            await self.edit(steps)
        else:
            await self.edit(lambda: document.apply(Delta(value), author="locked"))

    async def edit(self, make: Any) -> None:
        try:
            await make()
        except CollabError as error:
            self.outcomes[error.code.code] += 1
            assert (error.code is not errors.POLICY_UNAVAILABLE) or error.details["retry_after"]
        except ValueError:  # InvalidOperation
            self.outcomes["invalid"] += 1
        else:
            self.outcomes["taken"] += 1

    # The whole of it.

    def recover(self) -> None:
        """Nothing fails any more, and every pause is over."""
        self.policy.mood = "well"
        the(self.manager, "zmeddler").target = None
        self.clock.ahead += 3600

    async def run(self, count: int, *, failing: bool = True) -> None:
        """So many operations. Ends when the locked part is not what it was."""
        reloading: asyncio.Task[None] | None = None
        switchboard = Switchboard(self.manager, lambda: self.rooms.store)
        rounds = 0
        while self.made < count and self.whole:
            rounds += 1
            if failing:
                well = self.random.random() < 0.6
                self.policy.mood = "well" if well else self.random.choice(list(MOODS))
                # Some rounds in its pause, some after it.
                self.clock.ahead += self.random.choice([0, 20, 600, 600])
                start, end = self.span()
                meddles = self.random.random() < 0.1
                the(self.manager, "zmeddler").target = (start, end - start) if meddles else None
                if rounds % 150 == 100:
                    reloading = asyncio.create_task(switchboard.reload("locked"))
            await self.round()
            if reloading is not None and (reloading.done() or rounds % 150 == 110):
                await reloading
                reloading = None
        if reloading is not None:
            await reloading


@asynccontextmanager
async def siege(
    folder: Path, seed: int, *, rich: bool, fail_closed: bool = True
) -> AsyncIterator[Siege]:
    """A document whose middle is locked, and who is after it."""
    page = (Path(__file__).parents[2] / "docs/plugins.md").read_text(encoding="utf-8")
    (example,) = EXAMPLE.findall(page)
    moods = "".join(
        f"            case {mood!r}:\n                {what}\n" for mood, what in MOODS.items()
    )
    source = POLICY.replace("MOODS\n", moods).replace("FAIL_CLOSED", str(fail_closed))
    write_plugin(folder, "locked", source, part_dot_py=example)
    write_plugin(folder, "zmeddler", MEDDLER)
    clock, store = Clock(), MemoryStore()
    bounds = Bounds(hard=0.002, failures=3)
    manager = make_manager(folder, clock=clock, bounds=bounds)
    assert manager.problems == [], manager.problems[0].sentence
    settings = Settings(limits=Limits(document_size=400), checksum_interval=600.0)
    rooms = Rooms(store, settings, manager.observer)
    style = {"attributes": {"bold": True, "a": "x"}} if rich else {}
    content = [{"insert": "Before. "}, {"insert": LOCKED, **style}, {"insert": " After.\n"}]
    kind = "richtext" if rich else "text"
    record = DocumentRecord("doc", "Locked", kind, "epoch", 0, 1.0, 1.0)
    await store.create(record, msgspec.json.encode(content))
    await manager.start(rooms, store)
    async with rooms.use("doc") as room:
        made = Siege(seed, room, rooms, manager, clock)
        start, end = made.span()
        await made.policy.lock(manager.house.document_of(room), "part", start, end)
        try:
            yield made
        finally:
            made.recover()
    await rooms.stop(5.0)
    await manager.stop()
