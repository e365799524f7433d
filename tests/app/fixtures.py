"""The tiny news world and a service over it, for the tests of the use cases and of the doors."""

import pytest

from tests.app import world as tiny_news


@pytest.fixture(scope="session")
def world():
    """The tiny news world as a module."""
    return tiny_news


@pytest.fixture
def service(world):
    """A fresh service over it."""
    service = world.service()
    yield service
    service.close()
