import argparse

import pytest

from benchmarks.options import add_settings


def parsed(*words):
    parser = argparse.ArgumentParser()
    add_settings(parser)
    return parser.parse_args(words).settings


def test_settings_are_json_behind_a_key():
    assert parsed() == []
    given = parsed("--set", "dropout=0.1", "--set", 'start="links"', "--set", "tied=false", "--set", 'url="a=b"')
    assert given == [("dropout", 0.1), ("start", "links"), ("tied", False), ("url", "a=b")]


@pytest.mark.parametrize("wrong", ["dropout=.1", "start=links", "dropout", "=1", "dropout="])
def test_what_is_no_setting_is_refused_before_anything_runs(wrong, capsys):
    with pytest.raises(SystemExit):
        parsed("--set", wrong)
    said = capsys.readouterr().err
    assert f"'{wrong}' is no setting" in said
    assert "KEY=JSON" in said
