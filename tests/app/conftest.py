from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("tiny_news", Path(__file__).parent / "world.py")


@pytest.fixture(scope="session")
def world():
    """The tiny news world as a module."""
    module = importlib.util.module_from_spec(_SPEC)
    _SPEC.loader.exec_module(module)
    return module


@pytest.fixture
def service(world):
    """A fresh service over it."""
    service = world.service()
    yield service
    service.close()
