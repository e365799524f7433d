import pytest

from shortlist.core import registry
from shortlist.core.errors import BadConfig, SchemaMismatch, UnknownName
from shortlist.core.settings import settings
from shortlist.data.catalog import ALIASES, load, names
from shortlist.data.io import save_dataset

NAMED = {
    "beauty", "book-synthetic", "gowalla", "mind-small-sample", "ml-100k", "ml-1m", "ml-latest-small", "newsroom",
    "sports",
}  # fmt: skip


@pytest.fixture
def nothing_there(monkeypatch, tmp_path):
    monkeypatch.setenv("SHORTLIST_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SHORTLIST_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def test_names_of_all_known_sets():
    assert set(names()) >= NAMED
    assert set(ALIASES.values()) <= set(names())


def test_every_reader_and_protocol_row_loads():
    for row in [*registry.rows("reader"), *registry.rows("protocol"), *registry.rows("dataset")]:
        assert callable(getattr(registry.load(row.name, row.kind), "read", registry.load(row.name, row.kind)))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'ml-100k'"):
        load("ml-100")
    with pytest.raises(UnknownName, match="Did you mean 'movielens-1m'"):
        load("movielens-1mm")


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(SchemaMismatch, match="no file or folder"):
        load(tmp_path / "nothing")
    with pytest.raises(SchemaMismatch, match="no file or folder"):
        load("nothing.csv")


def test_a_folder_of_no_known_format_lists_what_is_there(tmp_path):
    (tmp_path / "notes.md").touch()
    with pytest.raises(SchemaMismatch, match=r"Found: notes\.md"):
        load(tmp_path)


@pytest.mark.parametrize("name", sorted(NAMED - {"newsroom"}))
def test_an_absent_set_says_how_to_get_it(nothing_there, name):
    with pytest.raises(SchemaMismatch, match=f"shortlist data get {name}"):
        load(name)


def test_a_fetched_set_is_found_under_home(nothing_there):
    folder = nothing_there / "home" / "data" / "book-synthetic"
    folder.mkdir(parents=True)
    (folder / "interactions.csv").write_text("user,item,time\n0,1,5\n")
    (folder / "item_features.csv").write_text("item,g0\n0,1.5\n1,2\n")
    assert load("book-synthetic").name == "book-synthetic"


def test_a_named_set_at_a_path_of_ones_own(nothing_there):
    (nothing_there / "u.data").write_text("1\t2\t3\t4\n")
    (nothing_there / "u.item").write_text("2|x|d||u|" + "|".join("1" + "0" * 18) + "\n")
    assert load("movielens-100k", path=nothing_there).n_events == 1
    with pytest.raises(SchemaMismatch, match="does not hold 'gowalla'"):
        load("gowalla", path=nothing_there)


def test_a_damaged_archive(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(SchemaMismatch, match="not a readable zip"):
        load(tmp_path / "x.zip")
    (tmp_path / "events.csv.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(SchemaMismatch, match="cannot be unpacked"):
        load(tmp_path / "events.csv.gz")


def test_an_archive_that_expands_beyond_the_bound(tmp_path, monkeypatch):
    import gzip

    monkeypatch.setattr("shortlist.data.readers.files.MAX_BYTES", 1000)
    (tmp_path / "events.csv.gz").write_bytes(gzip.compress(b"x" * 1001))
    with pytest.raises(SchemaMismatch, match="unpacks to more"):
        load(tmp_path)


def test_a_saved_dataset_is_loaded_by_its_folder(tmp_path, newsroom):
    save_dataset(newsroom, tmp_path / "saved")
    assert load(tmp_path / "saved").fingerprint == newsroom.fingerprint


def test_unknown_options_of_a_reader_suggest_the_nearest(tmp_path):
    (tmp_path / "events.csv").write_text("user_id,item_id\nu,i\n")
    with pytest.raises(BadConfig, match=r"the csv reader has no option 'time_units'. Did you mean 'time_unit'"):
        load(tmp_path, time_units="ms")


def test_an_option_that_the_newsroom_lacks_is_refused():
    with pytest.raises(BadConfig, match="has no option 'sead'"):
        load("newsroom", sead=1)


def test_another_edition_is_not_taken_for_the_named_set(tmp_path):
    """MovieLens 1M under the name of 100K would put wrong numbers beside a right name."""
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n")
    (tmp_path / "movies.dat").write_text("2::Heat (1995)::Crime\n")
    with pytest.raises(SchemaMismatch, match="does not hold 'ml-100k'"):
        load("movielens-100k", path=tmp_path)
    assert load("movielens-1m", path=tmp_path).n_events == 1


@pytest.mark.parametrize(
    ("present", "absent"), [("news.tsv", "behaviors.tsv"), ("u.data", "u.item"), ("ratings.dat", "movies.dat")]
)
def test_half_of_a_known_set_says_which_file_is_missing(tmp_path, present, absent):
    (tmp_path / present).write_text("1\t2\t3\t4\n")
    with pytest.raises(SchemaMismatch, match=rf"{present}.*but no {absent}"):
        load(tmp_path)


def test_the_newsroom_needs_no_folder_to_write_to(monkeypatch, tmp_path):
    """In a read-only place the world is made anew each time, and is the same world."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    kept = load("newsroom", path=tmp_path / "kept")
    monkeypatch.setenv("SHORTLIST_HOME", str(blocked / "home"))
    settings.cache_clear()
    try:
        assert load("newsroom").fingerprint == kept.fingerprint
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_endings_in_capitals_are_endings(tmp_path):
    (tmp_path / "LOG.CSV").write_text("user_id,item_id\nu,i\n")
    assert load(tmp_path / "LOG.CSV").n_events == 1
    assert load(tmp_path).n_events == 1
