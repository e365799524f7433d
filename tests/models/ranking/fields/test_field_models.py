"""Every field model: the traps of click networks, each as a test. Promises of all rankers are in tests/contracts."""

import numpy as np
import pytest
import torch

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, BundleMismatch, SchemaMismatch, StageError
from shortlist.core.types import Candidates, Requests
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.checkpoint import write_weights
from shortlist.models.neural.click_task import ClickTask
from shortlist.models.neural.fields import UNKNOWN, Schema
from shortlist.models.neural.trainer import train
from shortlist.models.ranking.fields.deepfm import DeepFm
from shortlist.models.ranking.fields.dlrm import Dlrm
from shortlist.models.ranking.fields.final_mlp import FinalMlp
from shortlist.models.ranking.fields.fm import FmRanker
from shortlist.models.ranking.fields.lr import Lr
from shortlist.models.ranking.fields.neumf import NeuMf
from shortlist.models.ranking.fields.nfm import Nfm

NAMES = [row.name for row in registry.rows("ranker") if ".fields." in row.target]
IDS = ("user", "item")
SMALL = {"epochs": 3, "batch_size": 64, "learning_rate": 0.02, "factors": 4, "hidden": (8,), "start": 0.1}
CTX = FitContext(seed=5, threads=1)


def world(n=400, seed=0):
    """Clicks follow a taste of each user for each item's colour, which no single column shows; and a price."""
    rng = np.random.default_rng(seed)
    user, item, price = rng.integers(0, 12, n), rng.integers(0, 10, n), rng.normal(size=n)
    logit = np.where(user % 2 == item % 2, 2.0, -2.0) - 0.5 * price
    label = (rng.uniform(size=n) < 1 / (1 + np.exp(-logit))).astype(float)
    return {"user": user, "item": item, "price": price}, label, np.arange(n) // 4


def fitted(kind, n=400, **settings):
    columns, label, group = world(n)
    return kind(**{**SMALL, "id_columns": IDS, **settings}).fit_rows(columns, label, group, CTX)


def score(model, columns):
    n = len(next(iter(columns.values())))
    return model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, columns))[:, 0]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_its_score_in_any_company(name):
    """Also across blocks, with unknown codes and missing or monstrous numbers beside it."""
    model = fitted(registry.load(name, "ranker"))
    columns, _, _ = world(300, seed=1)
    columns["price"][:4] = [np.nan, 1e300, -1e300, np.inf]
    columns["user"] = columns["user"].astype(float)
    columns["user"][4:6] = [99, np.nan]
    whole = score(model, columns)
    assert np.isfinite(whole).all()
    assert ((whole > 0) & (whole < 1)).all()
    turned = score(model, {key: values[::-1] for key, values in columns.items()})[::-1]
    assert turned.tolist() == whole.tolist()
    for row in (0, 4, 5, 130, 299):
        assert score(model, {key: values[row : row + 1] for key, values in columns.items()})[0] == whole[row]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lr"])
def test_pairs_are_found(name):
    """User and item tell nothing alone; half an AUC is what a model without pairs gets."""
    settings = {"epochs": 25, "learning_rate": 0.02, "patience": 25, "dropout": 0.0, "start": 0.3, "hidden": (16,)}
    model = fitted(registry.load(name, "ranker"), n=1600, **settings)
    columns, label, _ = world(1000, seed=2)
    assert registry.load("auc", "metric")(label, score(model, columns)) > 0.75


def test_the_linear_model_finds_no_pairs():
    columns, label, _ = world(1000, seed=2)
    got = registry.load("auc", "metric")(label, score(fitted(Lr, n=1600, epochs=10), columns))
    assert 0.5 < got < 0.72


def test_vocabulary_and_scales_come_from_the_rows_that_teach():
    columns, label, group = world(400)
    columns["user"][360:] = 77
    columns["price"][360:] = 1000.0
    model = FmRanker(**SMALL, id_columns=IDS).fit_rows(columns, label, group, CTX)
    assert "77" not in model.fields_[model.columns_.index("user")]["labels"]
    numeric = next(each for each in model.fields_ if each["field"]["kind"] == "numeric")
    assert abs(numeric["centre"]) < 1
    everything = FmRanker(**SMALL, id_columns=IDS, validation_users=0).fit_rows(columns, label, group, CTX)
    assert any("77" in each["labels"] for each in everything.fields_)


def test_many_quantities_start_as_quietly_as_codes():
    """Sixty numbers make 1,770 pairs: with vectors of usual length the first logits would be in the hundreds."""
    rng = np.random.default_rng(0)
    columns = {f"q{n}": rng.normal(size=100) for n in range(60)}
    label, group = (rng.uniform(size=100) < 0.5).astype(float), np.arange(100)
    still = {"epochs": 1, "learning_rate": 1e-9, "validation_users": 0}
    model = FmRanker(**still).fit_rows(columns, label, group, CTX)
    assert np.ptp(score(model, columns)) < 0.2


def test_unknown_codes_add_nothing():
    model = fitted(FmRanker)
    for part in model.module_.modules():
        if isinstance(part, torch.nn.Embedding) and part.num_embeddings < 15:
            assert not part.weight[UNKNOWN].any()
    columns = {"user": np.array([500, 600]), "item": np.array([900, 3]), "price": np.array([0.0, 0.0])}
    one, two = score(model, columns)
    assert one != two
    assert score(model, {**columns, "user": np.array([700, np.nan])})[1] == two


def test_dropout_is_off_when_scoring():
    model = fitted(DeepFm, dropout=0.5)
    assert any(isinstance(part, Dropout) and part.p == 0.5 for part in model.module_.modules())
    assert not any(part.training for part in model.module_.modules())
    columns, _, _ = world(50, seed=3)
    assert score(model, columns).tolist() == score(model, columns).tolist()


@pytest.mark.parametrize("kind", [Nfm, DeepFm])
def test_a_last_batch_of_one_row_with_batch_norm(kind):
    """360 rows teach; batches of 359 leave one over."""
    model = fitted(kind, batch_norm=True, batch_size=359)
    columns, _, _ = world(20, seed=3)
    assert np.isfinite(score(model, columns)).all()


def test_decay_does_not_move_codes_that_no_row_holds():
    columns, label, group = world(400)
    columns["item"] = np.where(np.arange(400) == 7, 50, columns["item"])
    settings = {**SMALL, "epochs": 1, "batch_size": 400, "validation_users": 0, "vector_reg": 0.5, "reg": 0.5}
    model = FmRanker(**settings, id_columns=IDS).fit_rows(columns, label, group, CTX)
    place = model.columns_.index("item")
    table = model.module_.vectors.parts[f"column{place}"].weight
    before = table.detach().clone()
    # One more epoch of training on rows without code 50: its vector stays, the others move.
    kept = columns["item"] != 50
    x = np.stack([columns[name][kept].astype(float) for name in model.columns_], 1)
    schema = Schema.from_state(model.fields_)
    task = ClickTask(model._encoded(schema, x), label[kept], batch_size=128, vector_reg=0.5, held=None, stop_on="auc")
    train(model.module_, task, model.config, CTX, validate=False)
    alone = schema.vocabs[f"column{place}"].code(50)
    moved = (table.detach() != before).any(1)
    assert not moved[alone]
    assert moved[2:].sum() == len(table) - 3


def test_the_figure_and_not_the_loss_stops_training():
    columns, label, group = world(400)
    model = FmRanker(**{**SMALL, "epochs": 40, "patience": 2, "learning_rate": 0.1}, id_columns=IDS)
    report = model.fit_rows(columns, label, group, CTX).report_["search"]
    figures = [entry["figure"] for entry in report["history"]]
    assert report["best"] == max(figures)
    assert report["best_epoch"] == figures.index(max(figures)) + 1
    if report["stopped"] == "patience":
        assert report["epochs"] == report["best_epoch"] + 2
    again = FmRanker(**SMALL, id_columns=IDS, stop_on="gauc").fit_rows(columns, label, group, CTX)
    assert 0 <= again.report_["search"]["best"] <= 1


def test_same_seed_same_scores_and_another_seed_others():
    columns, label, group = world(400)
    fresh, _, _ = world(30, seed=4)

    def fit(seed):
        return score(DeepFm(**SMALL, id_columns=IDS).fit_rows(columns, label, group, FitContext(seed=seed)), fresh)

    assert fit(1).tolist() == fit(1).tolist()
    assert fit(1).tolist() != fit(2).tolist()


def test_refit_learns_from_every_row():
    columns, label, group = world(400)
    columns["user"][360:] = 77
    model = FmRanker(**SMALL, id_columns=IDS, refit=True).fit_rows(columns, label, group, CTX)
    assert model.report_["refit"]["epochs"] == model.report_["search"]["best_epoch"]
    assert any("77" in each["labels"] for each in model.fields_)


def test_ids_and_columns_are_checked():
    columns, label, group = world(40)
    with pytest.raises(SchemaMismatch, match="no codes"):
        FmRanker(**SMALL, id_columns=("price",)).fit_rows(columns, label, group)
    huge = {**columns, "user": np.full(40, 2.0**53)}
    with pytest.raises(SchemaMismatch, match="no codes"):
        FmRanker(**SMALL, id_columns=IDS).fit_rows(huge, label, group)
    with pytest.raises(BadConfig, match="usr"):
        FmRanker(**SMALL, id_columns=("usr",)).fit_rows(columns, label, group)
    model = FmRanker(**SMALL, id_columns=IDS)
    with pytest.raises(SchemaMismatch, match="lambdarank"):
        model.fit_rows(columns, label * 2, group)
    assert not model.is_fitted


def test_columns_may_have_any_name():
    columns, label, group = world(100)
    odd = {"score.trails": columns["price"], "keys": columns["user"], "": columns["item"]}
    model = FmRanker(**SMALL, id_columns=("keys", "")).fit_rows(odd, label, group, CTX)
    assert set(model.importance()) == set(odd)


def test_vocabularies_are_read_back_once(tmp_path, monkeypatch):
    model = fitted(FmRanker)
    model.save(tmp_path)
    states, read = [], Schema.from_state.__func__
    monkeypatch.setattr(Schema, "from_state", classmethod(lambda cls, state: states.append(1) or read(cls, state)))
    loaded = FmRanker.load(tmp_path)
    columns, label, group = world(30, seed=3)
    assert score(loaded, columns).tolist() == score(model, columns).tolist() == score(loaded, columns).tolist()
    assert len(states) == 1
    refitted = loaded.fit_rows({**columns, "user": columns["user"] + 40}, label, group, CTX)
    assert "40" in refitted._vocabularies().vocabs[f"column{refitted.columns_.index('user')}"].labels


def test_weights_of_another_network_are_refused(tmp_path):
    model = fitted(FmRanker)
    model.save(tmp_path)
    write_weights(tmp_path / "weights.safetensors", fitted(DeepFm).module_.state_dict())
    with pytest.raises(BundleMismatch):
        FmRanker.load(tmp_path)


def test_broken_weights_are_refused():
    with pytest.raises(StageError):
        fitted(DeepFm, learning_rate=1e30, epochs=1)


def test_no_clicks_and_one_row_still_give_probabilities():
    columns, label, group = world(40)
    assert (score(FmRanker(**SMALL).fit_rows(columns, np.zeros(40), group, CTX), columns) < 0.5).all()
    one = {name: values[:1] for name, values in columns.items()}
    assert np.isfinite(score(Nfm(**SMALL).fit_rows(one, label[:1], group[:1], CTX), columns)).all()


def test_both_halves_of_deepfm_read_the_same_vectors():
    """One table of vectors per column and one of weights, and a change of a vector reaches pairs and deep part."""
    model = fitted(DeepFm)
    tables = [part for part in model.module_.modules() if isinstance(part, torch.nn.Embedding)]
    coded = sum(field["field"]["kind"] != "numeric" for field in model.fields_)
    assert sorted(part.embedding_dim for part in tables) == [1] * coded + [4] * coded
    pairs, deep = model.module_.head.parts
    vectors = torch.randn(3, 4, 4, requires_grad=True)
    for part in (pairs, deep):
        (grad,) = torch.autograd.grad(part(vectors).sum(), vectors)
        assert (grad != 0).any(2).all()


def test_autoint_has_a_deep_half():
    """Without it attention between columns is far behind; the published figures are those of both."""
    from shortlist.models.ranking.fields.autoint import AutoInt

    with_deep, without = (fitted(AutoInt, epochs=1, hidden=hidden) for hidden in ((8,), ()))
    count = [sum(p.numel() for p in model.module_.head.parameters()) for model in (with_deep, without)]
    assert count[0] > count[1] + 8 * 4 * 4 - 1


@pytest.mark.parametrize("ids", [(), IDS, ("user", "item", "price")])
def test_dlrm_with_and_without_quantities(ids):
    columns, label, group = world(100)
    columns["price"] = np.round(columns["price"])
    model = Dlrm(**SMALL, id_columns=ids).fit_rows(columns, label, group, CTX)
    assert (model.module_.head.bottom is None) == (len(ids) == 3)


def test_streams_of_final_mlp_look_at_different_columns():
    model = fitted(FinalMlp)
    first, second = (stream[0].context.tolist() for stream in (model.module_.head.first, model.module_.head.second))
    assert not set(first) & set(second)
    assert sorted(first + second) == list(range(len(model.fields_)))
    named = fitted(FinalMlp, first_columns=("user",), second_columns=("item",))
    places = [named.module_.head.first[0].context.tolist(), named.module_.head.second[0].context.tolist()]
    assert places == [named.places(named._fields(), ["user"]), named.places(named._fields(), ["item"])]


def test_neumf_multiplies_user_and_item():
    model = fitted(NeuMf)
    product = model.module_.head[0].parts[0]
    assert [model._fields()[at].name for at in (product.first, product.second)] == [
        f"column{model.columns_.index(name)}" for name in IDS
    ]


def test_neumf_is_the_products_beside_the_deep_half_under_one_weight_each():
    """The logit by hand: two vectors multiplied number by number, the deep half's outputs, each with its own weight."""
    model = fitted(NeuMf)
    head = model.module_.head.eval()
    torch.manual_seed(0)
    vectors = torch.randn(3, len(model._fields()), SMALL["factors"])
    (gmf, deep), last = head[0].parts, head[1].layers[0]
    product = vectors[:, gmf.first] * vectors[:, gmf.second]
    assert last.in_features == SMALL["factors"] + SMALL["hidden"][-1]
    by_hand = torch.cat([product, deep(vectors)], dim=1) @ last.weight[0] + last.bias
    torch.testing.assert_close(head(vectors), by_hand)


def test_nfm_norms_its_pooled_products_only_where_asked():
    kinds = [type(part).__name__ for part in fitted(Nfm).module_.head]
    assert kinds == ["BiPool", "Dropout", "Mlp"]
    assert [type(part).__name__ for part in fitted(Nfm, batch_norm=True).module_.head] == ["BiPool", "Norm", *kinds[1:]]


def test_importance_is_the_log_loss_that_shuffling_adds():
    """Worked out in one pass over all rows; the scores of `score` say the same."""
    model = fitted(DeepFm, n=800, epochs=8, validation_users=0)
    columns, label, _ = world(800)
    odds = score(model, columns)
    plain = -np.log(np.where(label > 0, odds, 1 - odds)).mean()
    rng, worse = np.random.default_rng(0), {}
    for name in columns:
        each = []
        for _ in range(3):
            odds = score(model, {**columns, name: rng.permutation(columns[name])})
            each.append(-np.log(np.where(label > 0, odds, 1 - odds)).mean() - plain)
        worse[name] = np.mean(each)
    for name, share in model.importance().items():
        assert share == pytest.approx(worse[name] / sum(worse.values()), abs=0.05)
