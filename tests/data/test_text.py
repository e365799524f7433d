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
