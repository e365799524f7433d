import pytest

from shortlist.core.errors import BadConfig, BadRequest
from shortlist.index.choose import EXACT_UP_TO, default_index
from shortlist.index.exact import Exact
from shortlist.index.ivf_sq8 import IvfSq8


def test_exact_up_to_the_limit_and_lists_above():
    assert type(default_index(0)) is Exact
    assert type(default_index(EXACT_UP_TO)) is Exact
    assert type(default_index(EXACT_UP_TO + 1)) is IvfSq8


def test_settings_reach_the_index():
    assert default_index(10, seed=7).config.seed == 7
    with pytest.raises(BadConfig, match="probes"):
        default_index(10, probes=3)


def test_a_negative_size_is_refused():
    with pytest.raises(BadRequest):
        default_index(-1)
