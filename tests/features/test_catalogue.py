"""Item and user columns, from tables and from events."""

import datetime

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BadRequest, BadSpec
from shortlist.data.dataset import Dataset
from shortlist.features.catalogue import ItemTable, UserTable, gather
from shortlist.testing.worlds import dataset_of


@pytest.fixture
def data():
    made = dataset_of([(0, 0, 1.0)], n_users=2, n_items=3)
    items = pl.DataFrame(
        {
            "item_id": made.items.ids,
            "title": ["A", None, "C"],
            "price": [1, None, 3],
            "tags": [["x", "y"], None, []],
            "published_at": [datetime.datetime(2023, 11, 14), None, None],
            "sale": [True, None, False],
            "shape": [{"a": 1}, None, None],
        }
    )
    users = pl.DataFrame({"user_id": made.users.ids, "age": [30.0, None], "city": ["Rome", None]})
    return Dataset("made", made.interactions, made.users, made.items, items, users)


def test_columns_have_one_form_per_type(data):
    table = ItemTable.from_dataset(data)
    assert table.column("title").tolist() == ["A", "", "C"]
    assert table.column("price")[[0, 2]].tolist() == [1.0, 3.0]
    assert np.isnan(table.column("price")[1])
    assert table.column("tags").tolist() == [("x", "y"), (), ()]
    assert table.column("published_at")[0] == 1_699_920_000.0
    assert table.column("sale").tolist() == [True, False, False]
    assert "shape" not in table.names()
    assert "item_id" not in table.names()


def test_everything_is_available_until_somebody_says_otherwise(data):
    table = ItemTable.from_dataset(data)
    assert table.column("available").all()
    table.put(1, {"is_hidden": True})
    table.put(2, {"available": False})
    assert table.column("available").tolist() == [True, False, False]
    table.put(1, {"is_hidden": False})
    assert table.column("available").tolist() == [True, True, False]


def test_a_hidden_column_of_the_table_hides(data):
    hidden = data.item_table.with_columns(is_hidden=pl.Series(["yes", None, "false"]))
    table = ItemTable.from_dataset(Dataset("x", data.interactions, data.users, data.items, hidden))
    assert table.column("available").tolist() == [False, True, True]


def test_an_unknown_column_suggests_the_nearest(data):
    with pytest.raises(BadSpec, match="'price'"):
        ItemTable.from_dataset(data).column("prise")


def test_new_items_grow_the_table_and_new_fields_become_columns(data):
    table = ItemTable.from_dataset(data)
    table.put(7, {"title": "H", "stock": 4, "labels": ["a"]})
    assert table.n_items == 8
    assert table.column("title").tolist() == ["A", "", "C", "", "", "", "", "H"]
    assert table.column("stock")[7] == 4.0
    assert np.isnan(table.column("stock")[0])
    assert table.column("labels").tolist()[6:] == [(), ("a",)]
    assert table.column("available").all()


def test_a_field_of_another_type_is_refused_and_changes_nothing(data):
    table = ItemTable.from_dataset(data)
    for fields in ({"title": "new", "price": "cheap"}, {"title": ["a"]}, {"price": [1]}, {"title": {"a": 1}}):
        with pytest.raises(BadRequest) as caught:
            table.check(fields)
        assert caught.value.field in fields
        with pytest.raises(BadRequest):
            table.put(0, fields)
    assert table.column("title")[0] == "A"


def test_none_means_unknown(data):
    table = ItemTable.from_dataset(data)
    table.put(0, {"title": None, "price": None, "tags": None})
    assert table.column("title")[0] == ""
    assert np.isnan(table.column("price")[0])
    assert table.column("tags")[0] == ()


def test_unknown_users_have_missing_values(data):
    table = UserTable.from_dataset(data)
    assert table.column("city", np.array([0, 1, -1, 9])).tolist() == ["Rome", "", "", ""]
    table.put(9, {"city": "Oslo"})
    assert table.column("city", np.array([9]))[0] == "Oslo"


def test_gather_outside_a_column_gives_missing_values():
    assert gather(np.array([True]), np.array([0, 5])).tolist() == [True, False]
    assert np.isnan(gather(np.array([1.0]), np.array([-1]))).all()


def test_a_dataset_without_tables_has_only_availability():
    made = dataset_of([(0, 0, 1.0)], n_users=1, n_items=2)
    assert ItemTable.from_dataset(made).names() == ("available",)
    assert UserTable.from_dataset(made).names() == ()
