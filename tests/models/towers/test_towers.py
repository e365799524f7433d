"""What every tower must do; the general contract is checked from the registry."""

import importlib
import math
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch

from shortlist.core import registry
from shortlist.core.contracts import Encoder, FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Candidates, History, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.neural.objectives.losses import LOSSES
from shortlist.models.neural.objectives.objective import accidental
from shortlist.models.towers._interests import union
from shortlist.models.towers.comirec import ComiRec, picked
from shortlist.models.towers.fm_retrieval import FmRetrieval
from shortlist.models.towers.mind import Mind
from shortlist.models.towers.mult_dae import MultDae
from shortlist.models.towers.sdm import ShortAndLong, starts
from shortlist.models.towers.simplex import SimpleX
from shortlist.models.towers.two_tower import TwoTower
from shortlist.models.towers.youtube_dnn import AgedMean, YoutubeDnn
from shortlist.testing.models import checked_settings
from shortlist.testing.worlds import requests_for, small_log

CTX = FitContext(seed=3, threads=1)
APART = {"eges"}
"""Models in the same folder that are no towers and have tests of their own."""
ROWS = [
    row
    for row in registry.rows("retriever")
    if row.name in ("melu", "poso") or (row.target.startswith("shortlist.models.towers.") and row.name not in APART)
]
TINY = {"epochs": 2, "factors": 8, "max_len": 8, "validate_every": 2}
each_tower = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@cache
def fitted(row):
    """A small fit for all tests that only ask."""
    kind = registry.load(row.name, "retriever")
    return kind(**checked_settings(kind)).fit(small_log(), CTX)


def two_worlds():
    """Readers of even items and readers of odd ones, 24 each, 12 of 16 items of their kind."""
    rng = np.random.default_rng(5)
    rows = []
    for user in range(48):
        picked = rng.permutation(16)[:12] * 2 + user % 2
        rows += [(f"u{user}", f"i{item:02d}", 1000.0 * user + t) for t, item in enumerate(picked)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    users = pl.DataFrame({"user_id": [f"u{u}" for u in range(48)], "side": [["even", "odd"][u % 2] for u in range(48)]})
    return Dataset.from_frames(events, users=users, time_unit="s")


def parity(data):
    return np.array([int(name[1:]) % 2 for name in data.items.ids])


@each_tower
def test_taste_is_learned_and_strangers_are_served_without_a_refit(row):
    data = two_worlds()
    settings = {"epochs": 20, "factors": 16, "validation_users": 0, "learning_rate": 0.01, "batch_size": 8}
    if row.name in ("mult_vae", "mult_dae"):
        settings |= {"hidden": 32, "reg": 0.0}
    model = registry.load(row.name, "retriever")(**settings).fit(data, CTX)
    side = parity(data)
    even, odd = (np.flatnonzero(side == p)[:4].tolist() for p in (0, 1))
    hits = model.retrieve(Requests.of([-1, -1, -1], now=9e9, history=History.of([even, odd, []])), 8)
    assert (side[hits.item[hits.row == 0]] == 0).mean() >= 0.85
    assert (side[hits.item[hits.row == 1]] == 1).mean() >= 0.85
    assert not (hits.row == 2).any(), "an empty session has no answer"


@each_tower
def test_hiding_at_random_is_off_when_scoring(row):
    model = fitted(row)
    requests = requests_for(small_log())
    assert not model.module_.training
    one, two = model.retrieve(requests, 5), model.retrieve(requests, 5)
    assert one.score.tolist() == two.score.tolist()


@each_tower
def test_a_score_is_the_product_of_exported_vectors(row):
    model = fitted(row)
    requests = requests_for(small_log())
    items = model.encode_items(np.arange(model.n_items_))
    hits = model.retrieve(requests, 5)
    several = hasattr(model, "encode_interests")
    users = model.encode_interests(requests) if several else model.encode_requests(requests)[:, None, :]
    product = (users[hits.row] * items[hits.item][:, None, :]).sum(2)
    product[~users[hits.row].any(axis=2)] = -np.inf
    product = product.max(axis=1)
    np.testing.assert_allclose(product, hits.score, rtol=1e-5, atol=1e-5)


@each_tower
def test_saving_keeps_every_score(row, tmp_path):
    model = fitted(row)
    model.save(tmp_path / "m")
    again = type(model).load(tmp_path / "m")
    requests = requests_for(small_log())
    assert again.retrieve(requests, 5).score.tolist() == model.retrieve(requests, 5).score.tolist()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lightgcn", {"epochs": 3, "factors": 8, "batch_size": 13, "validate_every": 1}),
        ("eges", {"epochs": 2, "factors": 8, "walks": 2, "columns": ("category",), "id_dropout": 0.0}),
    ],
)
def test_two_workers_reach_what_one_reaches(name, settings, monkeypatch):
    """Processes are counted, since a model that ignored the setting would agree with itself."""
    kind, started = registry.load(name, "retriever"), []
    module = importlib.import_module("torch.multiprocessing.spawn")
    spawn = module.spawn
    monkeypatch.setattr(module, "spawn", lambda work, **how: (started.append(how["nprocs"]), spawn(work, **how)))
    one, two = (kind(**settings, refit=False, workers=workers).fit(small_log(), CTX) for workers in (1, 2))
    assert started == [2]
    assert np.abs(one.item_factors_).max() > 0.1
    np.testing.assert_allclose(two.item_factors_, one.item_factors_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("negatives", ["in_batch", "mixed"])
def test_in_batch_negatives_without_log_q_are_refused(negatives):
    with pytest.raises(BadConfig, match="log Q"):
        TwoTower(negative_sampling=negatives, log_q=False, **TINY).fit(small_log(), CTX)


def test_log_q_counts_the_targets_of_the_training_stream():
    model = TwoTower(validation_users=0, **TINY).fit(small_log(), CTX)
    learned = model._tokens(small_log().sequences)
    share = model.objective(learned).negatives.in_batch.log_q.exp().double().numpy()
    counts = np.zeros(model.n_known_)
    for low, high in zip(learned.offsets[:-1], learned.offsets[1:], strict=True):
        np.add.at(counts, learned.item[low + 1 : high] - 2, 1)
    np.testing.assert_allclose(share, counts / counts.sum(), atol=1e-7)


def test_items_of_the_own_history_and_the_own_target_are_no_negatives():
    target, ids = torch.tensor([5, 7]), torch.tensor([5, 7, 9, 5, 3])
    had = torch.tensor([[9, 0, 4], [3, 11, 0]])
    expected = [[True, False, True, True, False], [False, True, False, False, True]]
    assert accidental(target, ids, had).tolist() == expected
    per_row = ids.expand(2, -1)
    assert accidental(target, per_row, had).tolist() == expected


@pytest.mark.parametrize("name", ["two_tower", "youtube_dnn"])
def test_padding_never_leaks(name):
    model = registry.load(name, "retriever")(**TINY).fit(small_log(), CTX)
    tokens = torch.tensor([[3, 4, 5]])
    padded = torch.tensor([[3, 4, 5, 0, 0]])
    with torch.inference_mode():
        alone, beside = model.module_.last(tokens), model.module_.last(padded)
    torch.testing.assert_close(alone, beside, rtol=1e-5, atol=1e-6)


def test_columns_of_users_are_read_and_strangers_go_without():
    data = two_worlds()
    model = TwoTower(
        user_columns=("side",), validation_users=0, epochs=20, factors=16, learning_rate=0.01, batch_size=8
    ).fit(data, CTX)
    side = parity(data)
    past = History.of([[int(np.argmin(side)), int(np.argmax(side))]] * 4)
    of = {data.users.ids[u]: u for u in range(data.n_users)}
    hits = model.encode_requests(Requests.of([of["u0"], of["u2"], of["u1"], -1], history=past))
    np.testing.assert_array_equal(hits[0], hits[1], "same column, same history, same vector")
    assert not np.allclose(hits[0], hits[2])
    assert np.isfinite(hits[3]).all()
    assert not np.allclose(hits[3], hits[0])
    # The same history of both kinds: the column moves each reader towards items of the own kind.
    scores = model.score_block(Requests.of([of["u0"], of["u1"]], history=past.take(np.arange(2))))
    leaning = scores[:, side == 1].mean(axis=1) - scores[:, side == 0].mean(axis=1)
    assert leaning[0] < leaning[1]


def test_columns_of_users_need_a_table_and_whole_histories():
    data = small_log()
    with pytest.raises(BadConfig, match="Users have no columns"):
        TwoTower(user_columns=("side",), **TINY).fit(
            Dataset(data.name, data.interactions, data.users, data.items, clock=data.clock), CTX
        )
    with pytest.raises(BadConfig, match="whole histories"):
        TwoTower(user_columns=("side",), session_gap_s=10.0, **TINY).fit(two_worlds(), CTX)


def test_youtube_dnn_is_asked_with_age_zero_and_learns_with_the_age_of_the_target():
    block = AgedMean(4, (6,), 0.0).eval()
    x, mask = torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    torch.testing.assert_close(block(x, mask, None), block(x, mask, torch.zeros(2, 3)))
    later = torch.cat([x[:, :2], -5 * x[:, 2:]], dim=1)
    torch.testing.assert_close(
        block(later, mask, None)[:, :2], block(x, mask, None)[:, :2], msg="what follows is not read"
    )
    assert not torch.allclose(block(x, mask, None), block(x, mask, torch.full((2, 3), 9e6)))
    model = YoutubeDnn(validation_users=0, **TINY).fit(small_log(), CTX)
    past = model._tokens(small_log().sequences)
    task = model.task(past, None)
    batch = next(iter(task.batches(1, np.random.default_rng(0))))
    row = int(np.flatnonzero(batch["targets"][0].numpy()).max())
    ages = {round(float(past.at.max() - at), 1) for at in past.at}
    assert round(float(batch["seconds"][0, row]), 1) in ages


def test_scores_of_rows_are_those_of_lists():
    model = TwoTower(**TINY).fit(small_log(), CTX)
    requests = requests_for(small_log())
    hits = model.retrieve(requests, 5)
    rows = model.score(requests, Candidates(hits.row, hits.item, len(requests)))[:, 0]
    assert rows.astype(np.float32).tolist() == hits.score.astype(np.float32).tolist()


def test_a_diverse_list_is_picked_one_by_one():
    score, category = np.array([5.0, 4.5, 4.0, 1.0], np.float32), np.array([7, 7, 8, 8])
    item, left = picked(np.arange(4), score, category, 1.0, 4)
    assert item.tolist() == [0, 2, 1, 3]
    assert left.tolist() == [5.0, 4.0, 3.5, 0.0]
    assert picked(np.arange(4), score, category, 0.0, 3)[0].tolist() == [0, 1, 2]
    with pytest.raises(BadConfig, match="Diversity"):
        ComiRec(diversity=0.1, **TINY).fit(small_log(), CTX)


@pytest.mark.parametrize("kind", [Mind, ComiRec])
def test_several_interests_give_the_union_of_their_searches(kind):
    data = small_log()
    model = kind(**TINY).fit(data, CTX)
    requests = requests_for(data)
    interests, items = model.encode_interests(requests), model.encode_items(np.arange(data.n_items))
    scores = np.where(interests.any(axis=2)[:, :, None], interests @ items.T, -np.inf)
    hits = model.retrieve(requests, 4)
    for b in range(len(requests)):
        mine = hits.item[hits.row == b].tolist()
        found = set()
        for k in range(interests.shape[1]):
            found |= set(np.argsort(-scores[b, k])[:4].tolist())
        assert set(mine) <= found
        best = np.where(model.known_, scores[b].max(axis=0), -np.inf)
        np.testing.assert_allclose(np.sort(best)[::-1][: len(mine)], hits.score[hits.row == b], atol=1e-5)
    assert not isinstance(model, Encoder), "an index of one vector per request must not stand in"


def test_a_longer_history_has_more_interests_and_no_history_reads_another():
    model = Mind(**TINY).fit(small_log(), CTX)
    requests = Requests.of([-1] * 3, history=History.of([[1], [1, 2, 3, 4], [5, 6, 7, 8, 9, 10, 11, 12]]))
    together = model.encode_interests(requests)
    assert together.any(axis=2).sum(axis=1).tolist() == [1, 2, 3]
    with torch.inference_mode():
        tokens = torch.from_numpy(np.stack([model.token_[[1, 2, 3, 4]], model.token_[[9, 8, 7, 6]]]))
        both, other = model.module_(tokens), model.module_(torch.stack([tokens[0], tokens[0]]))
    torch.testing.assert_close(both[0], other[0])
    np.testing.assert_allclose(both[0].numpy(), together[1], rtol=1e-4, atol=1e-6)
    assert "start" not in " ".join(name for name, _ in model.module_.named_parameters()), "routing is no parameter"


def test_the_same_item_found_twice_keeps_its_best_score():
    hits = union(np.array([0, 0, 0, 1]), np.array([4, 2, 4, 1]), np.array([1.0, 2.0, 3.0, 0.5], np.float32), 2)
    assert (hits.row.tolist(), hits.item.tolist(), hits.score.tolist()) == ([0, 0, 1], [4, 2, 1], [3.0, 2.0, 0.5])


def test_simplex_pushes_only_negatives_above_its_margin():
    model = SimpleX(validation_users=0, margin=0.3, negative_weight=10.0, **TINY).fit(small_log(), CTX)
    objective = model.objective(model._tokens(small_log().sequences))
    assert objective.normalise
    assert objective.options == {"margin": 0.3, "negative_weight": 10.0}
    loss = LOSSES["ccl"](torch.tensor([0.9]), torch.tensor([[0.2, 0.5, -1.0, 0.3]]), **objective.options)
    assert loss.item() == pytest.approx(0.1 + 10.0 * 0.2 / 4)
    binary = SimpleX(loss="gbce", validation_users=0, **TINY).fit(small_log(), CTX)
    assert binary.loss_options("gbce") == {"calibration": 0.75, "prior": -math.log(binary.n_known_)}


def test_fm_retrieval_is_the_sum_of_all_products_between_user_and_item():
    model = FmRetrieval(columns=("category",), user_columns=("segment",), **TINY).fit(small_log(), CTX)
    data, net = small_log(), model.module_
    request = Requests.of([3], now=9e9, history=History.of([[1, 2]]))
    past = net.items.ids.weight[torch.from_numpy(model.token_[[1, 2]])]
    category = net.items.content({"category": net.items.column_category[torch.from_numpy(model.token_[[1, 2]])]})[:, 0]
    segment = net.fields({"segment": torch.from_numpy(model.userwise_segment_[[3]])})[0, 0]
    item = int(model.token_[5])
    own = [net.output.ids.weight[item], net.output.content({"category": net.output.column_category[[item]]})[0, 0]]
    codes = [past[0] / 2, past[1] / 2, category[0] / 2, category[1] / 2, segment]
    expected = sum((u @ i).item() for u in codes for i in own) + net.bias[item].item()
    assert model.score_block(request)[0, 5] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert data.n_items == model.n_items_


def test_mult_dae_has_no_gaussian():
    model = MultDae(epochs=1, hidden=8, factors=4, validation_users=0).fit(small_log(), CTX)
    assert model.module_.code.out_features == 4
    x = torch.zeros(2, model.n_known_)
    assert model.module_(x)[1].tolist() == [0.0, 0.0]


def test_sdm_tells_this_session_from_all_before_it():
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    dt = torch.tensor([[0.0, 10.0, 5000.0, 5010.0, 9000.0], [0.0, 10.0, 20.0, 0.0, 0.0]])
    assert starts(mask, dt, 3600.0)[0].tolist() == [0, 0, 2, 2, 4]
    assert starts(mask, dt, 3600.0)[1, :3].tolist() == [0, 0, 0]
    assert not starts(mask, None, 3600.0).any()
    torch.manual_seed(0)
    block = ShortAndLong(8, heads=2, pause=3600.0, dropout=0.0).eval()
    x = torch.randn(2, 5, 8)
    whole = block(x, mask, dt)
    torch.testing.assert_close(block(x[:, :3], mask[:, :3], dt[:, :3]), whole[:, :3], msg="the future is never seen")
    other = x.clone()
    other[0, 0], other[0, 1] = x[0, 1], x[0, 0]
    swapped = block(other, mask, dt)
    torch.testing.assert_close(swapped[0, 2:], whole[0, 2:], msg="before this session order does not count")
    assert not torch.allclose(swapped[0, 1], whole[0, 1])
    alone = block(x[:1, 2:4], mask[:1, 2:4], dt[:1, 2:4])
    assert not torch.allclose(alone[0, 1], whole[0, 3]), "the long past counts"


def test_towers_learn_with_hard_negatives_and_hand_their_settings_on():
    data = two_worlds()
    settings = {"hard_share": 0.5, "hard_margin": 1, "hard_pool": 3, "hard_refresh": 7, "negatives": 6}
    model = TwoTower(
        negative_sampling="hard",
        validation_users=0,
        epochs=20,
        factors=16,
        learning_rate=0.01,
        batch_size=8,
        **settings,
    ).fit(data, CTX)
    side = parity(data)
    even = np.flatnonzero(side == 0)[:4].tolist()
    hits = model.retrieve(Requests.of([-1], now=9e9, history=History.of([even])), 8)
    assert (side[hits.item] == 0).mean() >= 0.85
    sampler = model.objective(model._tokens(data.sequences)).negatives
    assert (sampler.k, sampler.mixed.other.k) == (3, 3)
    assert (sampler.margin, sampler.pool, sampler.refresh) == (1, 3, 7)


def test_a_pass_starts_with_fresh_vectors_for_mining():
    """So that a fit which resumes after a pass ranks by the same vectors as one that went on."""
    model = TwoTower(negative_sampling="hard", hard_refresh=10_000, validation_users=0, **TINY).fit(small_log(), CTX)
    task = model.task(model._tokens(small_log().sequences), None)
    task.objective.negatives.vectors = torch.zeros(1, 1)
    next(iter(task.batches(2, np.random.default_rng(0))))
    assert task.objective.negatives.vectors is None
