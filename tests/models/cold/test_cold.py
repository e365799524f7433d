"""What models of new items must do: find what nobody met yet, at once; the general contract comes from the registry."""

import copy
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from shortlist.core import registry
from shortlist.core.contracts import FitContext, ItemReader
from shortlist.core.errors import BadConfig, NotFitted
from shortlist.core.types import History, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.cold.base import _scaled
from shortlist.models.cold.clcrec import ClcRec
from shortlist.models.cold.dropoutnet import DropoutNet
from shortlist.models.cold.meta_embedding import Generator, MetaEmbedding
from shortlist.testing.models import checked_settings
from shortlist.testing.worlds import requests_for, small_log

CTX = FitContext(seed=3, threads=1)
ROWS = [registry.find(name, "retriever") for name in ("cb2cf", "clcrec", "dropoutnet", "meta_embedding")]
readers = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
WORDS = {0: "rocket orbit crew", 1: "garlic oven butter"}


def two_tastes(seed=5):
    """Readers of space and readers of food: 24 each, 14 of 20 items of their kind; four more items nobody met."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(48):
        chosen = rng.permutation(20)[:14] * 2 + user % 2
        rows += [(f"u{user}", f"i{item:02d}", 1000.0 * user + t) for t, item in enumerate(chosen)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    names = [f"i{i:02d}" for i in range(44)]
    titles = [" ".join(rng.permutation(WORDS[i % 2].split())[:2]) for i in range(44)]
    items = pl.DataFrame({"item_id": names, "title": titles, "kind": [["space", "food"][i % 2] for i in range(44)]})
    return Dataset.from_frames(events, items=items, time_unit="s")


SETTINGS = {"epochs": 30, "hidden": (32,), "learning_rate": 0.01, "embedder_config": {"dim": 6}}


def made(row, data, **settings):
    own = (
        {"base_config": {"factors": 8, "epochs": 8}}
        if "base" in registry.load(row.name, "retriever").Config.model_fields
        else {}
    )
    return registry.load(row.name, "retriever")(**SETTINGS, **own, **settings).fit(data, CTX)


@readers
def test_items_nobody_met_are_found_by_what_they_are(row):
    data = two_tastes()
    model = made(row, data, held_share=0.0)
    side = np.array([int(name[1:]) % 2 for name in data.items.ids])
    cold = np.flatnonzero(np.bincount(data.interactions.item, minlength=data.n_items) == 0)
    assert len(cold) == 4
    scores = model.score_block(requests_for(data))[:, cold]
    mine = side[cold][None, :] == np.array([int(u[1:]) % 2 for u in data.users.ids])[:, None]
    right = np.where(mine, scores, np.nan)
    wrong = np.where(mine, np.nan, scores)
    assert (np.nanmin(right, axis=1) > np.nanmax(wrong, axis=1)).mean() >= 0.9


@readers
def test_a_new_item_is_found_the_moment_it_is_described(row):
    data = two_tastes()
    model = made(row, data)
    assert isinstance(model, ItemReader)
    before = copy.copy(model)
    n = data.n_items
    ask = requests_for(data, [0])
    assert n not in model.retrieve(ask, n + 2).item
    model.describe(np.array([n, n + 1, 0]), ["rocket orbit crew", "garlic oven butter", " "])
    assert model.n_items_ == n + 2
    assert before.n_items_ == n, "a copy keeps its own state"
    hits = model.retrieve(ask, n + 2)
    place = {int(item): rank for rank, item in enumerate(hits.item)}
    even = data.users.ids[int(ask.user[0])] in {f"u{u}" for u in range(0, 48, 2)}
    liked, other = (n, n + 1) if even else (n + 1, n)
    assert place[liked] < place[other]
    again = model.score_block(ask)[0, 0]
    model.describe(np.array([0]), [""])
    assert model.score_block(ask)[0, 0] == again, "no text is no description"


@readers
def test_described_models_are_saved_whole(row, tmp_path):
    kind = registry.load(row.name, "retriever")
    model = kind(**checked_settings(kind)).fit(small_log(), CTX)
    model.describe(np.array([32]), ["rocket crew launch"])
    model.save(tmp_path / "m")
    again = kind.load(tmp_path / "m")
    requests = requests_for(small_log())
    assert again.retrieve(requests, 8).score.tolist() == model.retrieve(requests, 8).score.tolist()
    one, two = (m.describe(np.array([33]), ["goal striker"]).encode_items(np.array([33])) for m in (model, again))
    assert one.tolist() == two.tolist()


@readers
def test_nothing_to_read_is_refused(row):
    data = small_log()
    bare = Dataset(data.name, data.interactions, data.users, data.items, clock=data.clock)
    kind = registry.load(row.name, "retriever")
    with pytest.raises(BadConfig, match="text or a column"):
        kind(**checked_settings(kind)).fit(bare, CTX)
    with pytest.raises(NotFitted):
        kind(**checked_settings(kind)).describe(np.array([0]), ["a"])


@readers
def test_training_stops_by_what_held_items_are_found(row):
    model = made(row, two_tastes(), held_share=0.2)
    assert model.report_["search"]["best"] > 0
    assert model.report_["last"]["epochs"] == model.report_["epochs"]
    exact = made(row, two_tastes(), held_share=0.0)
    assert exact.report_["search"] == {}
    assert exact.report_["epochs"] == 30


def test_columns_and_whitening_are_content_too():
    data = two_tastes()
    years = [None if i == 3 else 1990.0 + i % 7 for i in range(44)]
    data = replace(data, item_table=data.item_table.with_columns(pl.Series("year", years)))
    year = _scaled(data, "year", np.arange(44) < 40)[:, 0]
    known = np.delete(year[:40], 3)
    assert year[3] == 0, "no year"
    assert abs(known.mean()) < 1e-9
    assert known.std() == pytest.approx(1.0)
    model = ClcRec(columns=("kind",), whiten=4, **SETTINGS).fit(data, CTX)
    assert model.content_.shape[1] == model.text_dim_ + 2
    assert model.text_dim_ == 4


def test_dropoutnet_hides_vectors_and_still_gives_the_scores():
    data = two_tastes()
    model = DropoutNet(base_config={"factors": 8, "epochs": 8}, **SETTINGS).fit(data, CTX)
    n = data.n_items
    warm = model.place(model.content_, np.arange(n))
    _, has = model.item_vectors(np.arange(n))
    assert has.sum() == 40
    with torch.inference_mode():
        hidden = model.cold(model.module_, torch.from_numpy(model.content_)).numpy()
    assert not np.allclose(warm[has], hidden[has])
    np.testing.assert_allclose(warm[~has], hidden[~has], atol=1e-6)
    # A reader of new items alone has no vector of the factor model and is known by content.
    model.describe(np.array([n, n + 1]), ["rocket orbit", "crew orbit"])
    stranger = Requests.of([-1], now=9e9, history=History.of([[n, n + 1]]))
    assert model.events_vector(stranger, 0) is None
    scores = model.score_block(stranger)[0, :40]
    side = np.array([int(name[1:]) % 2 for name in data.items.ids])[:40]
    assert scores[side == 0].mean() > scores[side == 1].mean()


def test_meta_embedding_steps_down_the_loss_and_training_sees_the_step():
    torch.manual_seed(0)
    net = Generator(3, 4, (), 0.0)
    vector, users = net(torch.randn(2, 3)), torch.randn(2, 6, 4)
    label = torch.tensor([[1.0, 1, 1, 0, 0, 0]] * 2)

    def loss(v):
        logit = net.logit(v, users)
        return torch.nn.functional.binary_cross_entropy_with_logits(logit, label, reduction="none").mean(1)

    free = vector.detach().requires_grad_()
    [slope] = torch.autograd.grad(loss(free).sum(), free)
    moved = net.stepped(vector, users, label, 0.5)
    torch.testing.assert_close(moved, vector - 0.5 * slope, atol=1e-6, rtol=1e-5)
    assert (loss(moved) < loss(vector)).all()
    [through] = torch.autograd.grad(loss(moved).sum(), vector, retain_graph=True)
    [past_it] = torch.autograd.grad(loss(vector - (vector - moved).detach()).sum(), vector)
    assert not torch.allclose(through, past_it), "the gradient goes through the step"


def test_meta_embedding_warms_up_with_the_first_users():
    data = two_tastes()
    model = MetaEmbedding(base_config={"factors": 8, "epochs": 8}, **SETTINGS).fit(data, CTX)
    n = data.n_items
    model.describe(np.array([n]), ["rocket orbit"])  # it reads like space ...
    food = [u for u in range(data.n_users) if int(data.users.ids[u][1:]) % 2]
    before = model.score_block(requests_for(data, food))[:, n].mean()
    space = [u for u in range(data.n_users) if u not in food]
    liked = model.score_block(requests_for(data, space))[:, n].mean()
    assert liked > before
    model.warm_up(n, requests_for(data, food[:5]))  # ... but readers of food had it
    after = model.score_block(requests_for(data, food))[:, n].mean()
    assert after > before
    factors = model.item_factors_.copy()
    model.warm_up(0, requests_for(data, food[:5]))
    assert (model.item_factors_ == factors).all(), "known items keep their vectors"
