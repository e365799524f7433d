import gzip
import zipfile

import numpy as np
import pytest

from shortlist.core.errors import BadRow, SchemaMismatch
from shortlist.data.catalog import load

U_ITEM = (
    "1|Caf\xe9 (1995)|01-Jan-1995||u|"
    + "|".join("0100000000000000000")
    + "\n7|unknown|||u|"
    + "|".join("1" + "0" * 18)
    + "\n"
)
SMALL = {
    "u.data": "196\t7\t3\t881250949\n186\t1\t5\t891717742\n",
    "u.item": U_ITEM,
    "u.user": "186|39|F|executive|00000\n196|49|M|writer|55105\n",
}


def write(folder, files, *, packed=False):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        raw = text.encode("latin-1")
        (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(raw) if packed else raw)
    return folder


@pytest.mark.parametrize("shape", ["folder", "gzipped", "zip", "folder with zip"])
def test_100k_in_every_wrapping(tmp_path, shape):
    path = tmp_path / "set"
    if shape in ("folder", "gzipped"):
        write(path, SMALL, packed=shape == "gzipped")
    else:
        path.mkdir()
        with zipfile.ZipFile(path / "ml.zip", "w") as archive:
            for name, text in SMALL.items():
                archive.writestr(f"ml-100k/{name}", text.encode("latin-1"))
        path = path / "ml.zip" if shape == "zip" else path
    data = load(path)
    assert data.users.ids == ["186", "196"]
    assert data.items.ids == ["1", "7"]
    assert data.item_table["title"].to_list() == ["Café (1995)", "unknown"]
    assert data.item_table["year"].to_list() == [1995, None]
    assert data.item_table["genres"].to_list() == [["Action"], ["unknown"]]
    assert data.user_table["age"].to_list() == [39, 49]
    assert data.interactions.types == ("rating",)
    assert data.interactions.item.tolist() == [1, 0]
    assert data.interactions.value.tolist() == [3.0, 5.0]
    assert data.clock == "unix"


ONE_MILLION = {
    "movies.dat": "1::Toy Story (1995)::Animation|Comedy\n2::A: B (1996)::Drama\n",
    "users.dat": "1::F::1::10::48067\n",
}


def test_1m_with_a_clock_and_with_ranks_only(tmp_path):
    clock = load(write(tmp_path / "a", {**ONE_MILLION, "ratings.dat": "1::2::5::978300760\n1::1::4::978302109\n"}))
    rank = load(
        write(tmp_path / "b", {**ONE_MILLION, "ratings_rank.csv": "user_id,movie_id,rating,rank\n1,2,5,0\n1,1,4,1\n"})
    )
    assert (clock.clock, rank.clock) == ("unix", "rank")
    assert clock.sequences.item.tolist() == rank.sequences.item.tolist() == [1, 0]
    assert clock.item_table["genres"].to_list() == [["Animation", "Comedy"], ["Drama"]]
    assert clock.user_table.row(0) == ("1", "F", 1, "10", "48067")


def test_latest(tmp_path):
    files = {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,3,4.0,964982703\n",
        "movies.csv": 'movieId,title,genres\n1,"Tale, A (2001)",Adventure|Drama\n3,X,(no genres listed)\n',
        "tags.csv": "userId,movieId,tag,timestamp\n1,1,Fun,1\n1,1,fun,2\n1,1,sea,3\n",
    }
    data = load(write(tmp_path / "l", files))
    assert data.items.ids == ["1", "3"]
    assert data.item_table["title"].to_list() == ["Tale, A (2001)", "X"]
    assert data.item_table["genres"].to_list() == [["Adventure", "Drama"], []]
    assert data.item_table["tags"].to_list() == [["fun", "sea"], None]


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        (
            "u.data",
            "196\t7\t3\t881250949\n186\t1\tfive\t1\n",
            r"u\.data, line 2: column 'rating' is not a number of stars",
        ),
        ("u.data", "196\t7\t3\t881250949\n186\t1\t9\t1\n", "line 2: column 'rating' is outside"),
        ("u.data", "196\t7\t3\n", "line 1: 3 fields where 4"),
        ("u.data", "196\t7\t3\tnever\n", "column 'timestamp' is not a time"),
        ("u.data", "\t7\t3\t1\n", "line 1: column 'user_id' is empty"),
        ("u.item", U_ITEM + "8|x\n", r"u\.item, line 3: 2 fields where 24"),
        ("u.item", U_ITEM + U_ITEM, "line 3: column 'item_id' repeats"),
        ("u.user", "1|old|F|x|1\n", r"u\.user, line 1: column 'age'"),
    ],
)
def test_broken_rows_are_named(tmp_path, file, text, why):
    with pytest.raises(BadRow, match=why):
        load(write(tmp_path / "set", {**SMALL, file: text}))


def test_a_missing_column_is_named(tmp_path):
    files = {"ratings.csv": "userId,movieId,stars,timestamp\n1,3,4.0,9\n", "movies.csv": "movieId,title\n3,X\n"}
    with pytest.raises(SchemaMismatch, match=r"movies\.csv: no column 'genres'"):
        load(write(tmp_path / "l", files))


@pytest.mark.real_data("ml-100k")
def test_counts_of_100k(ml_100k):
    events = ml_100k.interactions
    assert (ml_100k.n_events, ml_100k.n_users, ml_100k.n_items) == (100_000, 943, 1_682)
    assert np.bincount(events.value.astype(int)).tolist() == [0, 6_110, 11_370, 27_145, 34_174, 21_201]
    assert (events.at.min(), events.at.max()) == (874_724_710, 893_286_638)
    assert ml_100k.users.ids[:2] == ["1", "2"]
    assert ml_100k.item_table["title"][0] == "Toy Story (1995)"
    assert ml_100k.item_table["genres"][0].to_list() == ["Animation", "Children's", "Comedy"]
    assert ml_100k.item_table["plot"].is_not_null().sum() > 1_600
    assert set(ml_100k.user_table["gender"]) == {"M", "F"}


@pytest.mark.real_data("ml-1m")
def test_counts_of_1m(ml_1m):
    events = ml_1m.interactions
    assert (ml_1m.n_events, ml_1m.n_users, ml_1m.n_items) == (1_000_209, 6_040, 3_883)
    assert len(np.unique(events.item)) == 3_706
    assert np.bincount(events.value.astype(int)).tolist()[1:] == [56_174, 107_557, 261_197, 348_971, 226_310]
    toy = events.item == ml_1m.items.get("1")
    assert toy.sum() == 2_077
    assert round(float(events.value[toy].mean()), 4) == 4.1468
    assert ml_1m.clock == "rank"
    # The README counts 3,845 plots among its entries; all of them belong to films of the catalogue.
    assert ml_1m.item_table["plot"].is_not_null().sum() == 3_845


@pytest.mark.real_data("ml-latest-small")
def test_counts_of_latest_small(ml_latest_small):
    data = ml_latest_small
    assert (data.n_events, data.n_users, data.n_items) == (100_836, 610, 9_742)
    assert len(np.unique(data.interactions.item)) == 9_724
    assert data.item_table["overview"].is_not_null().sum() >= 2_400
    assert data.item_table["overview"].is_not_null().sum() <= 2_497
