"""Who is shown more when a weight changes: lists whose order follows one column or the other, and nothing else."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BadConfig
from shortlist.data.splits import split
from shortlist.evaluation.whatif import REST, what_if
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import PipelineSpec
from tests.evaluation.worlds import world

ITEMS = 20
SPEC = {
    "name": "two",
    "source": [{"use": "popular", "k": 100}],
    "hydrator": [{"use": "item_columns", "columns": ["price", "weight"]}],
    "scorer": [
        {"use": "first_score", "columns": ["score.popular"]},
        {"use": "blend", "scale": "none", "weights": {"price": 1.0, "weight": 0.0}},
    ],
}


@pytest.fixture(scope="module")
def made():
    """Ten dear items of shop A, ten heavy ones of shop B; item 0, the dearest, is what everybody takes last."""
    rows = [(u, (u + 1 + step) % ITEMS if step < 4 else 0) for step in range(5) for u in range(ITEMS)]
    data = world(rows, n_items=ITEMS)
    table = pl.DataFrame(
        {
            "item_id": data.items.ids,
            "price": [10.0 - i if i < 10 else 0.0 for i in range(ITEMS)],
            "weight": [0.0 if i < 10 else float(i) for i in range(ITEMS)],
            "provider": ["A" if i < 10 else "B" for i in range(ITEMS)],
            "genres": [["x"] if i % 2 else ["x", "y"] for i in range(ITEMS)],
            "empty": [None] * 19 + ["only"],
        }
    )
    return split(dataclasses.replace(data, item_table=table), "leave-last-out")


@pytest.fixture(scope="module")
def fitted(made):
    return Pipeline(PipelineSpec.from_dict(SPEC)).fit(made.train)


def kinds(found):
    return {(one.by, one.label): one for one in found.exposure}


def test_attention_moves_from_one_shop_to_the_other(made, fitted):
    found = what_if(fitted, made, "weight", [0.0, 100.0], k=5)
    assert (found.now, found.values, found.stage) == (0.0, (0.0, 100.0), "blend")
    shops = kinds(found)
    assert shops["provider", "A"].share == pytest.approx((1.0, 0.0))
    assert shops["provider", "B"].change == pytest.approx((0.0, 1.0))
    assert shops["provider", "B"].low[1] == pytest.approx(1.0), "the same for everybody"
    assert found.same == pytest.approx((1.0, 0.0))
    assert found.ndcg[0] > 0.5 > found.ndcg[1] == 0.0
    assert found.high[1] < 0.0
    assert (found.difference[0], found.low[0], found.high[0]) == (0.0, 0.0, 0.0)


def test_a_place_counts_less_the_lower_it_is(made, fitted):
    """In lists of two, item 0 and item 1 of shop A: genre y is half of item 0, x the rest."""
    first, second = 1.0, 1.0 / np.log2(3)
    genres = kinds(what_if(fitted, made, "price", [1.0], by=["genres"], k=2))
    top = fitted.runner.run(made.test.requests(2), strict=True).items(0).tolist()
    assert top == [0, 1]
    assert genres["genres", "y"].share[0] == pytest.approx(0.5 * first / (first + second))
    assert sum(one.share[0] for one in genres.values()) == pytest.approx(1.0)


def test_the_head_are_the_most_used_items(made, fitted):
    head = kinds(what_if(fitted, made, "price", [0.0, -1.0], by=["head"], k=3))
    [((_, label), one)] = head.items()
    assert label.startswith("most used ")
    assert 0 <= min(one.share) <= max(one.share) <= 1


def test_what_has_no_label_and_what_is_rare_have_rows_of_their_own(made, fitted):
    empty = kinds(what_if(fitted, made, "price", by=["empty"], k=5))
    assert empty["empty", "(none)"].share[1] == pytest.approx(1.0)
    many = kinds(what_if(fitted, made, "price", [1.0], by=["item_id"], k=5))
    assert ("item_id", REST) in many
    assert len(many) == 12
    assert sum(one.share[0] for one in many.values()) == pytest.approx(1.0)


def test_multiples_are_tried_where_nothing_is_named(made, fitted):
    assert what_if(fitted, made, "price", k=2).values == (0.0, 0.5, 1.0, 2.0, 4.0)
    found = what_if(fitted, made, "weight", k=2)
    assert found.values == (0.0, 0.125, 0.25, 0.5, 1.0)
    report = found.to_dict()
    assert json.loads(json.dumps(report, allow_nan=False)).keys() == report.keys()


def test_only_a_blend_that_decides_can_be_asked(made, fitted):
    with pytest.raises(BadConfig, match=r"does not weigh the column 'prize'.*Did you mean 'price'"):
        what_if(fitted, made, "prize")
    with pytest.raises(BadConfig, match="no column 'provder'"):
        what_if(fitted, made, "price", by=["provder"])
    with pytest.raises(BadConfig, match="no stage 'rankr'"):
        what_if(fitted, made, "price", skip=["rankr"])
    turned = PipelineSpec.from_dict({**SPEC, "scorer": SPEC["scorer"][::-1]})
    behind = Pipeline(turned).fit(made.train)
    with pytest.raises(BadConfig, match=r"decided by 'first_score'.*skip=first_score"):
        what_if(behind, made, "price")
    assert what_if(behind, made, "price", skip=["first_score"], k=2).skipped == ("first_score",)
