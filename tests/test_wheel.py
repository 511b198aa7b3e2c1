"""An installed Collab runs anywhere: pages, plugins and migrations travel in the wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the wheel's files in it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_only_the_package_lands_in_site_packages(site: Path) -> None:
    names = sorted(path.name for path in site.iterdir())
    assert [name for name in names if not name.endswith(".dist-info")] == ["collab"]


def test_the_migrations_travel_with_what_they_belong_to(site: Path) -> None:
    for folder in ("migrations/versions", *(
        str(path.relative_to(ROOT)) for path in (ROOT / "plugins").glob("*/migrations")
    )):  # fmt: skip
        steps = {path.name for path in (ROOT / folder).glob("*.py")}
        assert steps and steps == {path.name for path in (site / "collab" / folder).glob("*.py")}


def test_a_server_from_the_wheel_serves_the_same(
    site: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    off = pytestconfig.getoption("--without")
    environment = os.environ | {"PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", "import collab; print(collab.__file__)"],
        cwd=tmp_path, env=environment, check=True, capture_output=True, text=True,
    )
    assert where.stdout.startswith(str(site))
    with subprocess.Popen(
        [sys.executable, "-m", "collab", "serve", "--port", "0"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True,
    ) as server:
        try:
            assert server.stdout is not None
            match = re.search(r"http://\S+/", server.stdout.readline())
            assert match is not None
            address = match[0].rstrip("/")
            with urllib.request.urlopen(address + "/") as page:
                assert b"importmap" in page.read()
            request = urllib.request.Request(
                f"{address}/api/documents", b'{"title":"x"}', {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request) as response:
                links = json.load(response)["links"]
            if off != "chat":
                with urllib.request.urlopen(f"{address}{links['self']}/export/chat") as page:
                    assert b"Chat about x" in page.read()
            with urllib.request.urlopen(address + links["page"]) as page:
                editor = page.read().decode()
            for folder in sorted((ROOT / "plugins").glob("*/static/*.js")):
                plugin = folder.parent.parent.name
                if plugin == off:
                    continue
                script = f"/plugins/{plugin}/static/{folder.name}"
                if folder.stem == plugin:
                    assert script in editor
                with urllib.request.urlopen(address + script) as served:
                    assert served.read() == folder.read_bytes()
        finally:
            server.terminate()
            assert server.wait(15) == 0
