"""Every behaviour model: what it must find in a past, and the traps of models that read one."""

import copy
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch

from shortlist.core import registry
from shortlist.core.contracts import FitContext, Shown
from shortlist.core.errors import BadConfig, LeakDetected, SchemaMismatch
from shortlist.core.types import Candidates, History, Requests
from shortlist.evaluation.metrics import auc
from shortlist.models.neural.behaviour_net import NEGATIVE, PAST, BehaviourNet
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.ranking.behaviour import base
from shortlist.models.ranking.behaviour.dien import Dien
from shortlist.models.ranking.behaviour.din import Din
from shortlist.models.ranking.behaviour.history_mean import HistoryMean
from shortlist.models.ranking.behaviour.sim import Sim
from shortlist.testing.worlds import dataset_of

NAMES = [row.name for row in registry.rows("ranker") if ".behaviour." in row.target]
ITEMS, COLOURS, NOW = 30, 5, 1e6
SMALL = {
    "epochs": 8, "batch_size": 128, "learning_rate": 0.02, "factors": 4, "hidden": (8,), "start": 0.3, "max_len": 6,
    "patience": 8, "dropout": 0.0, "item_columns": ("colour",),
}  # fmt: skip
CTX = FitContext(seed=5, threads=1)


def catalogue(n=ITEMS):
    data = dataset_of([(0, 0, 0.0)], n_users=1, n_items=n)
    colour = [f"c{item % COLOURS}" for item in range(n)]
    return replace(data, item_table=pl.DataFrame({"item_id": data.items.ids, "colour": colour}))


def world(n=600, seed=0, longest=8):
    """People click what has the colour of what they had before; the one column is noise. One row per request."""
    rng = np.random.default_rng(seed)
    taste, length = rng.integers(0, COLOURS, n), rng.integers(0, longest + 1, n)
    pasts = [(rng.integers(0, ITEMS // COLOURS, k) * COLOURS + t).tolist() for t, k in zip(taste, length, strict=True)]
    at = [(NOW - 3600.0 * np.arange(k, 0, -1)).tolist() for k in length]
    item = rng.integers(0, ITEMS, n)
    likes = (item % COLOURS == taste) & (length > 0)
    label = (rng.uniform(size=n) < np.where(likes, 0.9, 0.1)).astype(float)
    requests = Requests.of([-1] * n, now=NOW, history=History.of(pasts, at))
    return {"noise": rng.normal(size=n)}, label, Shown(requests, np.arange(n), item, catalogue())


def fitted(kind, n=600, **settings):
    columns, label, shown = world(n)
    return kind(**{**SMALL, **settings}).fit_rows(columns, label, np.arange(n), CTX, shown=shown)


@cache
def small_fit(name):
    """A small fit for all tests that only ask."""
    return fitted(registry.load(name, "ranker"), n=300, epochs=2)


def score(model, columns, shown):
    table = Candidates(shown.row.astype(np.int32), shown.item, len(shown.requests), columns)
    return model.score(shown.requests, table)[:, 0]


def with_history(shown, history):
    return replace(shown, requests=shown.requests.with_history(history))


def longer(history, extra, at=1.0):
    """Every past with the given items before its oldest event."""
    items = [[*extra, *history.one(b).tolist()] for b in range(len(history))]
    times = [
        [*[at] * len(extra), *history.at[history.offsets[b] : history.offsets[b + 1]]] for b in range(len(history))
    ]
    return History.of(items, times)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_done_before_tells_what_is_clicked(name):
    """With the past it is found; with the past of somebody else, or none, half an AUC is all there is."""
    model = fitted(registry.load(name, "ranker"), n=2400, epochs=12)
    columns, label, shown = world(1000, seed=1)
    taste = np.array([shown.requests.history.one(b)[:1] % COLOURS for b in range(1000)], object)
    truth = np.array([len(t) > 0 and t[0] == i % COLOURS for t, i in zip(taste, shown.item, strict=True)])
    assert auc(label, score(model, columns, shown)) > auc(label, truth.astype(float)) - 0.04
    order = np.random.default_rng(0).permutation(1000)
    stranger = with_history(shown, shown.requests.history.take(order))
    assert abs(auc(label, score(model, columns, stranger)) - 0.5) < 0.1
    nobody = with_history(shown, History.empty(1000))
    assert abs(auc(label, score(model, columns, nobody)) - 0.5) < 0.1
    weight = model.importance()
    assert weight["requests.history"] + weight["candidates.item"] > 0.9
    assert sum(weight.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_its_score_in_any_company(name):
    """Beside shorter and longer pasts, unknown items, missing numbers, and across blocks; to the last bit."""
    model = small_fit(name)
    columns, _, shown = world(200, seed=1)
    columns["noise"][:3] = [np.nan, 1e300, -np.inf]
    shown.item[3:6] = [-1, ITEMS + 7, 10**9]
    whole = score(model, columns, shown)
    assert ((whole > 0) & (whole < 1)).all()
    lengths = shown.requests.history.lengths
    for row in (0, 3, 5, 150, int(np.argmin(lengths)), int(np.argmax(lengths))):
        alone = Shown(shown.requests.take(np.array([row])), np.array([0]), shown.item[row : row + 1])
        assert score(model, {"noise": columns["noise"][row : row + 1]}, alone)[0] == whole[row]


def lists(n=40, seed=4):
    """Requests with 1 to 9 candidates each and pasts of 0 to 12 events; rows of a request are scattered."""
    columns, _, shown = world(n, seed, longest=12)
    rng = np.random.default_rng(seed)
    row = rng.permutation(np.repeat(np.arange(n), rng.integers(1, 10, n)))
    item = rng.integers(0, ITEMS, len(row))
    item[:3] = [-1, ITEMS + 7, 10**9]
    columns = {"noise": rng.normal(size=len(row))}
    columns["noise"][3:6] = [np.nan, 1e300, -np.inf]
    return columns, Shown(shown.requests, row, item)


def by_rows(model, columns, shown):
    """Scores as training computes them, a past per row, in double precision."""
    encoded = model._encoded(model._vocabularies(), _rows(model, columns, shown))
    net = copy.deepcopy(model.module_).double()
    wide = {
        name: values[:].double() if values[:].is_floating_point() else values[:] for name, values in encoded.items()
    }
    with torch.no_grad():
        return torch.sigmoid(net(wide)[0]).numpy()


@pytest.mark.parametrize("name", NAMES)
def test_candidates_share_the_work_on_their_past_and_score_as_rows_do(name, monkeypatch):
    """The oracle reads a past per row, as training does. Each past goes through the network once."""
    seen = []
    original = BehaviourNet.once
    monkeypatch.setattr(
        BehaviourNet, "once", lambda net, columns: seen.append(len(columns[PAST])) or original(net, columns)
    )
    model = small_fit(name)
    columns, shown = lists()
    seen.clear()
    found = score(model, columns, shown)
    assert sum(seen) == len(shown.requests)
    np.testing.assert_allclose(found, by_rows(model, columns, shown), rtol=1e-6, atol=0)
    assert np.std(found) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_candidate_has_its_score_in_any_company(name):
    """Alone, with the others of its request, and in a list longer than goes through at once; to the last bit."""
    model = small_fit(name)
    columns, shown = lists()
    whole = score(model, columns, shown)
    for at in (0, 3, 20, 60, 100):
        alone = Shown(shown.requests.take(shown.row[[at]]), np.array([0]), shown.item[[at]])
        assert score(model, {"noise": columns["noise"][[at]]}, alone)[0] == whole[at]
    request = int(np.argmax(shown.requests.history.lengths))
    mine = np.flatnonzero(shown.row == request)
    many = np.tile(mine, 200)
    assert len(many) > base.TOGETHER
    told = Shown(shown.requests.take(np.array([request])), np.zeros(len(many), np.int64), shown.item[many])
    assert score(model, {"noise": columns["noise"][many]}, told).tolist() == whole[many].tolist()


def test_requests_go_together_with_their_like():
    row = np.array([2, 0, 1, 0, 2, 2, 3, 4])
    length = np.array([5, 1, 3, 9, 2])
    found = [(request.tolist(), rows.tolist()) for request, rows in base.rectangles(row, length, 4, 3)]
    assert found == [([1, 4, 3], [[2], [7], [6]]), ([0], [[1, 3]]), ([2], [[0, 4, 5]])]
    [(together, rows)] = base.rectangles(row, length, 100, 100)
    assert together.tolist() == [1, 4, 3, 0, 2]
    assert rows.tolist() == [[2, 2, 2], [7, 7, 7], [6, 6, 6], [1, 3, 3], [0, 4, 5]]
    assert list(base.rectangles(np.array([], int), np.array([], int), 4, 3)) == []


@pytest.mark.parametrize("name", NAMES)
def test_pasts_are_cut_to_the_latest_and_hold_known_items_only(name):
    """No event beyond the cut, and none of an item without a vector, changes a score; one within the cut does."""
    model = small_fit(name)
    columns, _, shown = world(100, seed=1, longest=12)
    plain, lengths = score(model, columns, shown), shown.requests.history.lengths
    history = shown.requests.history
    strange = longer(history, [ITEMS + 3, -1, 10**9])
    assert score(model, columns, with_history(shown, strange)).tolist() == plain.tolist()
    older = score(model, columns, with_history(shown, longer(history, [4, 9])))
    cut = lengths >= model.config.max_len
    assert cut.sum() > 20
    assert older[cut].tolist() == plain[cut].tolist()
    assert (older[lengths < 3] != plain[lengths < 3]).all()
    newest = score(model, columns, with_history(shown, history.last(model.config.max_len)))
    assert newest.tolist() == plain.tolist()


def test_the_labels_own_event_must_not_be_in_its_past():
    """An event at the moment of the request is refused, one a microsecond before is a past like any other: an earlier
    event of the very item that is asked about is no leak."""
    columns, label, shown = world(60)
    for gap, refused in ((0.0, True), (1.0, True), (-1e-3, False)):
        own = History.of([[int(item)] for item in shown.item], [[NOW + gap]] * 60)
        model, told = Din(**SMALL), with_history(shown, own)
        if refused:
            with pytest.raises(LeakDetected, match="moment"):
                model.fit_rows(columns, label, np.arange(60), CTX, shown=told)
            assert not model.is_fitted
        else:
            assert model.fit_rows(columns, label, np.arange(60), CTX, shown=told).is_fitted


def test_vocabulary_comes_from_the_rows_that_teach_and_from_their_pasts():
    columns, label, shown = world(400)
    shown.item[:] = np.where(shown.item == 29, 28, shown.item)
    shown.item[380:] = 29
    history = replace(
        shown.requests.history, item=np.where(shown.requests.history.item == 29, 24, shown.requests.history.item)
    )
    shown = with_history(shown, history)
    model = HistoryMean(**{**SMALL, "item_columns": ()}).fit_rows(columns, label, np.arange(400), CTX, shown=shown)
    assert model.token_[29] == 1
    assert model.n_known_ == 29
    everything = HistoryMean(**{**SMALL, "item_columns": (), "validation_users": 0})
    assert everything.fit_rows(columns, label, np.arange(400), CTX, shown=shown).n_known_ == 30


def test_an_item_that_no_row_held_lives_from_its_columns():
    columns, label, shown = world(2400)
    shown.item[:] = np.where(shown.item >= 25, shown.item - 5, shown.item)
    history = shown.requests.history
    shown = with_history(shown, replace(history, item=np.where(history.item >= 25, history.item - 5, history.item)))
    model = Din(**{**SMALL, "epochs": 12}).fit_rows(columns, label, np.arange(2400), CTX, shown=shown)
    fresh, clicked, asked = world(2000, seed=1)
    new = asked.item >= 25
    assert auc(clicked[new], score(model, fresh, asked)[new]) > 0.75


@pytest.mark.parametrize("name", NAMES)
def test_dropout_and_batches_of_one(name):
    """Dropout is off when scoring; 180 rows teach, so batches of 179 leave one over."""
    model = fitted(registry.load(name, "ranker"), n=200, epochs=2, dropout=0.5, batch_size=179, batch_norm=True)
    assert any(isinstance(part, Dropout) and part.p == 0.5 for part in model.module_.modules())
    assert not any(part.training for part in model.module_.modules())
    columns, _, shown = world(30, seed=2)
    assert np.isfinite(score(model, columns, shown)).all()
    assert score(model, columns, shown).tolist() == score(model, columns, shown).tolist()


def test_din_with_and_without_softmax_differ_and_both_learn():
    plain, shared = (fitted(Din, n=1200, softmax=softmax) for softmax in (False, True))
    columns, label, shown = world(600, seed=1)
    one, two = score(plain, columns, shown), score(shared, columns, shown)
    assert min(auc(label, one), auc(label, two)) > 0.7
    assert not np.allclose(one, two)


def test_diens_second_loss_teaches_and_is_gone_when_scoring(monkeypatch):
    """Its negatives are in every batch that teaches and in none that is asked; weight zero draws none."""
    from shortlist.models.neural import behaviour_net

    seen = []
    original = behaviour_net.BehaviourNet.forward

    def spy(self, columns):
        seen.append((self.training, NEGATIVE in columns))
        return original(self, columns)

    monkeypatch.setattr(behaviour_net.BehaviourNet, "forward", spy)
    model = fitted(Dien, n=300, epochs=2)
    columns, _, shown = world(30, seed=2)
    score(model, columns, shown)
    assert set(seen) == {(True, True), (False, False)}
    seen.clear()
    assert fitted(Dien, n=300, epochs=2, next_weight=0.0).is_fitted
    assert set(seen) == {(True, False), (False, False)}


def test_sim_reads_of_a_long_past_what_shares_the_candidates_label():
    """Before twenty recent events lies one more: of the candidate's colour it counts, of another it does not."""
    columns, label, shown = world(200)
    settings = {**SMALL, "max_len": 40, "recent": 2, "found": 3, "epochs": 2}
    model = Sim(**settings).fit_rows(columns, label, np.arange(200), CTX, shown=shown)
    net = model.module_.reader.parts[1]
    nobody = Shown(Requests.of([-1], now=NOW), np.array([0]), np.array([0]))

    def found(first):
        told = with_history(nobody, History.of([[first] + [1] * 20], [list(NOW - 100.0 + np.arange(21))]))
        encoded = model._encoded(model._vocabularies(), _rows(model, {"noise": np.zeros(1)}, told))
        past = model.module_.past({name: values[np.array([0])] for name, values in encoded.items()})
        return net.search(past, None).mask.sum().item()

    assert found(5) == 1
    assert found(6) == 0
    with pytest.raises(BadConfig, match="none of the item columns"):
        Sim(**{**settings, "searched_column": "colours"}).fit_rows(columns, label, np.arange(200), CTX, shown=shown)
    with pytest.raises(BadConfig, match="no column to search"):
        Sim(**{**settings, "item_columns": ()}).fit_rows(columns, label, np.arange(200), CTX, shown=shown)


def _rows(model, columns, shown):
    from shortlist.models.ranking.base import matrix_of
    from shortlist.models.ranking.behaviour.base import Rows

    x = matrix_of(columns, model.columns_, len(shown.item))
    return Rows(x, shown)


def test_items_with_several_labels_are_alike_if_they_share_one():
    columns, label, shown = world(200)
    several = [[f"c{item % COLOURS}", f"d{item % 2}"] for item in range(ITEMS)]
    table = pl.DataFrame({"item_id": shown.data.items.ids, "colour": several})
    told = replace(shown, data=replace(shown.data, item_table=table))
    model = Sim(**{**SMALL, "recent": 2, "epochs": 1}).fit_rows(columns, label, np.arange(200), CTX, shown=told)
    asked = Shown(Requests.of([-1], now=NOW, history=History.of([[5, 2, 1, 3]])), np.array([0]), np.array([0]))
    asked = replace(asked, requests=replace(asked.requests, now=np.array([1.0])))
    encoded = model._encoded(model._vocabularies(), _rows(model, {"noise": np.zeros(1)}, asked))
    past = model.module_.past({name: values[np.array([0])] for name, values in encoded.items()})
    assert past.alike.tolist() == [[True, True, False, False]]
    columns, asked = lists()
    np.testing.assert_allclose(score(model, columns, asked), by_rows(model, columns, asked), rtol=1e-6)


@pytest.mark.parametrize("kind", ["isotonic", "platt"])
def test_a_calibrated_model_is_calibrated_on_pasts_it_did_not_learn_from(kind):
    """The last fifth of the requests, with their own pasts: its mean prediction becomes that part's click rate."""
    columns, label, shown = world(600)
    label[480:] = np.maximum(label[480:], np.random.default_rng(3).uniform(size=120) < 0.5)
    model = Din(**{**SMALL, "calibration": kind}).fit_rows(columns, label, np.arange(600), CTX, shown=shown)
    late = np.arange(480, 600)
    held = Shown(shown.requests.take(late), np.arange(120), shown.item[late])
    told = score(model, {"noise": columns["noise"][late]}, held)
    assert told.mean() == pytest.approx(label[late].mean(), abs=0.02)
    plain = Din(**SMALL).fit_rows(
        {"noise": columns["noise"][:480]}, label[:480], np.arange(480), CTX, shown=shown.take(np.arange(480))
    )
    raw = score(plain, {"noise": columns["noise"][late]}, held)
    order = np.argsort(raw, kind="stable")
    assert (np.diff(told[order]) >= 0).all()


def test_what_must_be_told_is_asked_for():
    columns, label, shown = world(40)
    with pytest.raises(BadConfig, match="shown="):
        Din(**SMALL).fit_rows(columns, label, np.arange(40), CTX)
    with pytest.raises(SchemaMismatch, match="40 rows, but 39 requests"):
        Din(**SMALL).fit_rows(columns, label, np.arange(40), CTX, shown=shown.take(np.arange(39)))
    with pytest.raises(BadConfig, match="Items have no columns"):
        Din(**SMALL).fit_rows(columns, label, np.arange(40), CTX, shown=replace(shown, data=None))
    with pytest.raises(BadConfig, match="heads do not divide"):
        registry.create("bst", "ranker", **{**SMALL, "heads": 3}).fit_rows(
            columns, label, np.arange(40), CTX, shown=shown
        )
    bare = Din(**{**SMALL, "item_columns": ()})
    assert bare.fit_rows(columns, label, np.arange(40), CTX, shown=replace(shown, data=None)).is_fitted
    blank = {"noise": np.full(40, np.nan)}
    assert Din(**SMALL).fit_rows(blank, label, np.arange(40), CTX, shown=shown).is_fitted


def test_renumbering_the_catalogue_changes_nothing():
    columns, label, shown = world(300)
    model = Din(**SMALL).fit_rows(columns, label, np.arange(300), CTX, shown=shown)
    place = np.random.default_rng(2).permutation(ITEMS)
    ids = [""] * ITEMS
    for old, new in enumerate(place.tolist()):
        ids[new] = shown.data.items.ids[old]
    table = shown.data.item_table[np.argsort(place).tolist()]
    data = replace(shown.data, items=type(shown.data.items)(ids), item_table=table)
    history = shown.requests.history
    other = Shown(
        shown.requests.with_history(replace(history, item=place[history.item])), shown.row, place[shown.item], data
    )
    again = Din(**SMALL).fit_rows(columns, label, np.arange(300), CTX, shown=other)
    assert score(again, columns, other).tolist() == score(model, columns, shown).tolist()
