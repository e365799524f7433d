import pytest

from shortlist.core.errors import BadSpec
from shortlist.core.specfile import read_spec, shipped, toml_values


@pytest.mark.parametrize("kind", ["board", "pipeline"])
def test_what_ships_is_found_by_name_and_read(kind):
    names = shipped(kind)
    assert names
    for name, file in names.items():
        path, text = read_spec(name, kind)
        assert path == file
        assert toml_values(text, where=name)


def test_a_file_is_read_where_it_lies(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("k = 3\n")
    assert read_spec(path, "board") == (path, "k = 3\n")
    assert toml_values("k = 3\n", where="x") == {"k": 3}


def test_what_cannot_be_read_is_said_in_words(tmp_path):
    with pytest.raises(BadSpec, match=r"no shipped pipeline 'hom'.*\.toml file") as caught:
        read_spec("hom", "pipeline")
    assert "'home'" in caught.value.hint
    with pytest.raises(BadSpec, match=r"The board file 'none\.toml' cannot be read"):
        read_spec(tmp_path / "none.toml", "board")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(BadSpec, match="is not UTF-8 text"):
        read_spec(tmp_path / "latin.toml", "board")
    with pytest.raises(BadSpec, match=r"that spec is not valid TOML: .*line 2"):
        toml_values("k = 1\nname = t\n", where="that spec")


def test_an_unknown_kind_has_nothing():
    assert shipped("nothing") == {}
