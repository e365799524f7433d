from dataclasses import replace

import polars as pl

from shortlist.data.schema import dataset_from_frames
from shortlist.data.text import item_text


def texts(items):
    return item_text(dataset_from_frames({"user_id": ["u"], "item_id": ["z"]}, items=items))


def test_title_and_body():
    items = {"item_id": ["a", "b", "c"], "title": ["A", "B", None], "abstract": ["about a", " ", "about c"]}
    assert texts(items) == ["A. about a", "B", "about c", ""]


def test_words_stand_in_for_a_missing_body():
    items = pl.DataFrame(
        {"item_id": ["a", "b"], "title": ["A", "B"], "genres": [["Drama", "War"], ["Comedy"]], "plot": [None, "A plot"]}
    )
    assert texts(items) == ["A. Drama War", "B. A plot", ""]


def test_nothing_known():
    assert texts(None) == [""]
    assert texts({"item_id": ["a"], "price": [1.5]}) == ["", ""]


def test_labels_are_added_for_search_alone():
    """A category is a word people search for, and too broad a one for models of content."""
    import polars as pl

    from shortlist.testing.worlds import dataset_of

    table = pl.DataFrame(
        {
            "item_id": ["i0", "i1", "i2"],
            "title": ["Late goal", "New comet", "Plain"],
            "abstract": ["The keeper slipped", None, None],
            "category": ["soccer", "space", None],
        }
    )
    data = replace(dataset_of([(0, 0, 1.0)], n_users=1, n_items=3), item_table=table)
    assert item_text(data) == ["Late goal. The keeper slipped", "New comet. space", "Plain"]
    assert item_text(data, labels=True) == ["Late goal. The keeper slipped. soccer", "New comet. space", "Plain"]
