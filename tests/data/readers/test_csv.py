import gzip

import polars as pl
import pytest

from shortlist.core.errors import BadRow, SchemaMismatch
from shortlist.data.catalog import detect, load

LOG = "user_id,item_id,timestamp,event,value\nu1,007,2024-05-01T12:00:00Z,click,\nu2,7,1714564801,buy,2.5\n"


def test_one_file(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text(LOG)
    data = load(path)
    assert data.name == "shop"
    assert data.items.ids == ["007", "7"]
    assert data.interactions.at.tolist() == [1_714_564_800.0, 1_714_564_801.0]
    assert data.interactions.types == ("click", "buy")
    assert data.interactions.value.tolist() == [1.0, 2.5]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators(tmp_path, separator):
    (tmp_path / "events.csv").write_text(LOG.replace(",", separator))
    assert load(tmp_path).items.ids == ["007", "7"]


def test_a_folder_with_tables_beside_the_log(tmp_path):
    (tmp_path / "interactions.csv.gz").write_bytes(gzip.compress(LOG.encode()))
    (tmp_path / "items.csv").write_text("item_id,title,price,code,tags\n7,Seven,1.5,01,a|b\n9,Nine,,02,\n")
    (tmp_path / "users.csv").write_text("user_id,age\nu2,40\n")
    data = load(tmp_path)
    assert data.items.ids == ["7", "9", "007"]
    assert data.item_table["price"].to_list() == [1.5, None, None]
    assert data.item_table["code"].to_list() == ["01", "02", None]
    assert data.item_table["tags"].to_list() == [["a", "b"], None, None]
    assert data.user_table.rows() == [("u2", 40), ("u1", None)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LOG + "u3,x,tomorrow,click,1\n", r"events\.csv, line 4: column 'timestamp' is not a time"),
        (LOG + "u3,x,5,click,much\n", "line 4: column 'value' is not a finite number"),
        (LOG + "u3,,5,click,1\n", "line 4: column 'item_id' is empty"),
        (LOG + "u3,x,5\n", "line 4: 3 fields where 5"),
    ],
)
def test_broken_rows_are_named(tmp_path, text, why):
    (tmp_path / "events.csv").write_text(text)
    with pytest.raises(BadRow, match=why):
        load(tmp_path)


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "events.csv").write_text("who,item_id\nu,x\n")
    with pytest.raises(SchemaMismatch, match=r"events\.csv: no column for 'user_id'"):
        load(tmp_path)


def test_parquet_alone_and_with_tables(tmp_path):
    frame = pl.DataFrame({"USER_ID": ["u"], "ITEM_ID": ["007"], "TIMESTAMP": [5]})
    frame.write_parquet(tmp_path / "events.parquet")
    assert load(tmp_path / "events.parquet").items.ids == ["007"]
    pl.DataFrame({"ITEM_ID": ["z"], "GENRES": ["a|b"]}).write_parquet(tmp_path / "items.parquet")
    data = load(tmp_path)
    assert data.items.ids == ["z", "007"]
    assert data.item_table["genres"].to_list() == [["a", "b"], None]


@pytest.mark.parametrize("raw", [b"", b"PAR1", b"not parquet at all" * 10])
def test_broken_parquet(tmp_path, raw):
    (tmp_path / "events.parquet").write_bytes(raw)
    with pytest.raises(SchemaMismatch, match="not a readable Parquet file"):
        load(tmp_path)


def test_parquet_with_a_column_of_the_wrong_type(tmp_path):
    pl.DataFrame({"user_id": [1.5], "item_id": ["x"]}).write_parquet(tmp_path / "events.parquet")
    with pytest.raises(SchemaMismatch, match="user_id"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("files", "reader"),
    [
        (["events.csv"], "csv"),
        (["log.tsv.gz"], "csv"),
        (["events.parquet", "items.parquet"], "parquet"),
        (["events.jsonl"], "jsonl"),
        (["u.data", "u.item"], "movielens"),
        (["movies.dat", "ratings.dat"], "movielens"),
        (["ratings.csv", "movies.csv"], "movielens"),
        (["behaviors.tsv", "news.tsv"], "mind"),
        (["train.txt", "test.txt", "user_list.txt", "item_list.txt"], "gowalla"),
        (["interactions.csv", "item_features.csv"], "book_synthetic"),
        (["Beauty.txt", "Beauty_item2attributes.json"], "sequences"),
        (["readme.md"], None),
    ],
)
def test_formats_are_told_by_file_names(tmp_path, files, reader):
    for file in files:
        (tmp_path / file).touch()
    assert detect(tmp_path) == reader
