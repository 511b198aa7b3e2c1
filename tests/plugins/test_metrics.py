"""metrics: what Prometheus is told, and who else is not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from collab.plugins.metrics.exposition import Exposition, Histogram, number

from collab.client import Backoff
from collab.plugins.settings import WrongSettings
from collab.protocol.settings import Settings
from collab.storage import open_store
from collab.testing.faults import Fault, FaultyStore
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import make_manager, the, until

TOKEN = "a secret of some length"
STRANGER = {"X-Forwarded-For": "192.0.2.1"}
"""Of somebody who comes through a proxy."""
ROOT = Path(__file__).parents[2]
README = (ROOT / "plugins/metrics/README.md").read_text(encoding="utf-8")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serve(Settings(data_dir=tmp_path, plugins_on=("metrics",))) as running:
        yield running


async def page(server: Server, **headers: str) -> tuple[int, str]:
    """As the operator, unless there are other headers."""
    headers = headers or server.operator
    async with server.http.get(f"{server.url}/plugins/metrics/api", headers=headers) as response:
        return response.status, await response.text()


def values(text: str) -> dict[str, float]:
    """Every sample by its name and labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def plugin_of(server: Server) -> Any:
    return the(server.app[PLUGINS], "metrics")


async def test_what_happens_is_counted(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    other = await server.create_document("Other", "")
    async with server.connect(id) as one, server.connect(id), server.connect(other):
        for _ in range(3):
            await one.insert(0, "x")
        await one.saved()
        await until(lambda: plugin_of(server).operations == 3)
        status, text = await page(server)
    assert status == 200
    found = values(text)
    assert found["collab_open_documents"] == 2
    assert found["collab_sessions"] == 3
    assert found["collab_users"] == 3
    assert found["collab_sessions_total"] == 3
    assert found["collab_operations_total"] == 3
    assert 1 <= found["collab_commits_total"] <= 3
    assert found["collab_commit_failures_total"] == 0
    assert found["collab_documents_created_total"] == 2
    assert found["collab_documents_deleted_total"] == 0
    assert found['collab_commit_seconds_bucket{le="+Inf"}'] == 3
    assert found["collab_commit_seconds_count"] == 3
    assert 0 < found["collab_commit_seconds_sum"] < 60
    assert found['collab_plugin_up{plugin="metrics"}'] == 1
    assert found['collab_plugin_failures_total{plugin="metrics"}'] == 0
    assert found['collab_plugin_calls_total{plugin="metrics"}'] >= 8
    assert found["process_resident_memory_bytes"] > 10_000_000
    assert found["process_open_fds"] > 3


async def test_commits_that_fail_are_counted(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, plugins_on=("metrics",))
    inner = await open_store(settings)
    store = FaultyStore(inner)
    async with serve(settings, store) as running:
        id = await running.create_document("Notes", "one")
        store.inject("append", Fault("fail"))
        async with running.connect(id, backoff=Backoff(first=0.01, longest=0.05)) as one:
            await one.insert(0, "x")
            await one.saved()
        _, text = await page(running)
    await inner.close()
    assert values(text)["collab_commit_failures_total"] == 1
    assert values(text)["collab_commits_total"] == 1


async def test_who_left_and_what_was_deleted_is_gone(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    async with server.connect(id):
        pass
    async with server.http.delete(f"{server.url}/api/documents/{id}") as response:
        assert response.status == 204
    await until(lambda: plugin_of(server).deleted == 1)
    _, text = await page(server)
    found = values(text)
    assert found["collab_open_documents"] == found["collab_sessions"] == 0
    assert found["collab_documents_deleted_total"] == found["collab_sessions_total"] == 1


async def test_the_page_is_in_the_text_format(server: Server) -> None:
    url = f"{server.url}/plugins/metrics/api"
    async with server.http.get(url, headers=server.operator) as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        text = await response.text()
    assert text.endswith("\n")
    family = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
        elif line.startswith("# TYPE "):
            assert line.split()[2] == family
            assert line.split()[3] in ("gauge", "counter", "histogram")
            assert (line.split()[3] == "counter") == family.endswith("_total")
        else:
            assert re.fullmatch(
                rf'{family}(_bucket|_sum|_count)?(\{{(\w+="[^"]*",?)+\}})? -?[0-9.e+-]+', line
            ), line


async def test_the_readme_lists_every_metric(server: Server) -> None:
    _, text = await page(server)
    told = re.findall(r"^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)$", text, re.MULTILINE)
    table = README.split("## Metrics")[1]
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", table, re.MULTILINE)
    assert listed == [(name, kind, help) for name, help, kind in told]


async def test_strangers_are_not_answered(server: Server) -> None:
    assert (await page(server))[0] == 200, "the operator"
    for stranger in (STRANGER, {"Host": "127.0.0.1"}):
        status, text = await page(server, **stranger)
        assert status == 403 and "collab_" not in text


async def test_a_scraper_with_the_token_is_answered(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, plugins_on=("metrics",), plugins={"metrics": {"token": TOKEN}}
    )
    async with serve(settings) as server:
        status, text = await page(server, Authorization=f"bearer {TOKEN}", **STRANGER)
        assert status == 200 and "collab_sessions 0\n" in text
        assert (await page(server, **STRANGER))[0] == 403
        for wrong in (TOKEN, f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", "Bearer é"):
            status, text = await page(server, Authorization=wrong, **STRANGER)
            assert status in (401, 403) and "collab_" not in text, wrong


def test_a_short_token_stops_the_start() -> None:
    with pytest.raises(WrongSettings, match=r"plugins\.metrics.*at least 16 characters"):
        make_manager(None, plugins_on=("metrics",), plugins={"metrics": {"token": "x"}})


def test_labels_and_numbers_are_written_as_prometheus_reads_them() -> None:
    shown = Exposition()
    shown.gauge("one", "A\nline \\ more", [("", {"what": 'a "b" \\ \n'}, 0.5)])
    shown.counter("two_total", "None.", [])
    assert shown.text() == (
        "# HELP one A\\nline \\\\ more\n# TYPE one gauge\n"
        'one{what="a \\"b\\" \\\\ \\n"} 0.5\n'
    )
    numbers = [0, 1.0, 0.25, 1e20, float("inf"), float("-inf"), float("nan"), 1e-7]
    assert [number(one) for one in numbers] == [
        "0", "1", "0.25", "100000000000000000000", "+Inf", "-Inf", "NaN", "1e-07",
    ]  # fmt: skip


def test_a_histogram_counts_up_to_and_with_each_bound() -> None:
    histogram = Histogram([0.1, 1])
    for value in (0.05, 0.1, 0.5, 7):
        histogram.observe(value)
    assert [count for _, _, count in histogram.samples()] == [2, 3, 4, 7.65, 4]
    assert [labels.get("le") for _, labels, _ in histogram.samples()][:3] == ["0.1", "1", "+Inf"]


def test_the_examples_are_settings_that_work() -> None:
    pages = ["docs/plugins/metrics.md", "plugins/metrics/README.md"]
    examples = [
        block
        for page in pages
        for block in re.findall(
            r"```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL
        )
    ]
    assert examples
    for example in examples:
        make_manager(None, plugins_on=("metrics",), plugins=tomllib.loads(example)["plugins"])
