"""Every ranker of several scenarios: learns what holds in one, falls back where it knows none, mixes up no heads."""

import numpy as np
import pytest
import torch

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Candidates, Requests
from shortlist.evaluation.metrics import auc
from shortlist.models.neural.blocks.scenarios.star import Star
from shortlist.models.ranking.scenarios.apg import Apg
from shortlist.models.ranking.scenarios.causal_int import CausalInt
from shortlist.models.ranking.scenarios.hmoe import HMoe
from shortlist.models.ranking.scenarios.pepnet import PepNet
from shortlist.models.ranking.scenarios.star import StarRanker
from shortlist.models.ranking.tasks.shared_bottom import SharedBottom

NAMES = [row.name for row in registry.rows("ranker") if ".scenarios." in row.target]
SMALL = {"epochs": 8, "batch_size": 128, "learning_rate": 0.02, "factors": 4, "hidden": (12,), "towers": (4,),
         "start": 0.3, "dropout": 0.0, "id_columns": ("page",), "scenario_column": "page"}  # fmt: skip
CTX = FitContext(seed=5, threads=1)


def rows(n=2400, seed=0, pages=(0, 1, 20)):
    """`first` follows column a, the other way round on page 20; `second` follows column b everywhere."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=n) for name in ("a", "b")}
    columns["page"] = rng.choice(pages, n).astype(float)
    sign = np.where(columns["page"] == 20, -1, 1)
    first = (sign * columns["a"] + 0.3 * rng.normal(size=n) > 0).astype(float)
    second = (columns["b"] + 0.3 * rng.normal(size=n) > 0).astype(float)
    return columns, {"first": first, "second": second}, np.arange(n)


@pytest.fixture(scope="module")
def fitted():
    """Fitted once by name, on two tasks and three pages."""
    kept = {}

    def make(name):
        if name not in kept:
            columns, labels, group = rows()
            kind = registry.load(name, "ranker")
            kept[name] = kind(**SMALL, tasks=("first", "second")).fit_rows(columns, labels, group, CTX)
        return kept[name]

    return make


def score(model, columns):
    n = len(columns["page"])
    return model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, columns))


@pytest.mark.parametrize("name", NAMES)
def test_what_holds_in_one_scenario_only_is_learned(name, fitted):
    columns, labels, _ = rows(1200, seed=3)
    found = score(fitted(name), columns)
    for page in (0, 1, 20):
        mine = columns["page"] == page
        assert auc(labels["first"][mine], found[mine, 0]) > 0.85, page


@pytest.mark.parametrize("name", NAMES)
def test_no_two_heads_are_swapped(name, fitted):
    columns, labels, _ = rows(1200, seed=3)
    found = score(fitted(name), columns)
    assert auc(labels["first"], found[:, 0]) > 0.85
    assert auc(labels["second"], found[:, 1]) > 0.85
    assert abs(auc(labels["second"], found[:, 0]) - 0.5) < 0.1
    assert abs(auc(labels["first"], found[:, 1]) - 0.5) < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_an_unseen_scenario_has_what_all_share_and_is_counted(name, fitted):
    """What holds everywhere is known there too; nobody's part is the same for every code that is not known."""
    model = fitted(name)
    columns, labels, _ = rows(800, seed=4)
    before = model.unseen_rows
    nobody = score(model, {**columns, "page": np.full(800, 77.0)})
    assert model.unseen_rows == before + 800
    assert auc(labels["second"], nobody[:, 1]) > 0.8
    other = score(model, {**columns, "page": np.where(np.arange(800) % 2, 78.0, 79.0)})
    assert other.tolist() == nobody.tolist()
    assert np.isfinite(score(model, {**columns, "page": np.full(800, np.nan)})).all()
    assert model.unseen_rows == before + 2400
    score(model, columns)
    assert model.unseen_rows == before + 2400


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_its_scores_in_any_company_and_after_loading(name, fitted, tmp_path):
    model = fitted(name)
    columns, _, _ = rows(300, seed=6, pages=(0.0, 1.0, 20.0, 5.0))
    columns["page"][7] = np.nan
    whole = score(model, columns)
    assert ((whole > 0) & (whole < 1)).all()
    for row in (0, 3, 7, 131, 299):
        assert score(model, {key: values[row : row + 1] for key, values in columns.items()})[0].tolist() == (
            whole[row].tolist()
        )
    model.save(tmp_path)
    assert score(type(model).load(tmp_path), columns).tolist() == whole.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_row_and_one_scenario_is_borne(name):
    """288 rows teach; batches of 287 leave one over."""
    columns, labels, group = rows(320, pages=(4,))
    settings = {**SMALL, "epochs": 1, "batch_size": 287, "batch_norm": True}
    model = registry.load(name, "ranker")(**settings, tasks=("second",)).fit_rows(columns, labels, group, CTX)
    assert np.isfinite(score(model, columns)).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_scenario_must_be_declared(name):
    columns, labels, group = rows(60)
    with pytest.raises(BadConfig, match="which column says the scenario"):
        registry.load(name, "ranker")(tasks=("first",)).fit_rows(columns, labels, group)


def test_star_serves_strangers_with_the_shared_matrices_alone():
    columns, labels, group = rows(600)
    settings = {**SMALL, "epochs": 2, "partitioned_norm": False, "tasks": ("first",)}
    model = StarRanker(**settings).fit_rows(columns, labels, group, CTX)
    strangers = {**columns, "page": np.full(600, 99.0)}
    before, known = score(model, strangers), score(model, columns)
    with torch.no_grad():
        for part in model.module_.modules():
            if isinstance(part, Star):
                part.own.add_(1.0)
    model._double = None
    assert score(model, strangers).tolist() == before.tolist()
    assert score(model, columns).tolist() != known.tolist()


def test_hidden_rows_teach_nobodys_part():
    columns, labels, group = rows(600)
    found = {}
    for share in (0.0, 0.5):
        settings = {**SMALL, "hide_scenario": share, "tasks": ("second",)}
        model = SharedBottom(**settings).fit_rows(columns, labels, group, CTX)
        fresh, truth, _ = rows(600, seed=4)
        found[share] = auc(truth["second"], score(model, {**fresh, "page": np.full(600, 99.0)})[:, 0])
    assert found[0.5] > 0.9 > found[0.0]


def test_hmoe_lets_only_a_rows_own_tower_learn():
    model = HMoe(**{**SMALL, "epochs": 1, "tasks": ("first",)}).fit_rows(*rows(300), CTX)
    body = model.module_.head
    body.zero_grad()
    body(torch.randn(9, len(model.fields_), 4), torch.full((9,), 2)).sum().backward()
    moved = body.towers.last.weight.grad.abs().sum((1, 2))
    assert [bool(each) for each in moved] == [False, False, True, False]


def test_pepnet_starts_as_the_network_without_gates():
    columns, labels, group = rows(300)
    settings = {**SMALL, "epochs": 1, "learning_rate": 1e-12, "tasks": ("first",), "prior_columns": ("page",)}
    model = PepNet(**settings).fit_rows(columns, labels, group, CTX)
    body, vectors = model.module_.head, torch.randn(5, len(model.fields_), 4)
    y = vectors.flatten(1)
    for layer in body.layers:
        y = torch.relu(layer(y))
    torch.testing.assert_close(body(vectors, None), body.last(y).squeeze(2))
    with pytest.raises(BadConfig, match="pgae"):
        PepNet(**{**settings, "prior_columns": ("pgae",)}).fit_rows(columns, labels, group, CTX)


def test_apg_can_be_made_for_persons_too():
    columns, labels, group = rows(300)
    columns["user"] = np.arange(300) % 7.0
    settings = {**SMALL, "id_columns": ("page", "user"), "epochs": 1, "tasks": ("first",)}
    model = Apg(**settings, condition_columns=("user",)).fit_rows(columns, labels, group, CTX)
    assert model.module_.head.layers[0].core.in_features == 2 * 4


def test_causal_int_charges_what_is_not_apart():
    columns, labels, group = rows(900)
    alike = {}
    for weight in (0.0, 5.0):
        settings = {**SMALL, "apart": weight, "tasks": ("first",), "epochs": 4, "validation_users": 0}
        model = CausalInt(**settings).fit_rows(columns, labels, group, CTX)
        body = model.module_.head.train()
        body.apart = 1.0
        encoded = model._encoded(model._vocabularies(), np.stack([columns[name] for name in model.columns_], 1))
        with torch.no_grad():
            vectors = model.module_.vectors(encoded)
            alike[weight] = float(body(vectors, encoded[model._scenario_field()] - 1)[1])
    assert alike[5.0] < 0.5 * alike[0.0]
