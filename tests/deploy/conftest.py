from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def image(root: Path) -> SimpleNamespace:
    """The names of `scripts/image.py`."""
    return SimpleNamespace(**runpy.run_path(str(root / "scripts/image.py"), run_name="image"))
