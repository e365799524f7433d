"""A model on disk: any kind of path, a folder made if needed, and one error for what cannot be read."""

import json

import pytest

from shortlist.core.errors import BundleCorrupt, NotFitted
from shortlist.models import create
from shortlist.testing.worlds import small_log


@pytest.fixture(scope="module")
def fitted():
    return create("markov").fit(small_log())


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_folder_is_made_and_read_back(fitted, tmp_path, kind):
    folder = tmp_path / "deep" / "model"
    fitted.save(kind(folder))
    again = type(fitted).load(kind(folder))
    assert again.get_params() == fitted.get_params()
    assert again.is_fitted


def test_nothing_is_made_for_a_model_without_a_fit(tmp_path):
    with pytest.raises(NotFitted):
        create("markov").save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("text", [None, "{", "[]", json.dumps({"no_such_setting": 1})])
def test_a_broken_folder_is_one_kind_of_error(fitted, tmp_path, text):
    fitted.save(tmp_path)
    config = tmp_path / "config.json"
    if text is None:
        config.unlink()
    else:
        config.write_text(text)
    with pytest.raises(BundleCorrupt, match=r"config\.json"):
        type(fitted).load(tmp_path)
