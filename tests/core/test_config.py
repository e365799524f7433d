import pytest
from pydantic import PositiveFloat

from shortlist.core.config import Config
from shortlist.core.errors import BadConfig


class Ridge(Config):
    reg: PositiveFloat = 1.0
    """Strength."""


def test_parses_and_freezes():
    config = Ridge.parse({"reg": 2}, where="model 'ridge'")
    assert config.reg == 2.0
    with pytest.raises(ValueError, match="frozen"):
        config.reg = 3.0


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "much"])
def test_names_the_setting_with_an_impossible_value(value):
    with pytest.raises(BadConfig, match="setting 'reg'") as caught:
        Ridge.parse({"reg": value}, where="model 'ridge'")
    assert caught.value.field == "reg"


def test_refuses_unknown_settings():
    with pytest.raises(BadConfig, match=r"no setting .regg.*Did you mean .reg."):
        Ridge.parse({"regg": 1}, where="model 'ridge'")
