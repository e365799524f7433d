"""A small shop, a plain spec, and stages that behave as told."""

import numpy as np
import pytest

from shortlist.core.types import Requests
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.run import Runner
from shortlist.pipeline.spec import PipelineSpec
from shortlist.pipeline.stages.base import Stage
from shortlist.testing.worlds import small_log

PLAIN = {
    "name": "plain",
    "query": [{"use": "history"}],
    "source": [{"use": "popular", "k": 10, "refresh_s": 0}],
    "filter": [{"use": "seen"}],
    "scorer": [{"use": "first_score", "columns": ["score.popular"]}],
}


@pytest.fixture(scope="session")
def shop():
    return small_log()


@pytest.fixture
def world(shop):
    return offline_world(shop)


@pytest.fixture
def plain():
    """Makes the plain spec with sections replaced."""

    def make(**sections):
        return PipelineSpec.from_dict({**PLAIN, **sections})

    return make


@pytest.fixture
def asked(shop):
    """Every user and a stranger, just after the last event."""
    return Requests.of([*range(shop.n_users), -1], now=float(shop.interactions.at.max()) + 1.0, k=5)


@pytest.fixture
def runner_with(plain, world):
    """Makes a runner of the plain spec with extra stages in a section."""

    def make(section, *stages):
        built = build(plain(), world).stages
        built = {name: [*held, *(stages if name == section else ())] for name, held in built.items()}
        return Runner(plain(), world, built)

    return make


@pytest.fixture
def stage(world):
    """Makes a stage whose one method is the given function."""

    def make(name, method, **attributes):
        made = type(name, (Stage,), {**attributes, "limit": lambda self, r: np.full(len(r), 10**9)})(world)
        setattr(made, method[0], method[1])
        return made

    return make
