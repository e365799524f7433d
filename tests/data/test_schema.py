import polars as pl
import pytest

from shortlist.core.errors import BadConfig, BadRow, SchemaMismatch
from shortlist.data.dataset import Dataset
from shortlist.data.schema import dataset_from_frames, snake

ROWS = {"user_id": ["u2", "u1", "u2"], "item_id": ["a", "b", "c"], "timestamp": [3.0, 1.0, 2.0]}


def test_file_order_and_vocabularies_in_order_of_appearance():
    data = Dataset.from_frames(pl.DataFrame(ROWS))
    assert data.users.ids == ["u2", "u1"]
    assert data.items.ids == ["a", "b", "c"]
    assert data.interactions.user.tolist() == [0, 1, 0]
    assert data.interactions.at.tolist() == [3.0, 1.0, 2.0]
    assert data.interactions.value.tolist() == [1.0, 1.0, 1.0]
    assert data.interactions.types == ("interaction",)
    assert data.clock == "unix"
    assert data.sequences.one(0).tolist() == [2, 0]


def test_item_table_comes_first_and_is_aligned():
    items = pl.DataFrame({"ItemId": ["c", "z"], "Title": ["C", "Z"], "Genres": ["x|y", ""]})
    data = Dataset.from_frames(pl.DataFrame(ROWS), items=items)
    assert data.items.ids == ["c", "z", "a", "b"]
    assert data.item_table["item_id"].to_list() == data.items.ids
    assert data.item_table["title"].to_list() == ["C", "Z", None, None]
    assert data.item_table["genres"].to_list() == [["x", "y"], [], None, None]


@pytest.mark.parametrize(
    "columns",
    [
        ("user_id", "item_id", "datetime", "weight"),  # RecTools
        ("UserId", "ItemId", "Timestamp", "Value"),  # Gorse
        ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_VALUE"),  # Personalize
        ("userId", "movieId", "timestamp", "rating"),  # MovieLens
        ("user", "item", "time", "rating"),
        ("user id", "item-id", "occurred_at", "value"),
    ],
)
def test_aliases(columns):
    frame = pl.DataFrame(dict(zip(columns, [["u"], ["i"], ["2024-05-01T12:00:00"], [2.5]], strict=True)))
    data = dataset_from_frames(frame)
    events = data.interactions
    assert (data.users.ids, data.items.ids) == (["u"], ["i"])
    assert events.at.tolist() == [1_714_564_800.0]
    assert events.value.tolist() == [2.5]
    assert events.types == (("rating",) if columns[-1] == "rating" else ("interaction",))


@pytest.mark.parametrize("column", ["event", "FeedbackType", "EVENT_TYPE", "type"])
def test_event_types(column):
    data = dataset_from_frames({**ROWS, column: ["click", "buy", "click"]})
    assert data.interactions.types == ("click", "buy")
    assert data.interactions.type.tolist() == [0, 1, 0]


def test_event_kinds_choose_rows_and_type_names_them():
    frame = {**ROWS, "event": ["interaction", "impression", "interaction"], "type": ["click", "", "buy"]}
    data = dataset_from_frames(frame)
    assert data.n_events == 2
    assert data.interactions.types == ("click", "buy")


def test_ids_stay_text():
    frame = {"user_id": ["007", "7"], "item_id": ["1e5", "100000"], "timestamp": [1, 2]}
    data = dataset_from_frames(frame)
    assert data.users.ids == ["007", "7"]
    assert data.items.ids == ["1e5", "100000"]


def test_whole_numbers_are_ids_but_floats_are_not():
    assert dataset_from_frames({"user_id": [7], "item_id": [2**60], "timestamp": [1]}).items.ids == [str(2**60)]
    with pytest.raises(SchemaMismatch, match=r"user_id.*cannot be an id.*whole numbers"):
        dataset_from_frames({"user_id": [7.0], "item_id": [1], "timestamp": [1]})
    with pytest.raises(SchemaMismatch, match="cannot be an id"):
        dataset_from_frames({"user_id": [True], "item_id": [1], "timestamp": [1]})


def test_pandas_and_arrow_give_the_same_dataset():
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    columns = {**ROWS, "rating": [1.0, 2.0, 3.0]}
    wanted = dataset_from_frames(pl.DataFrame(columns)).fingerprint
    assert dataset_from_frames(pandas.DataFrame(columns)).fingerprint == wanted
    assert dataset_from_frames(pyarrow.table(columns)).fingerprint == wanted
    assert dataset_from_frames(pl.DataFrame(columns).lazy()).fingerprint == wanted


def test_pandas_datetimes():
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"user_id": ["u"], "item_id": ["i"], "datetime": pandas.to_datetime(["2024-05-01 12:00"])})
    assert dataset_from_frames(frame).interactions.at.tolist() == [1_714_564_800.0]


def test_without_times_the_order_of_rows_is_kept():
    data = dataset_from_frames({"user_id": ["u", "u"], "item_id": ["b", "a"]})
    assert data.clock == "none"
    assert data.sequences.item.tolist() == [0, 1]


def test_values_are_optional_per_row_unless_they_are_ratings():
    frame = {**ROWS, "value": [None, 2.0, None]}
    assert dataset_from_frames(frame).interactions.value.tolist() == [1.0, 2.0, 1.0]
    with pytest.raises(BadRow, match="row 0: column 'rating' is empty"):
        dataset_from_frames({**ROWS, "rating": [None, 2.0, None]})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_values_must_be_finite(value):
    with pytest.raises(BadRow, match="row 1: column 'value' is not a finite number"):
        dataset_from_frames({**ROWS, "value": [1.0, value, 1.0]})


def test_a_missing_column_is_named_with_its_aliases():
    with pytest.raises(SchemaMismatch, match="no column for 'item_id' among 'user_id', 'foo'") as caught:
        dataset_from_frames({"user_id": ["u"], "foo": ["x"]})
    assert caught.value.field == "item_id"
    assert "movieid" in caught.value.hint


def test_two_spellings_of_one_name_are_refused():
    with pytest.raises(SchemaMismatch, match="'userId', 'USER_ID' are both 'user_id'"):
        dataset_from_frames({"userId": ["u"], "USER_ID": ["u"], "item_id": ["x"]})


@pytest.mark.parametrize(
    ("external", "why"), [(None, "has no id"), ("", "is empty"), ("e\u0301", "NFC"), ("a\x00", "control")]
)
def test_bad_ids_name_the_row_but_not_the_value(external, why):
    with pytest.raises(BadRow, match=f"row 1: column 'user_id' .*{why}"):
        dataset_from_frames({"user_id": ["u", external], "item_id": ["x", "y"]})


def test_an_item_listed_twice_is_refused():
    items = {"item_id": ["x", "y", "x"], "title": ["1", "2", "3"]}
    with pytest.raises(BadRow, match="the items table, row 2: column 'item_id' repeats"):
        dataset_from_frames({"user_id": ["u"], "item_id": ["x"]}, items=items)


def test_not_a_table():
    with pytest.raises(SchemaMismatch, match="a int is not a table"):
        dataset_from_frames(3)


def test_impressions_as_lists_and_as_rows_agree():
    lists = {"user_id": ["u1"], "timestamp": [5.0], "item_id": [["a", "z"]], "clicked": [[False, True]]}
    rows = {
        "request_id": ["r", "r"], "user_id": ["u1", "u1"], "timestamp": [5.0, 5.0], "item_id": ["z", "a"],
        "position": [1, 0], "clicked": [True, False],
    }  # fmt: skip
    for shown in (lists, rows):
        data = dataset_from_frames(ROWS, impressions=pl.DataFrame(shown))
        assert data.impressions.user.tolist() == [1]
        assert data.items.decode(data.impressions.item) == ["a", "z"]
        assert data.impressions.clicked.tolist() == [False, True]


def test_impressions_of_uneven_lists_are_refused():
    shown = pl.DataFrame({"user_id": ["u"], "timestamp": [5.0], "item_id": [["a", "z"]], "clicked": [[True]]})
    with pytest.raises(BadRow, match="the impressions table, row 0"):
        dataset_from_frames(ROWS, impressions=shown)


def test_no_rows_gives_an_empty_dataset():
    data = dataset_from_frames(pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}))
    assert (data.n_events, data.n_users, data.n_items) == (0, 0, 0)


@pytest.mark.parametrize("name", ["ItemId", "ITEM_ID", "item id", "itemId", "item-id"])
def test_snake(name):
    assert snake(name) == "item_id"


def test_an_unknown_time_unit_is_refused():
    with pytest.raises(BadConfig, match="time unit 'min'"):
        Dataset.from_frames(pl.DataFrame(ROWS), time_unit="min")


@pytest.mark.parametrize("ids", [["a", 3], [1, None, "x"]])
def test_a_pandas_column_of_several_types_is_named(ids):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"user_id": pandas.Series(ids, dtype=object), "item_id": ["x"] * len(ids)})
    with pytest.raises(SchemaMismatch, match="column 'user_id' holds values of several types"):
        Dataset.from_frames(frame)


def test_amazon_reviews_need_no_renaming():
    rows = {"reviewerID": ["A"], "asin": ["B"], "overall": [5.0], "unixReviewTime": [1_400_000_000]}
    data = Dataset.from_frames(pl.DataFrame(rows))
    assert data.clock == "unix"
    assert data.interactions.value.tolist() == [5.0]
    assert data.interactions.types == ("rating",)
