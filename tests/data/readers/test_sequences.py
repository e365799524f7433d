import json

import numpy as np
import pytest

from shortlist.core.errors import BadRow, SchemaMismatch
from shortlist.data.catalog import load


def test_order_is_position_and_attributes_become_a_column(tmp_path):
    (tmp_path / "X.txt").write_text("7 3 1\n8 1\n")
    (tmp_path / "X_item2attributes.json").write_text(json.dumps({"10": [5], "3": [1, 2]}))
    data = load(tmp_path)
    assert data.users.ids == ["7", "8"]
    assert data.items.ids == ["3", "10", "1"]
    assert data.interactions.at.tolist() == [0.0, 1.0, 0.0]
    assert data.clock == "rank"
    assert data.item_table["attributes"].to_list() == [["1", "2"], ["5"], None]


def test_broken_lines(tmp_path):
    path = tmp_path / "X.txt"
    path.write_text("7 3\n\n8\n")
    with pytest.raises(BadRow, match=r"X\.txt, line 3: a user without items"):
        load(path)


def test_broken_attributes(tmp_path):
    (tmp_path / "X.txt").write_text("7 3\n")
    (tmp_path / "X_item2attributes.json").write_text("[1]")
    with pytest.raises(BadRow, match="not a JSON object"):
        load(tmp_path)


def test_broken_gowalla(tmp_path):
    for file, text in {"train.txt": "0 1\n1 x\n", "test.txt": "", "user_list.txt": "", "item_list.txt": ""}.items():
        (tmp_path / file).write_text(text)
    with pytest.raises(BadRow, match=r"train\.txt, line 2: not whole numbers"):
        load(tmp_path)


def test_missing_part_of_the_book(tmp_path):
    (tmp_path / "interactions.csv").write_text("user,item\n1,2\n")
    (tmp_path / "item_features.csv").write_text("id,g0\n1,2\n")
    with pytest.raises(SchemaMismatch, match=r"item_features\.csv: no column for 'item_id'"):
        load(tmp_path)


@pytest.mark.real_data("beauty")
def test_counts_of_beauty_and_sports(beauty, sports):
    assert (beauty.n_users, beauty.n_items, beauty.n_events) == (22_363, 12_101, 198_502)
    assert (sports.n_users, sports.n_items, sports.n_events) == (35_598, 18_357, 296_337)
    assert beauty.item_table["attributes"].is_not_null().all()


@pytest.mark.real_data("gowalla")
def test_counts_of_gowalla(gowalla):
    assert (gowalla.n_users, gowalla.n_items, gowalla.n_events) == (29_858, 40_981, 1_027_370)
    assert np.bincount(gowalla.interactions.type).tolist() == [810_128, 217_242]
    pairs = gowalla.interactions.user * gowalla.n_items + gowalla.interactions.item
    assert len(np.unique(pairs)) == 1_027_370


@pytest.mark.real_data("book-synthetic")
def test_counts_of_the_book(book_synthetic):
    data = book_synthetic
    assert (data.n_users, data.n_items, data.n_events) == (300, 150, 18_000)
    assert data.users.ids == [str(n) for n in range(300)]
    assert data.items.ids == [str(n) for n in range(150)]
    assert data.item_table.width == 9
    assert data.interactions.user[:2].tolist() == [275, 223]
