from dataclasses import replace

import polars as pl
import pytest

from shortlist.core.errors import BadConfig
from shortlist.models.item_vectors import column_vectors
from shortlist.testing.worlds import dataset_of

TABLE = pl.DataFrame(
    {
        "item_id": ["i0", "i1", "i2"],
        "price": [2.0, None, float("nan")],
        "new": [True, False, None],
        "category": ["b", "a", None],
        "genres": [["x", "y"], [], ["y", "y"]],
        "vector": [[0.5, 1.0], [2.0, 0.0], None],
    }
)


def data(table=TABLE):
    return replace(dataset_of([(0, 0, 1.0)], n_users=1, n_items=3), item_table=table)


def test_numbers_labels_and_lists_become_places():
    matrix, names = column_vectors(data(), ["price", "category", "genres", "vector"])
    assert names == ["price", "category=a", "category=b", "genres=x", "genres=y", "vector[0]", "vector[1]"]
    assert matrix.toarray().tolist() == [
        [2.0, 0, 1, 1, 1, 0.5, 1.0],
        [0.0, 1, 0, 0, 0, 2.0, 0.0],
        [0.0, 0, 0, 0, 1, 0.0, 0.0],
    ]


def test_without_names_every_number_counts():
    assert column_vectors(data(), [])[1] == ["price", "new"]


@pytest.mark.parametrize(
    ("table", "columns", "hint"),
    [(TABLE, ["categroy"], "category"), (None, ["price"], "text"), (TABLE.select("item_id"), [], "columns")],
)
def test_what_cannot_be_taken_is_named(table, columns, hint):
    with pytest.raises(BadConfig, match=hint):
        column_vectors(data(table), columns)
