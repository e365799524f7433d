"""What every sequence model does; figures of single models stand in their own tests."""

import json

import numpy as np
import polars as pl
import pytest
import torch

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, BundleMismatch, SchemaMismatch
from shortlist.core.types import Candidates, History, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.neural.objectives import objective
from shortlist.models.neural.objectives.objective import accidental
from shortlist.models.sequential.bert4rec import Bert4Rec
from shortlist.models.sequential.fpmc import Fpmc
from shortlist.models.sequential.gru4rec import Gru4Rec
from shortlist.models.sequential.sasrec import SasRec
from shortlist.testing.worlds import planted_cycle, requests_for, small_log

CTX = FitContext(seed=3, threads=1)
TINY = {"epochs": 2, "factors": 8, "max_len": 8, "validate_every": 2}
ROWS = [row for row in registry.rows("retriever") if row.target.startswith("shortlist.models.sequential.")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_planted_cycle_is_learned(row):
    world = planted_cycle()
    settings = {"epochs": 60, "factors": 32, "max_len": 8, "dropout": 0.0, "learning_rate": 0.01, "batch_size": 8}
    if row.name == "bert4rec":
        settings |= {"last_share": 0.5, "learning_rate": 0.003}
    if row.name == "gsasrec":
        settings |= {"negatives": 4, "learning_rate": 0.003}  # of 12 items
    model = registry.load(row.name, "retriever")(validation_users=0, **settings).fit(world.data, world.ctx)
    assert model.retrieve(world.requests, 1).item.tolist() == world.answer


def test_strangers_and_anonymous_sessions_are_served_without_a_refit():
    world = planted_cycle()
    model = SasRec(validation_users=0, epochs=40, factors=16, dropout=0.0, learning_rate=0.01).fit(
        world.data, world.ctx
    )
    session = Requests.of([-1, -1], now=9e9, history=History.of([[3, 4, 5], []]))
    hits = model.retrieve(session, 3)
    assert hits.item[0] == 6
    assert hits.row.tolist() == [0, 0, 0], "an empty session has no answer"


def test_a_long_pause_starts_a_new_session():
    model = SasRec(session_gap_s=30.0, **TINY).fit(small_log(), CTX)
    cut = History.of([[1, 2, 3, 4]], [[0.0, 10.0, 100.0, 110.0]])
    fresh = History.of([[3, 4]], [[100.0, 110.0]])
    one, two = (model.retrieve(Requests.of([-1], now=200.0, history=past), 5) for past in (cut, fresh))
    assert one.item.tolist() == two.item.tolist()
    assert one.score.tolist() == two.score.tolist()
    whole = SasRec(**TINY).fit(small_log(), CTX)
    three, four = (whole.retrieve(Requests.of([-1], now=200.0, history=past), 5) for past in (cut, fresh))
    assert three.score.tolist() != four.score.tolist()


@pytest.mark.parametrize("length", [1, 10_000])
def test_histories_of_any_length_are_read(length):
    model = SasRec(**TINY).fit(small_log(), CTX)
    past = np.resize(np.arange(30), length).tolist()
    hits = model.retrieve(Requests.of([-1], history=History.of([past])), 5)
    assert len(hits) == 5
    assert np.isfinite(hits.score).all()
    latest = model.retrieve(Requests.of([-1], history=History.of([past[-8:]])), 5)
    assert hits.item.tolist() == latest.item.tolist()


def test_users_with_too_few_events_are_no_obstacle():
    data = small_log()
    firsts = data.select(np.unique(data.interactions.user, return_index=True)[1])
    model = SasRec(**TINY).fit(firsts, CTX)  # one event each: nothing follows anything
    assert np.isfinite(model.retrieve(requests_for(firsts), 3).score).all()


def test_what_is_held_back_for_stopping_is_learned_only_with_refit():
    data = small_log()
    apart = SasRec(refit=False, **TINY).fit(data, CTX)
    last = {int(h) for u in range(data.n_users) for h in [data.histories(np.array([u])).item[-1]]}
    alone = [i for i in last if (data.interactions.item == i).sum() == 1]
    whole = SasRec(refit=True, **TINY).fit(data, CTX)
    assert apart.report_["refit"] is False
    assert whole.report_["epochs"] == whole.report_["search"]["best_epoch"]
    assert whole.known_.sum() >= apart.known_.sum() + len(alone)
    assert not np.array_equal(apart.item_factors_, whole.item_factors_)


def test_the_vocabulary_is_fitted_on_the_training_part_only():
    events = [(u, i, float(10 * u + t)) for u in range(6) for t, i in enumerate([0, 1, 2])]
    from shortlist.testing.worlds import dataset_of

    data = dataset_of([*events, (0, 3, 1e3)], n_users=6, n_items=5)
    apart = SasRec(refit=False, **TINY).fit(data, CTX)
    assert apart.known_.tolist() == [True, True, True, False, False] or not apart.known_[3]
    assert SasRec(refit=True, **TINY).fit(data, CTX).known_.tolist() == [True, True, True, True, False]


def test_scores_of_rows_are_those_of_the_block():
    data = small_log()
    model = SasRec(**TINY).fit(data, CTX)
    requests = requests_for(data)
    row = np.repeat(np.arange(40, dtype=np.int32), 3)
    item = np.tile([1, 7, 30], 40)
    block = model.score_block(requests)
    assert model.score_rows(requests, Candidates(row, item, 40)).tolist() == block[row, item].tolist()


def test_a_bias_is_part_of_the_score_and_not_of_likeness():
    model = SasRec(item_bias=True, **TINY).fit(small_log(), CTX)
    assert model.item_factors_.shape[1] == 9
    block = model.similar_block(np.array([0]))
    vectors = model.item_factors_[:, :8].astype(np.float64)
    cosine = vectors @ vectors[0] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors[0])
    np.testing.assert_allclose(block[0][1:], cosine[1:], rtol=1e-5)


@pytest.mark.parametrize("fusion", ["concat", "weighted", "attention", "gated", "bilinear"])
def test_items_without_events_are_found_by_their_content(fusion, tmp_path):
    data = small_log()
    cold = np.array([30, 31])
    warm = data.select(~np.isin(data.interactions.item, cold))
    model = SasRec(columns=("category", "price"), fusion=fusion, id_dropout=0.5, **TINY).fit(warm, CTX)
    assert model.known_.all()
    block = model.score_block(requests_for(warm))
    assert np.isfinite(block[:, cold]).all()
    model.save(tmp_path)
    assert np.array_equal(SasRec.load(tmp_path).score_block(requests_for(warm)), block)
    plain = SasRec(**TINY).fit(warm, CTX)
    assert np.isnan(plain.score_block(requests_for(warm))[:, cold]).all()


def test_vectors_given_by_the_user_are_a_channel():
    data = small_log()
    photo = np.eye(32, 6).tolist()
    table = data.item_table.with_columns(pl.Series("photo", photo))
    seen = Dataset(data.name, data.interactions, data.users, data.items, table)
    model = SasRec(columns=("photo",), **TINY).fit(seen, CTX)
    assert np.isfinite(model.score_block(requests_for(seen))).all()


def test_bad_settings_are_named():
    with pytest.raises(SchemaMismatch, match="no column 'colour'"):
        SasRec(columns=("colour",), **TINY).fit(small_log(), CTX)
    with pytest.raises(BadConfig, match="Input should be"):
        SasRec(loss="hinge")
    with pytest.raises(BadConfig, match="log Q"):
        SasRec(loss="bce", negative_sampling="in_batch", **TINY).fit(small_log(), CTX)


def test_fpmc_draws_no_negative_from_the_whole_history(monkeypatch):
    """Also not what the user had outside the window that is read."""
    model, data = Fpmc(**{**TINY, "max_len": 3, "validation_users": 0}).fit(small_log(), CTX), small_log()
    past = model._tokens(data.sequences)
    task, masked = model.task(past, None), []
    monkeypatch.setattr(
        objective, "accidental", lambda *given: masked.append((given, accidental(*given))) or masked[-1][1]
    )
    batch = next(iter(task.batches(1, np.random.default_rng(0))))
    task.loss(model.module_, batch, torch.Generator().manual_seed(0))
    [((target, ids, had, row), hit)] = masked
    histories = [set(past.one(u).tolist()) for u in range(data.n_users)]
    outside = 0
    for n in range(len(target)):
        window = {*batch["tokens"][row[n]].tolist(), *batch["targets"][row[n]].tolist()} - {0}
        [whole] = [each for each in histories if each == set(had[row[n]].tolist()) - {0}]
        assert window < whole
        assert hit[n].tolist() == [token in whole for token in ids.tolist()]
        outside += sum(token in whole - window for token in ids.tolist())
    assert outside > 100, "windows show a part of what must not be drawn"


def test_bert4rec_learns_how_often_items_are_wanted_beside_what_they_are_like():
    """The bias of the output, which is not in the vectors."""
    model = Bert4Rec(**TINY).fit(small_log(), CTX)
    assert model.item_factors_.shape[1] == TINY["factors"] + 1
    assert model.item_factors_[model.known_, -1].any()


@pytest.mark.parametrize("loss", ["ce", "sampled_ce", "bce", "gbce", "bpr", "bpr_max", "ccl", "infonce"])
def test_every_loss_trains(loss):
    world = planted_cycle()
    settings = {"epochs": 60, "factors": 16, "max_len": 8, "dropout": 0.0, "learning_rate": 0.01, "batch_size": 8}
    if loss == "infonce":
        settings["temperature"] = 0.1
    model = SasRec(loss=loss, negatives=4, validation_users=0, **settings).fit(world.data, world.ctx)
    found = np.mean(model.retrieve(world.requests, 1).item == world.answer)
    if loss in ("bpr_max", "ccl"):  # made for hundreds of negatives, which a dozen items do not have
        losses = [entry["loss"] for entry in model.report_["last"]["history"]]
        assert losses[-1] < 0.6 * losses[0]
        assert found > 2 / 12
    else:
        assert found == 1.0


@pytest.mark.parametrize("sampling", ["uniform", "popularity", "in_batch", "mixed"])
def test_every_sampler_trains(sampling):
    world = planted_cycle()
    settings = {"epochs": 40, "factors": 16, "max_len": 8, "dropout": 0.0, "learning_rate": 0.01, "batch_size": 8}
    model = SasRec(
        loss="sampled_ce", negatives=8, negative_sampling=sampling, validation_users=0, **settings
    ).fit(world.data, world.ctx)  # fmt: skip
    assert model.retrieve(world.requests, 1).item.tolist() == world.answer


def test_a_fit_that_was_interrupted_resumes(tmp_path):
    settings = {**TINY, "epochs": 6, "validate_every": 1}
    whole = SasRec(**settings).fit(small_log(), CTX)

    class Stopped(Exception):
        pass

    def crash(done, total):
        if done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        SasRec(checkpoint=str(tmp_path), **settings).fit(small_log(), FitContext(3, 1, crash))
    again = SasRec(checkpoint=str(tmp_path), **settings).fit(small_log(), CTX)
    assert np.array_equal(again.item_factors_, whole.item_factors_)
    with pytest.raises(BundleMismatch, match="data"):
        SasRec(checkpoint=str(tmp_path), **settings).fit(small_log(seed=9), CTX)


def test_weights_are_safetensors_and_those_of_another_network_are_refused(tmp_path):
    model = SasRec(**TINY).fit(small_log(), CTX)
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "arrays.npz", "config.json", "state.json", "weights.safetensors",
    ]  # fmt: skip
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "layers": 1}))
    with pytest.raises(BundleMismatch):
        SasRec.load(tmp_path)


def test_asking_leaves_torch_as_it_was():
    model = Gru4Rec(**TINY).fit(small_log(), CTX)
    model.retrieve(requests_for(small_log()), 3)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
