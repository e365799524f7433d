"""A model behind an index: the scan's lists, a saved index for the same vectors only, new items as they come."""

import numpy as np
import pytest

from shortlist import bundles
from shortlist.core.errors import BadSpec
from shortlist.core.registry import create
from shortlist.core.types import Candidates, History, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.vocab import Vocab
from shortlist.index.ivf_sq8 import IvfSq8
from shortlist.pipeline import indexed as module
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.indexed import Indexed, indexed, vectors_of
from shortlist.pipeline.spec import parse_toml

SPEC = """
name = "home"
k = 5

[[model]]
label = "main"
use = "als"

[[source]]
use = "model"
model = "main"
index = "%s"
k = 20

[[scorer]]
use = "blend"
scale = "none"
weights = { "score.merge" = 1.0 }

[selector]
use = "top"
"""


def world(n_users=200, n_items=900, seed=0):
    rng = np.random.default_rng(seed)
    n = 9000
    user = rng.integers(0, n_users, n)
    item = (rng.integers(0, 60, n) * 15 + user % 15) % (n_items - 3)  # the last items have no events
    events = Interactions(
        user=user, item=item, at=1.7e9 + np.arange(n, dtype=float), value=np.ones(n, np.float32),
        type=np.zeros(n, np.int16), types=("click",),
    )  # fmt: skip
    users, items = (Vocab([f"{letter}{i}" for i in range(size)]) for letter, size in (("u", n_users), ("i", n_items)))
    return Dataset("made", events, users, items)


@pytest.fixture(scope="module")
def data():
    return world()


@pytest.fixture(scope="module")
def als(data):
    return create("als", "retriever", factors=16, epochs=3).fit(data)


def asked(n=40, n_items=900, seed=1):
    rng = np.random.default_rng(seed)
    past = [rng.integers(0, n_items - 3, rng.integers(0, 6)).tolist() for _ in range(n)]
    return Requests.of([-1] * n, now=1.8e9, history=History.of(past))


def same(ours, theirs):
    np.testing.assert_array_equal(ours.row, theirs.row)
    np.testing.assert_array_equal(ours.item, theirs.item)
    np.testing.assert_array_equal(ours.score, theirs.score)


@pytest.mark.parametrize("name", ["als", "bpr", "item2vec"])
def test_through_the_exact_index_lists_are_those_of_the_scan(data, name):
    model = create(name, "retriever").fit(data)
    same(indexed(model, "exact").retrieve(asked(), 30), model.retrieve(asked(), 30))


def test_through_lists_scores_stay_and_few_items_are_missed(als):
    ours, plain = indexed(als, "ivf_sq8").retrieve(asked(), 30), als.retrieve(asked(), 30)
    score = {(r, i): s for r, i, s in zip(*(x.tolist() for x in (plain.row, plain.item, plain.score)), strict=True)}
    both = [(r, i) for r, i in zip(ours.row.tolist(), ours.item.tolist(), strict=True) if (r, i) in score]
    assert len(both) >= 0.95 * len(plain)
    found = {(r, i): s for r, i, s in zip(*(x.tolist() for x in (ours.row, ours.item, ours.score)), strict=True)}
    assert all(found[pair] == score[pair] for pair in both)


def test_a_batch_is_its_members(als):
    through = indexed(als, "ivf_sq8")
    many = through.retrieve(asked(), 10)
    for b in range(len(asked())):
        one = through.retrieve(asked().take(np.array([b])), 10)
        assert one.item.tolist() == many.item[many.row == b].tolist()
        assert one.score.tolist() == many.score[many.row == b].tolist()


def test_auto_leaves_small_catalogues_and_other_models_alone(als, data, monkeypatch):
    assert indexed(als, "auto") is als
    assert indexed(als, "none") is als
    ease = create("ease", "retriever").fit(data)
    monkeypatch.setattr(module, "SCAN_UP_TO", 500)
    assert indexed(ease, "auto") is ease
    through = indexed(als, "auto")
    assert isinstance(through, Indexed)
    assert isinstance(through.index, IvfSq8)
    # Pipelines of one process share one index.
    assert indexed(als, "auto").index is through.index


def test_wrong_names_and_models_are_refused(als, data):
    with pytest.raises(BadSpec, match="no index 'ivf'"):
        indexed(als, "ivf")
    with pytest.raises(BadSpec, match="no item vectors"):
        indexed(create("ease", "retriever").fit(data), "exact")


def test_new_items_and_changed_vectors_are_found_at_the_next_request():
    model = create("als", "retriever", factors=8, epochs=2).fit(world(seed=3))
    through = indexed(model, "ivf_sq8")
    grown = np.concatenate([model.item_factors_, 3 * model.item_factors_[:2]])
    grown[5] = 0
    model.item_factors_, model.n_items_ = grown, len(grown)
    model.known_ = np.concatenate([model.known_, [True, True]])
    model.known_[5] = False
    ours, plain = through.retrieve(asked(), 30), model.retrieve(asked(), 30)
    assert {900, 901} <= set(plain.item.tolist())
    assert {900, 901} <= set(ours.item.tolist())
    assert 5 not in ours.item
    assert len(through.index) == np.count_nonzero(vectors_of(model).any(axis=1))


def test_a_refitted_model_gets_another_index(data):
    model = create("als", "retriever", factors=8, epochs=2).fit(data)
    before = indexed(model, "exact").index
    model.fit(world(seed=5))
    again = indexed(model, "exact")
    assert again.index is not before
    same(again.retrieve(asked(), 10), model.retrieve(asked(), 10))


def test_rows_are_scored_as_in_the_scan(als):
    requests = asked()
    rng = np.random.default_rng(2)
    row, item = np.sort(rng.integers(0, len(requests), 500)).astype(np.int32), rng.integers(-2, 950, 500)
    block = als.score_block(requests)
    known = (item >= 0) & (item < 900)
    plain = np.where(known, block[row, np.where(known, item, 0)], np.nan)
    np.testing.assert_array_equal(als.score_rows(requests, Candidates(row, item, len(requests))), plain)


def test_a_bundle_keeps_the_index_and_another_model_never_uses_it(als, data, tmp_path, monkeypatch):
    spec = SPEC % "ivf_sq8"
    ref = bundles.publish(tmp_path, data=data, models={"main": als}, specs={"home": spec})
    loaded = bundles.load(ref.path)
    model = loaded.models["main"]
    runs = build(parse_toml(spec), offline_world(data, {"main": model})).stages["source"][0]
    assert runs.model.index.rebuilds == 0
    same(runs.model.retrieve(asked(), 10), indexed(als, "ivf_sq8").retrieve(asked(), 10))
    folder = model._index_folder
    other = create("als", "retriever", factors=16, epochs=3, seed=9).fit(data)
    other._index_folder = folder
    assert module._saved(model, "ivf_sq8", module.fingerprint_of(vectors_of(model))) is not None
    assert module._saved(other, "ivf_sq8", module.fingerprint_of(vectors_of(other))) is None


def test_a_pipeline_answers_alike_with_and_without_an_index(als, data):
    requests = asked()
    answers = []
    for name in ("none", "exact"):
        runner = build(parse_toml(SPEC % name), offline_world(data, {"main": als}))
        answers.append(runner.run(requests, strict=True))
    with_index, without = (answer.candidates for answer in answers)
    assert len(with_index) == 10 * len(np.unique(with_index.row))
    np.testing.assert_array_equal(with_index.item, without.item)
    np.testing.assert_array_equal(with_index.cols["score"], without.cols["score"])


@pytest.mark.parametrize("name", ["exact", "ivf_sq8"])
def test_excluded_items_are_left_out_and_lists_stay_full(als, name):
    requests = asked()
    exclude = History.of([als.retrieve(requests.take(np.array([b])), 8).item.tolist() for b in range(len(requests))])
    through = indexed(als, name)
    ours, plain = through.retrieve(requests, 10, exclude=exclude), als.retrieve(requests, 10, exclude=exclude)
    np.testing.assert_array_equal(np.bincount(ours.row), np.bincount(plain.row))
    banned = exclude.row * 1000 + exclude.item
    assert not np.isin(ours.row * 1000 + ours.item, banned).any()
    if name == "exact":
        same(ours, plain)
