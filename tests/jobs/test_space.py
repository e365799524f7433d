from typing import Literal

import pytest
from pydantic import Field, PositiveInt

from shortlist.core import registry
from shortlist.core.config import Config
from shortlist.core.errors import BadConfig
from shortlist.jobs.space import Choice, Range, checked, parse_dimension, space_of


class Settings(Config):
    """A setting of every sort."""

    factors: PositiveInt = 64
    reg: float = Field(default=2.0, gt=0)
    decay: float = Field(default=0.5, gt=0.0, lt=1.0)
    share: float = Field(default=0.0, ge=0.0, le=1.0)
    depth: int = Field(default=1, ge=1, le=3)
    solver: Literal["cg", "cholesky"] = "cg"
    user_weights: bool = True
    shrinkage: float = Field(default=0.0, ge=0)
    neighbours: PositiveInt | None = 50
    title: str = ""
    seed: int | None = None
    max_len: int = 100


def test_scales_are_read_off_the_settings():
    assert space_of(Settings) == {
        "factors": Range(7, 640, log=True, whole=True),
        "reg": Range(0.2, 20.0, log=True),
        "decay": Range(0.001, 0.999),
        "share": Range(0.0, 1.0),
        "depth": Range(1, 3, log=True, whole=True),
        "solver": Choice(("cg", "cholesky")),
        "user_weights": Choice((False, True)),
        "neighbours": Range(5, 500, log=True, whole=True),
    }


def test_only_what_was_asked_for():
    assert list(space_of(Settings, ["reg", "max_len"])) == ["reg", "max_len"]
    with pytest.raises(BadConfig, match="regg") as error:
        space_of(Settings, ["regg"])
    assert "reg" in error.value.hint
    with pytest.raises(BadConfig, match="no scale") as error:
        space_of(Settings, ["shrinkage"])
    assert "shrinkage=1:100:log" in error.value.hint


def test_ranges_and_choices_are_read_from_text():
    assert parse_dimension("factors=16:256:log", Settings) == ("factors", Range(16, 256, log=True, whole=True))
    assert parse_dimension("reg=0.1:1", Settings) == ("reg", Range(0.1, 1.0))
    assert parse_dimension("solver=cg|cholesky", Settings) == ("solver", Choice(("cg", "cholesky")))
    assert parse_dimension("factors=32|64", Settings) == ("factors", Choice((32, 64)))
    assert parse_dimension("user_weights=true", Settings) == ("user_weights", Choice((True,)))


@pytest.mark.parametrize(
    "text", ["factors", "factors=", "factors=a:b", "factors=9:3", "reg=0:1:log", "reg=1:2:lin", "x=1:2"]
)
def test_bad_text_says_what_to_write(text):
    with pytest.raises(BadConfig) as error:
        parse_dimension(text, Settings)
    assert error.value.hint


def test_impossible_ends_are_refused_before_anything_is_fitted():
    with pytest.raises(BadConfig, match="depth"):
        checked({"depth": Range(1, 9, whole=True)}, Settings, {})
    with pytest.raises(BadConfig, match="fixed and searched"):
        checked({"reg": Range(1, 2)}, Settings, {"reg": 1.0})
    with pytest.raises(BadConfig, match="nothing to search"):
        checked({}, Settings, {})


@pytest.mark.parametrize("row", registry.rows("retriever") + registry.rows("ranker"), ids=lambda row: row.name)
def test_every_model_has_a_space_of_possible_settings(row):
    try:
        config = registry.load(row.name, row.kind).Config
    except registry.MissingExtra as error:
        pytest.skip(error.message)
    space = space_of(config)
    if space:
        assert checked(space, config, {}) is space
    else:
        assert row.name == "random"
