import pytest

from shortlist.core import registry
from shortlist.core.errors import BadConfig, MissingExtra, UnknownName
from shortlist.core.lazy import import_extra


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'popularity'"):
        registry.find("popularty", "retriever")


def test_unknown_setting_suggests_the_nearest():
    with pytest.raises(BadConfig, match="Did you mean 'half_life_s'") as caught:
        registry.create("trending", "retriever", half_life=3)
    assert caught.value.field == "half_life"


def test_a_missing_extra_says_what_to_install():
    with pytest.raises(MissingExtra, match=r"pip install 'shortlist\[nn\]'"):
        import_extra("torch_that_nobody_has", "nn")


def test_an_import_error_inside_an_extra_passes_through(tmp_path, monkeypatch):
    (tmp_path / "broken_extra.py").write_text("import a_module_that_does_not_exist\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_module_that_does_not_exist"):
        import_extra("broken_extra", "nn")


def test_rows_lists_one_kind_sorted():
    names = [row.name for row in registry.rows("retriever")]
    assert names == sorted(names)
    assert "popularity" in names
