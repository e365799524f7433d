import numpy as np
import polars as pl
import pytest
import torch

from shortlist.core.errors import BadConfig, NotFitted, SchemaMismatch
from shortlist.models.neural.embeddings import FieldEmbedding
from shortlist.models.neural.fields import PADDING, UNKNOWN, Field, FieldVocab, Schema, fields_of

TRAIN = {
    "colour": ["red", "blue", None, "red"],
    "tags": [["a", "b"], ["b"], [], None],
    "price": [1.0, 2.0, 3.0, None],
    "photo": [[1.0, 0.0], [0.0, 1.0], None, [1.0, 1.0]],
}
FIELDS = [
    Field("colour", "id"),
    Field("tags", "multi_id", max_len=2),
    Field("price", "numeric"),
    Field("photo", "vector"),
]


def test_codes_by_hand():
    codes = Schema(FIELDS).fit(TRAIN).encode(
        {"colour": ["red", "green", None], "tags": [["b", "new"], ["a", "b", "b"], []], "price": [2.0, None, 3.0],
         "photo": [[2.0, 3.0], None, [0.0, 0.0]]}
    )  # fmt: skip
    assert codes["colour"].tolist() == [3, UNKNOWN, PADDING]  # labels are sorted: blue 2, red 3
    assert codes["tags"].tolist() == [[3, UNKNOWN], [2, 3], [PADDING, PADDING]]
    assert codes["price"].tolist() == pytest.approx(np.array([[0, 1], [0, 0], [np.sqrt(1.5), 1]]))
    assert codes["photo"].tolist() == [[2, 3], [0, 0], [0, 0]]


def test_the_vocabulary_is_that_of_the_training_part_and_survives_saving():
    schema = Schema(FIELDS).fit(TRAIN)
    assert schema.vocabs["colour"].labels == ["blue", "red"]
    again = Schema.from_state(schema.state())
    for name, values in schema.encode(TRAIN).items():
        assert again.encode(TRAIN)[name].tolist() == values.tolist()


def test_sequences_keep_the_latest_and_sets_the_first():
    assert FieldVocab(Field("s", "sequence", max_len=2)).fit([list("abc")]).encode([list("abc")]).tolist() == [[3, 4]]
    assert FieldVocab(Field("s", "multi_id", max_len=2)).fit([list("abc")]).encode([list("abc")]).tolist() == [[2, 3]]


def test_buckets_are_quantiles_of_training_and_missing_is_apart():
    vocab = FieldVocab(Field("n", "bucket", buckets=4)).fit(range(100))
    assert vocab.encode([-5, 30, 60, 1e9, None, float("nan")]).tolist() == [2, 3, 4, 5, PADDING, PADDING]
    assert vocab.size == 6


def test_rare_labels_are_unknown():
    assert FieldVocab(Field("c", "id", min_count=2)).fit(["a", "a", "b"]).encode(["a", "b"]).tolist() == [2, UNKNOWN]


def test_a_shared_table_has_one_vocabulary_and_one_embedding():
    schema = Schema([Field("item", "id"), Field("past", "sequence", max_len=3, share="item")])
    codes = schema.fit({"item": ["x", "y"], "past": [["never"], []]}).encode({"item": ["x"], "past": [["x", "y"]]})
    assert codes["past"].tolist() == [[2, 3, 0]]
    embed = FieldEmbedding(schema, 4)
    assert list(embed.parts) == ["item"]
    tensors = {name: torch.from_numpy(values) for name, values in codes.items()}
    rows = embed.parts["item"].weight
    torch.testing.assert_close(embed(tensors)[0, 1], (rows[2] + rows[3]) / 2)


def test_a_missing_value_is_a_zero_vector_and_says_so():
    schema = Schema(FIELDS).fit(TRAIN)
    codes = schema.encode({"colour": [None], "tags": [[]], "price": [None], "photo": [None]})
    tensors = {name: torch.from_numpy(values) for name, values in codes.items()}
    embed = FieldEmbedding(schema, 4)
    assert not embed(tensors).any()
    assert not embed.present(tensors).any()


def test_kinds_follow_the_types_of_a_table():
    table = pl.DataFrame({"t": ["a"], "l": [["a"]], "n": [1.5], "v": [[0.1, 0.2]]})
    assert [field.kind for field in fields_of(table, ["t", "l", "n", "v"])] == ["id", "multi_id", "bucket", "vector"]
    with pytest.raises(SchemaMismatch, match="no column 'x'"):
        fields_of(table, ["x"])


def test_misuse_is_named():
    with pytest.raises(BadConfig, match="one name"):
        Schema([Field("a", "id"), Field("a", "id")])
    with pytest.raises(BadConfig, match="no field"):
        Schema([Field("a", "id", share="b")])
    with pytest.raises(NotFitted):
        Schema([Field("a", "id")]).encode({"a": [1]})
    with pytest.raises(SchemaMismatch, match="'a'"):
        Schema([Field("a", "id")]).fit({"b": [1]})
    with pytest.raises(SchemaMismatch, match="lengths"):
        FieldVocab(Field("v", "vector")).fit([[1.0], [1.0, 2.0]])


@pytest.mark.parametrize(
    ("train", "asked"),
    [
        ([3, 7, 7, 0, 41], [7, 3, 5, -1, 10**15, 41]),
        ([3.0, float("nan"), 0.0, -0.0, 12.0], [float("nan"), 3.0, 3.5, -0.0, -3.0, float("inf"), 12.0]),
        ([0.5, 2.25, 1e20, 2.0**53, float("inf")], [0.5, 0.25, 1e20, 2.0**53, float("inf"), -float("inf")]),
        ([10**12, 5, 2**60], [10**12, 6, 2**60, 2**60 + 1, -(2**63)]),
        ([True, True], [True, False]),
        ([-4, 9], [9, -4, 4]),
    ],
)
def test_an_array_of_numbers_has_the_codes_of_its_values(train, asked):
    """However they are looked up: in a table, by halving, or one by one; and whatever the type of the array."""
    vocab = FieldVocab(Field("code", "id")).fit(train)
    for kind in (None, np.float64, np.float32):
        values = np.array(asked, kind)
        assert vocab.encode(values).tolist() == [vocab.code(value) for value in values.tolist()]
    assert FieldVocab(Field("code", "id")).fit(np.array(train)).labels == vocab.labels


def test_labels_that_look_like_numbers_but_are_none_are_not_found_by_numbers():
    vocab = FieldVocab(Field("code", "id")).fit(["007", "1e3", "7.0", "8"])
    assert vocab.encode(np.array([7, 1000, 8])).tolist() == [UNKNOWN, UNKNOWN, vocab.code("8")]
