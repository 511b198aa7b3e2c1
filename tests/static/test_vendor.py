"""The vendored bundles are what the manifest says, and complete."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

VENDOR = Path(__file__).parents[2] / "collab" / "static" / "vendor"
MANIFEST: dict[str, Any] = json.loads((VENDOR / "manifest.json").read_text("utf-8"))
PINNED: dict[str, str] = json.loads((VENDOR / "rebuild" / "package.json").read_text("utf-8"))[
    "dependencies"
]

_BARE_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"'./][^"']*)["']""")


@pytest.mark.parametrize("package", MANIFEST["packages"], ids=lambda package: package["name"])
def test_bundle_is_what_the_manifest_says(package: dict[str, Any]) -> None:
    data = (VENDOR / package["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == package["sha256"]
    assert MANIFEST["imports"][package["name"]] == package["file"]
    for part in (package, *package["bundles"]):
        assert PINNED[part["name"]] == part["version"]
        assert part["licence"] in {"MIT", "Apache-2.0", "BSD-3-Clause", "ISC"}
        assert (VENDOR / part["licenceFile"]).stat().st_size > 0


def test_nothing_lies_beside_the_manifest() -> None:
    files = {path.name for path in VENDOR.glob("*.js")}
    assert files == set(MANIFEST["imports"].values())
    licences = {path.name for path in (VENDOR / "LICENSES").iterdir()}
    parts = [part for package in MANIFEST["packages"] for part in (package, *package["bundles"])]
    assert licences == {Path(part["licenceFile"]).name for part in parts}
    assert set(PINNED) == {part["name"] for part in parts}


@pytest.mark.parametrize("file", sorted(MANIFEST["imports"].values()))
def test_bare_imports_are_in_the_map(file: str) -> None:
    names = set(_BARE_IMPORT.findall((VENDOR / file).read_text("utf-8")))
    assert names <= set(MANIFEST["imports"])


def test_versions_are_pinned_exactly() -> None:
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in PINNED.values())
