from pathlib import Path

import pytest

from collab.protocol.settings import Limits, Settings
from collab.testing.fixtures import server

__all__ = ["server"]


@pytest.fixture
def server_settings(tmp_path: Path) -> Settings:
    """Tight where a test would otherwise wait."""
    return Settings(
        data_dir=tmp_path / "data",
        checksum_interval=0.2,
        limits=Limits(rate=100_000, burst=100_000),
    )
