"""Every sequence model and tower: histories nobody would send, logs without an order, batches of one, fits that break.

What all retrievers promise stands in tests/contracts; single models have tests of their own.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'nn'")

import torch
from safetensors.torch import load_file

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BundleMismatch, StageError
from shortlist.core.types import Candidates, History, Requests
from shortlist.testing.models import checked_settings
from shortlist.testing.worlds import START, small_log

CTX = FitContext(seed=3, threads=1)
FOLDERS = ("shortlist.models.sequential.", "shortlist.models.towers.")
ROWS = [row for row in registry.rows("retriever") if row.name in ("melu", "poso") or row.target.startswith(FOLDERS)]
"""Those two are towers that stand with the models for newcomers."""
WALKERS = {"eges": {"walks": 1, "walk_length": 4}}
"""Models that learn from random walks, and settings that keep these few."""
each = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@cache
def log():
    """12 users of six events each, among ten items."""
    return small_log(n_users=12, n_items=10, events_per_user=6)


def made(row, **settings):
    kind = registry.load(row.name, "retriever")
    return kind(**{**checked_settings(kind), **WALKERS.get(row.name, {}), **settings})


@cache
def fitted(row):
    """One small fit for all questions."""
    return made(row).fit(log(), CTX)


def timed(*pasts):
    """Pasts whose events are a minute apart."""
    return History.of(
        [list(past) for past in pasts], [(START + 60.0 * np.arange(len(past))).tolist() for past in pasts]
    )


def lists(model, history, users=None, k=5):
    """(item, score) by request."""
    users = [-1] * len(history) if users is None else users
    hits = model.retrieve(Requests.of(users, now=START + 1e7, history=history), k)
    assert np.isfinite(hits.score).all()
    assert ((hits.item >= 0) & (hits.item < model.n_items_)).all()
    pairs = list(zip(hits.row.tolist(), hits.item.tolist(), hits.score.tolist(), strict=True))
    return [[pair[1:] for pair in pairs if pair[0] == b] for b in range(len(history))]


def parts(model):
    """Every learned array of a model."""
    return {name: value for name, value in model.learned().items() if isinstance(value, np.ndarray)}


def same(one, two):
    left, right = parts(one), parts(two)
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_array_equal(value, right[name], err_msg=name)
    asked = timed([1, 2, 3], [4], [5, 6, 7, 8, 9, 0])
    assert lists(one, asked) == lists(two, asked)


@each
def test_histories_of_none_one_and_ten_thousand_events(row):
    """None has no answer; of very many only as many count as the model reads."""
    model = fitted(row)
    long = np.resize(np.arange(model.n_items_), 10_000)
    kept = 10_000 if not hasattr(model.config, "max_len") else model.config.max_len
    history = timed([], [3], long)
    last = History.of([long[-kept:].tolist()], [history.at[-kept:].tolist()])
    none, one, many = lists(model, history)
    assert none == []
    assert len(one) == len(many) == 5
    assert lists(model, last) == [many]


@each
def test_unknown_ids_anywhere_change_nothing(row):
    """Strange users, strange items before, between and after known ones, and strange candidates."""
    model = fitted(row)
    n, past = model.n_items_, [1, 2, 3, 4]
    plain = timed(past)
    at = plain.at.tolist()
    strange = [-1, 1, n, 2, 3, n + 10**9, 4, -7]
    times = [at[0] - 5.0, at[0], at[0] + 1.0, at[1], at[2], at[2] + 1.0, at[3], at[3] + 5.0]
    history = History.of([past, strange, [-1, n, n + 10**9]], [at, times, at[:3]])
    for users in ([-1] * 3, [-1, 10**9, log().n_users]):
        known, mixed, unknown = lists(model, history, users)
        assert len(known) == 5
        assert mixed == known
        assert unknown == []
    requests = Requests.of([-1], now=START + 1e7, history=plain)
    scores = model.score(requests, Candidates(np.zeros(4, np.int32), np.array([-1, 5, n, n + 10**9]), 1))
    assert np.isnan(scores[:, 0]).tolist() == [True, False, True, True]


@each
def test_events_of_one_moment_are_read_in_the_order_of_the_file(row):
    """In teaching and in asking; a model that reads the time between events finds none."""
    settings = {"validation_users": 0, "epochs": 1}
    if row.name == "youtube_dnn":
        settings["example_age"] = False  # how long ago an event was is another number of each log
    data = log()
    events = data.interactions
    moment = replace(data, interactions=replace(events, at=np.full(len(events), START)))
    apart = replace(data, interactions=replace(events, at=START + 1e-3 * np.arange(len(events))))
    one, two = (made(row, **settings).fit(each_, CTX) for each_ in (moment, apart))
    past = [7, 1, 4]
    together = History.of([past], [[START] * 3])
    assert len(lists(one, together)[0]) == 5
    if not getattr(one, "uses_time", False):
        same(one, two)
        assert lists(one, together) == lists(one, timed(past))


@each
@pytest.mark.parametrize("size", [1, 11])
def test_batches_of_one(row, size):
    """Every batch one history, or a single one left for the last batch of a pass."""
    model = made(row, validation_users=1, epochs=1, batch_size=size).fit(log(), CTX)
    assert all(np.isfinite(value).all() for value in parts(model).values() if value.dtype.kind == "f")
    assert len(lists(model, timed([1, 2, 3]))[0]) == 5


@each
def test_a_fit_that_breaks_keeps_its_checkpoint_and_goes_on_from_there(row, tmp_path):
    """A loss that is no number names its batch; what had been learned stays, for the same fit and for no other."""
    settings = {"epochs": 3, "validate_every": 1}
    kept = {**settings, "checkpoint": str(tmp_path)}
    whole = made(row, **settings).fit(log(), CTX)
    broken = made(row, **kept)

    class Stopped(Exception):
        pass

    def spoil(done, total):
        """Called between passes, when the second one has been written down."""
        if done == 2 and row.name in WALKERS:
            raise Stopped  # their network is not to be had from outside
        if done == 2:
            for weight in broken.module_.parameters():
                weight.data.fill_(torch.nan)

    wanted = Stopped if row.name in WALKERS else StageError
    with pytest.raises(wanted, match=None if wanted is Stopped else "step 0 of epoch 3"):
        broken.fit(log(), FitContext(CTX.seed, CTX.threads, spoil))
    [file] = tmp_path.rglob("*.safetensors")
    written = file.read_bytes()
    assert all(torch.isfinite(value).all() for value in load_file(file).values() if value.is_floating_point())
    table = log().item_table
    other = replace(log(), item_table=table.with_columns(category=table["category"].reverse()))
    with pytest.raises(BundleMismatch, match="data"):
        made(row, **kept).fit(other, CTX)
    with pytest.raises(BundleMismatch, match="settings"):
        made(row, **{**kept, "factors": 16}).fit(log(), CTX)
    assert file.read_bytes() == written, "what is refused is left alone"
    again = made(row, **kept).fit(log(), CTX)
    same(again, whole)


@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in WALKERS], ids=lambda row: row.name)
def test_saved_weights_of_another_network_are_refused(row, tmp_path):
    """All but walkers, which keep vectors and no network."""
    fitted(row).save(tmp_path)
    other = made(row, factors=16).fit(log(), CTX)
    other.save(tmp_path / "other")
    (tmp_path / "other" / "weights.safetensors").replace(tmp_path / "weights.safetensors")
    with pytest.raises(BundleMismatch, match="another network"):
        type(other).load(tmp_path)
