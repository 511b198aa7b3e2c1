"""What a running server does under load: throughput, latency, cost of size, opening, memory."""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.processes import Server, collab, cores, relay
from benchmarks.wire import REVISION, Typist, Wire
from collab.protocol.settings import Settings
from collab.rooms.checking import check
from collab.storage import chain, open_store, open_store_for_reading
from collab.storage.port import Append, DocumentRecord, Snapshot, StoredOperation

Row = dict[str, Any]

START = "0123456789" * 100


def create(server: Server, text: str = START) -> str:
    """A new document's socket address."""
    request = urllib.request.Request(
        f"{server.url}/api/documents",
        json.dumps({"title": "benchmark", "content": text}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        id = json.load(response)["id"]
    return f"{server.url}/api/documents/{id}/socket".replace("http", "ws", 1)


def run(work: Any) -> Any:
    """Run a coroutine on uvloop, on the load's core."""
    import uvloop

    _, other = cores()
    os.sched_setaffinity(0, other)
    return uvloop.run(work)


async def throughput(
    server: Server, documents: int, clients: int, seconds: float, warm_up: float = 1.0
) -> Row:
    """Everybody types as fast as acknowledgements come."""
    urls = [create(server) for _ in range(documents)]
    typists = [
        Typist(url, len(START), seed=number * 1000 + client)
        for number, url in enumerate(urls)
        for client in range(clients)
    ]
    for typist in typists:
        await typist.join()
    for typist in typists:
        typist.running = True
        typist.type()
    await asyncio.sleep(warm_up)
    before = [(typist.acknowledged, typist.delivered) for typist in typists]
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - start
    edits = sum(t.acknowledged - b[0] for t, b in zip(typists, before, strict=True))
    deliveries = sum(t.delivered - b[1] for t, b in zip(typists, before, strict=True))
    for typist in typists:
        typist.running = False
        typist.wire.close()
    return {
        "load": f"{documents} × {clients}" if documents > 1 else f"{clients} clients",
        "edits/s": round(edits / took),
        "deliveries/s": round(deliveries / took),
    }


async def relay_throughput(server: Server, documents: int, clients: int, seconds: float) -> Row:
    """The same closed loop through the relay."""
    acknowledged = delivered = 0
    wires: list[Wire] = []

    def listener() -> Callable[[bytes], None]:
        holder: list[Wire] = []

        def on_text(payload: bytes) -> None:
            nonlocal acknowledged, delivered
            if payload == b"a":
                acknowledged += 1
                holder[0].send(b"x")
            else:
                delivered += 1

        on_text.holder = holder  # type: ignore[attr-defined]  # filled once the wire is open
        return on_text

    for document in range(documents):
        for _ in range(clients):
            on_text = listener()
            wire = await Wire.open(
                f"{server.url}/room{document}".replace("http", "ws", 1), on_text
            )
            on_text.holder.append(wire)  # type: ignore[attr-defined]
            wires.append(wire)
    for wire in wires:
        wire.send(b"x")
    await asyncio.sleep(0.5)
    before = acknowledged, delivered
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - start
    row = {
        "load": f"{documents} × {clients}" if documents > 1 else f"{clients} clients",
        "edits/s": round((acknowledged - before[0]) / took),
        "deliveries/s": round((acknowledged - before[0] + delivered - before[1]) / took),
    }
    for wire in wires:
        wire.close()
    return row


async def latency(server: Server, clients: int, rate: float, seconds: float) -> Row:
    """From typing to seen by each of the others, at a human pace."""
    url = create(server)
    typists = [Typist(url, len(START), seed=number) for number in range(clients)]
    sent: dict[bytes, float] = {}
    seen: list[float] = []
    own: list[float] = []
    clock = time.perf_counter

    def arrived(typist: Typist, payload: bytes) -> None:
        now = clock()
        for operation in msgspec.json.decode(payload)[0]["operations"]:
            key = f"{operation['client']}:{operation['sequence']}".encode()
            start = sent.get(key)
            if start is not None:
                (own if operation["client"] == typist.client else seen).append(now - start)

    for typist in typists:
        await typist.join()
        typist.on_operations = arrived

    async def person(typist: Typist, number: int) -> None:
        pace = random.Random(number)
        await asyncio.sleep(pace.random() / rate)
        stop = clock() + seconds
        while clock() < stop:
            if typist.sequence == typist.acknowledged:
                sent[f"{typist.client}:{typist.sequence + 1}".encode()] = clock()
                typist.type()
            await asyncio.sleep(pace.uniform(0.5, 1.5) / rate)

    await asyncio.gather(*(person(typist, n) for n, typist in enumerate(typists)))
    await asyncio.sleep(0.2)
    for typist in typists:
        typist.wire.close()
    return {
        "load": f"{clients} clients × {rate:g}/s",
        **percentiles("seen", seen),
        **percentiles("acknowledged", own),
    }


def percentiles(name: str, seconds: list[float]) -> Row:
    ordered = sorted(seconds)
    return {
        f"{name} p50 ms": round(ordered[len(ordered) // 2] * 1000, 2),
        f"{name} p99 ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
    }


async def keystroke(server: Server, sizes: Iterable[int], count: int = 1000) -> list[Row]:
    """One client alone types at random places of documents of different size.

    The rounds alternate between the documents, so that they share the machine's moods.
    """
    typists = {}
    for size in sizes:
        url = create(server, "0123456789abcde\n" * (size // 16))
        typist = Typist(url, size, seed=size)
        await typist.join()
        typists[size] = typist
    times: dict[int, list[float]] = {size: [] for size in typists}
    for _ in range(count):
        for size, typist in typists.items():
            done = asyncio.get_running_loop().create_future()
            typist.running = True
            typist.think = lambda done=done: done.set_result(None)
            start = time.perf_counter()
            typist.type()
            await done
            times[size].append(time.perf_counter() - start)
    for typist in typists.values():
        typist.wire.close()
    smallest = statistics.median(next(iter(times.values())))
    return [
        {
            "document": f"{size:,} units",
            "keystroke p50 ms": round(statistics.median(taken) * 1000, 3),
            "ratio": round(statistics.median(taken) / smallest, 2),
        }
        for size, taken in times.items()
    ]


async def fill_history(data_dir: Path, operations: int, size: int) -> str:
    """A document of ``size`` units with a history, written as the server would; its id."""
    settings = Settings(data_dir=data_dir)
    store = await open_store(settings)
    id = "long-history"
    text = "0123456789abcde\n" * (size // 16)
    start = json.dumps([{"insert": text}]).encode()
    await store.create(DocumentRecord(id, "Long", "text", "epoch", 0, 1.0, 1.0), start)
    pace = random.Random(1)
    batch = []
    hash = kept = chain.origin("text", 0, start)
    inserted: list[tuple[int, str]] = []
    for revision in range(1, operations + 1):
        # Insert and delete in turn, so that the size stays.
        if revision % 2:
            position = pace.randrange(1, size)
            delta: list[Row] = [{"retain": position}, {"insert": "x"}]
            inserted.append((position, "x"))
        else:
            position, _ = inserted.pop()
            delta = [{"retain": position}, {"delete": 1}]
        encoded = json.dumps(delta).encode()
        hash = chain.follow(hash, revision, "c", revision, "a", 1.0, encoded)
        batch.append(StoredOperation(revision, "c", revision, "a", 1.0, encoded, hash))
        if revision == operations - 800:
            kept = hash
        if len(batch) == 1000:
            await store.append([Append(id, batch)])
            batch = []
    # As the server leaves it: the newest snapshot some operations behind the head.
    await store.save_snapshot(id, Snapshot(operations - 800, start, kept))
    await store.close()
    return id


async def opening(server: Server, id: str, count: int) -> Row:
    """From the request to the last byte of the content: once cold, then with the room open."""
    url = f"{server.url}/api/documents/{id}/socket".replace("http", "ws", 1)
    times = []
    wire_bytes = 0
    for _ in range(count):
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        start = time.perf_counter()
        wire = await Wire.open(url, heard.put_nowait)
        wire.send(b'[{"type":"hello","protocol":1}]')
        payload = await heard.get()
        times.append(time.perf_counter() - start)
        wire_bytes = wire.received
        assert payload.rfind(REVISION) > 0
        wire.close()
    return {
        "document": "100 KB, 100,000 operations",
        "cold ms": round(times[0] * 1000, 1),
        "open ms": round(statistics.median(times[1:]) * 1000, 1),
        "wire KB": round(wire_bytes / 1000, 1),
    }


async def memory(server: Server, connections: int, documents: int) -> list[Row]:
    """Resident memory per idle connection and per open document."""
    one = create(server, "a few words")
    warm = Typist(one, 5, 0)
    await warm.join()
    before = server.memory()
    idle = [Typist(one, 5, number) for number in range(connections)]
    for typist in idle:
        await typist.join()
    await asyncio.sleep(0.5)
    per_connection = (server.memory() - before) / connections
    urls = [create(server, START * 10) for _ in range(documents)]
    before = server.memory()
    openers = [Typist(url, 5, 0) for url in urls]
    for typist in openers:
        await typist.join()
    await asyncio.sleep(0.5)
    per_document = (server.memory() - before) / documents - per_connection
    for typist in [warm, *idle, *openers]:
        typist.wire.close()
    return [
        {"what": "idle connection", "KiB": round(per_connection / 1024, 1)},
        {"what": "open document of 10 KB", "KiB": round(per_document / 1024, 1)},
    ]


LOADS = ((1, 2), (1, 10), (1, 50), (100, 2))


SERVERS = {"without plugins": ("--safe-mode",), "all bundled": ()}


def measure_throughput(seconds: float, rounds: int) -> list[Row]:
    """Collab without plugins and with all bundled ones, and the relay, in turn: medians."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for _ in range(rounds):
        for name, arguments in SERVERS.items():
            with collab(*arguments) as server:
                for documents, clients in LOADS:
                    row = run(throughput(server, documents, clients, seconds))
                    rows.setdefault((name, row["load"]), []).append({"server": name, **row})
        with relay() as server:
            for documents, clients in LOADS:
                row = run(relay_throughput(server, documents, clients, seconds))
                rows.setdefault(("relay", row["load"]), []).append({"server": "relay", **row})
    return [_median(found) for found in rows.values()]


def measure_latency(seconds: float, rounds: int) -> list[Row]:
    rows = []
    for _ in range(rounds):
        with collab() as server:
            rows.append(run(latency(server, 20, 8.0, seconds)))
    return [_median(rows)]


def measure_keystroke(count: int) -> list[Row]:
    with collab() as server:
        return list(run(keystroke(server, (1_000, 100_000, 10_000_000), count)))


def measure_opening(operations: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="collab-benchmark-") as folder:
        id = run(fill_history(Path(folder), operations, 100_000))
        with collab(data_dir=Path(folder)) as server:
            return [run(opening(server, id, 20))]


async def checking(data_dir: Path, id: str) -> Row:
    """All of a document verified, as `collab check` does it; best of five."""
    store = await open_store_for_reading(Settings(data_dir=data_dir))
    times = []
    for _ in range(5):
        start, spent = time.perf_counter(), time.process_time()
        revisions = await check(store, id)
        times.append((time.perf_counter() - start, time.process_time() - spent))
    await store.close()
    took, processor = min(times)
    return {
        "revisions": revisions or 0,
        "seconds": round(took, 2),
        "processor": round(processor, 2),
    }


def measure_checking(operations: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="collab-benchmark-") as folder:
        id = run(fill_history(Path(folder), operations, 100_000))
        return [run(checking(Path(folder), id))]


def measure_memory(connections: int, documents: int) -> list[Row]:
    with collab(COLLAB_LIMITS__SESSIONS_PER_DOCUMENT="100000") as server:
        return list(run(memory(server, connections, documents)))


def _median(rows: list[Row]) -> Row:
    """Figure by figure, with the range where there is one."""
    return {
        key: value if isinstance(value, str) else statistics.median(row[key] for row in rows)
        for key, value in rows[0].items()
    }
