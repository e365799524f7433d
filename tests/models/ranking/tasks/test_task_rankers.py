"""Every ranker of several tasks: heads belong to their labels, funnels multiply, scenarios fall back."""

import json

import numpy as np
import pytest
import torch

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, BundleMismatch, EmptyTraining, SchemaMismatch
from shortlist.core.types import Candidates, Requests
from shortlist.evaluation.metrics import auc
from shortlist.models.neural.blocks.tasks.transfer import Calibrator
from shortlist.models.neural.fields import Schema
from shortlist.models.ranking.tasks.aitm import Aitm
from shortlist.models.ranking.tasks.base import TaskRanker, conditional, names
from shortlist.models.ranking.tasks.esm2 import Esm2
from shortlist.models.ranking.tasks.esmm import Esmm
from shortlist.models.ranking.tasks.mmoe import Mmoe
from shortlist.models.ranking.tasks.omoe import Omoe
from shortlist.models.ranking.tasks.ple import Ple
from shortlist.models.ranking.tasks.shared_bottom import SharedBottom

NAMES = [row.name for row in registry.rows("ranker") if ".tasks." in row.target]
FUNNELS = {"esmm", "esm2", "aitm"}
SMALL = {"epochs": 6, "batch_size": 128, "learning_rate": 0.02, "factors": 4, "hidden": (8,), "towers": (4,),
         "start": 0.3, "dropout": 0.0}  # fmt: skip
CTX = FitContext(seed=5, threads=1)


def rows(n=1500, seed=0):
    """`first` follows column a alone, `second` column b alone; the funnel's click follows a, its purchase then b."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=n) for name in ("a", "b", "c")}
    first, second = ((columns[name] + 0.3 * rng.normal(size=n) > 0).astype(float) for name in ("a", "b"))
    third = (columns["c"] > 0).astype(float)
    labels = {
        "first": first, "second": second, "click": first, "basket": first * third, "purchase": first * second,
        "rare": first * second * (rng.uniform(size=n) < 0.5),
    }  # fmt: skip
    return columns, labels, np.arange(n) // 5


def tasks_of(name):
    return {"esm2": ("click", "basket", "purchase"), "esmm": ("click", "purchase"), "aitm": ("click", "purchase")}.get(
        name, ("first", "second")
    )


def fitted(kind, n=1500, **settings):
    columns, labels, group = rows(n)
    return kind(**{**SMALL, **settings}).fit_rows(columns, labels, group, CTX)


def score(model, columns):
    n = len(next(iter(columns.values())))
    return model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, columns))


@pytest.mark.parametrize("name", NAMES)
def test_no_two_heads_are_swapped(name):
    """Column a alone moves the first head, column b alone the last."""
    kind, tasks = registry.load(name, "ranker"), tasks_of(name)
    model = fitted(kind, tasks=tasks)
    columns, labels, _ = rows(1000, seed=1)
    found = score(model, columns)
    if name in FUNNELS:
        # What the purchase adds to the click can only be told where there was a click.
        clicked = labels["click"] > 0
        assert auc(labels["click"], found[:, 0]) > 0.9
        assert auc(labels["purchase"][clicked], (found[:, -1] / found[:, 0])[clicked]) > 0.85
        assert auc(labels["click"], columns["b"]) < 0.6
        if name == "esm2":
            basket = (found[:, 1] / found[:, 0])[clicked]
            assert auc(labels["basket"][clicked], basket) > 0.85
            assert abs(auc(labels["purchase"][clicked], basket) - 0.5) < 0.1
    else:
        for head, column in enumerate(("a", "b")):
            assert abs(np.corrcoef(found[:, head], columns[column])[0, 1]) > 0.7
            assert abs(np.corrcoef(found[:, 1 - head], columns[column])[0, 1]) < 0.2


def test_every_ranker_of_several_tasks_is_asked_whether_its_heads_are_swapped():
    """Here and in the room of scenarios, where a test of that name goes through all rows too."""
    known = registry.rows("ranker")
    several = {row.name for row in known if issubclass(registry.load(row.name, "ranker"), TaskRanker)}
    assert several == {row.name for row in known if ".tasks." in row.target or ".scenarios." in row.target}
    assert {"shared_bottom", "omoe", "mmoe", "ple", "esmm", "esm2", "aitm", "star", "pepnet"} <= several


def test_the_order_in_which_labels_arrive_does_not_matter():
    columns, labels, group = rows(300)
    one, other = (SharedBottom(**{**SMALL, "epochs": 1}, tasks=("first", "second")) for _ in range(2))
    one.fit_rows(columns, labels, group, CTX)
    other.fit_rows(columns, dict(reversed(labels.items())), group, CTX)
    assert score(one, columns).tolist() == score(other, columns).tolist()


def test_heads_stand_in_the_order_of_the_tasks():
    columns, _, _ = rows(400, seed=1)
    one = score(fitted(SharedBottom, tasks=("first", "second")), columns)
    other = score(fitted(SharedBottom, tasks=("second", "first")), columns)
    for head in (0, 1):
        assert np.corrcoef(one[:, head], other[:, 1 - head])[0, 1] > 0.9
        assert abs(np.corrcoef(one[:, head], other[:, head])[0, 1]) < 0.3


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_its_scores_in_any_company_and_after_loading(name, tmp_path):
    columns, labels, group = rows(600)
    columns["page"] = np.arange(600) % 3
    settings = {**SMALL, "epochs": 1, "tasks": tasks_of(name), "id_columns": ("page",), "scenario_column": "page"}
    model = registry.load(name, "ranker")(**settings).fit_rows(columns, labels, group, CTX)
    fresh, _, _ = rows(300, seed=2)
    fresh["page"] = np.arange(300) % 5.0
    fresh["page"][7] = np.nan
    whole = score(model, fresh)
    assert np.isfinite(whole).all()
    assert ((whole > 0) & (whole < 1)).all()
    for row in (0, 3, 7, 131, 299):
        assert score(model, {key: values[row : row + 1] for key, values in fresh.items()}).tolist() == [
            whole[row].tolist()
        ]
    model.save(tmp_path)
    again = type(model).load(tmp_path)
    assert again.tasks == model.tasks
    assert score(again, fresh).tolist() == whole.tolist()


# --- funnels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["esmm", "esm2"])
def test_the_chance_of_the_whole_way_never_beats_that_of_the_first_step(name):
    found = score(fitted(registry.load(name, "ranker"), tasks=tasks_of(name), epochs=2), rows(2000, seed=3)[0])
    assert not (found[:, -1] > found[:, 0]).any()


def test_the_charge_of_aitm_keeps_steps_in_order():
    """Only nearly: where the first step hardly ever happens, its chance and that of the second are both about none."""
    fresh = rows(2000, seed=3)[0]

    def too_likely(last, **settings):
        found = score(fitted(Aitm, tasks=("click", last), **settings), fresh)
        return np.maximum(found[:, 1] - found[:, 0], 0)

    assert (too_likely("rare") > 0).mean() < 0.01
    # Half of these clicks are sure to end in a purchase, so the two chances are alike there.
    charged, free = (too_likely("purchase", in_order=w, validation_users=0).mean() for w in (3.0, 0.0))
    assert charged < 0.5 * free


def test_the_charge_is_a_mean_over_rows():
    logit = torch.tensor([[0.0, 2.0], [1.0, -1.0]])
    charge = Calibrator(3.0).penalty(logit)
    assert float(charge) == pytest.approx(3.0 * (1 / (1 + np.exp(-2)) - 0.5) / 2)
    assert torch.equal(Calibrator(3.0).penalty(logit.repeat(4, 1)), charge)


def test_esmm_multiplies_and_is_taught_by_every_row():
    model = fitted(Esmm, tasks=("click", "purchase"), epochs=12)
    columns, labels, _ = rows(2000, seed=3)
    found = score(model, columns)
    with torch.inference_mode():
        x = np.stack([columns[name] for name in model.columns_], 1)
        encoded = model._encoded(Schema.from_state(model.fields_), x)
        vectors = model.module_.vectors(encoded)
        own = torch.sigmoid(model.module_.head(vectors, None) + model.module_.bias).numpy()
    np.testing.assert_allclose(found[:, 1], own.prod(1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(conditional(found)[:, 1], own[:, 1], rtol=1e-4, atol=1e-5)
    assert names(("click", "purchase")) == ["click", "purchase|click"]
    # Judged where it can be: on rows that were clicked. On all rows the purchase is told by the click as well.
    clicked = labels["click"] > 0
    assert auc(labels["purchase"][clicked], conditional(found)[clicked, 1]) > 0.9
    assert abs(np.corrcoef(conditional(found)[clicked, 1], columns["a"][clicked])[0, 1]) < 0.2


def test_esm2_adds_both_ways_to_the_purchase():
    model = fitted(Esm2, tasks=("click", "basket", "purchase"), epochs=12)
    columns, labels, _ = rows(2000, seed=3)
    found = score(model, columns)
    for head, task in enumerate(model.tasks):
        assert abs(found[:, head].mean() - labels[task].mean()) < 0.05, task
        assert auc(labels[task], found[:, head]) > 0.85, task


def test_a_funnel_starts_from_the_rates_of_its_steps():
    model = fitted(Esmm, tasks=("click", "purchase"), epochs=1, learning_rate=1e-6)
    _, labels, _ = rows(1500)
    start = 1 / (1 + np.exp(-model.module_.bias.detach().numpy()))
    kept = slice(0, 1350)
    assert start[0] == pytest.approx(labels["click"][kept].mean(), abs=1e-2)
    assert start[1] == pytest.approx(labels["purchase"][kept][labels["click"][kept] > 0].mean(), abs=1e-2)


# --- labels that are not known yet -----------------------------------------------------------------------------------


def test_labels_that_are_not_known_teach_nothing():
    """Purchases of the last rows may still follow; whatever is written there must not matter."""
    columns, labels, group = rows(1200)
    open_ = np.arange(1200) >= 600
    waiting = {**labels, "second": np.where(open_, np.nan, labels["second"])}
    model = SharedBottom(**SMALL, tasks=("first", "second")).fit_rows(columns, waiting, group, CTX)
    found = score(model, rows(800, seed=3)[0])
    assert auc(rows(800, seed=3)[1]["second"], found[:, 1]) > 0.9
    none = {**labels, "second": np.full(1200, np.nan)}
    with pytest.raises(EmptyTraining, match="second"):
        SharedBottom(**SMALL, tasks=("first", "second")).fit_rows(columns, none, group, CTX)


def test_a_task_without_positives_held_out_does_not_stop_the_others():
    columns, labels, group = rows(600)
    labels["second"][500:] = 0
    report = SharedBottom(**SMALL, tasks=("first", "second")).fit_rows(columns, labels, group, CTX).report_["search"]
    assert 0.5 < report["best"] <= 1


# --- experts ---------------------------------------------------------------------------------------------------------


def test_omoe_has_one_mixture_and_mmoe_one_per_task():
    assert fitted(Omoe, tasks=("first", "second"), epochs=1).module_.head.gates.gates == 1
    assert fitted(Mmoe, tasks=("first", "second"), epochs=1).module_.head.gates.gates == 2


def test_the_report_says_how_widely_gates_look():
    spread = fitted(Mmoe, tasks=("first", "second"), epochs=1).report_["gate_entropy"]["head.gates"]
    assert len(spread) == 2
    assert all(0.5 < each <= 1 for each in spread)
    assert "gate_entropy" not in fitted(SharedBottom, epochs=1, tasks=("first",)).report_


@pytest.mark.parametrize("levels", [1, 2])
def test_a_task_of_ple_does_not_reach_the_experts_of_another(levels):
    model = fitted(Ple, tasks=("first", "second"), epochs=1, levels=levels, task_experts=2)
    body = model.module_.head
    assert [level.all is None for level in body.levels] == [False] * (levels - 1) + [True]
    x = torch.randn(5, len(model.fields_), 4)
    body.zero_grad()
    body(x, None)[:, 0].sum().backward()
    last = body.levels[-1].mine.layers[0].weight.grad
    assert last[:2].abs().sum() > 0
    assert not last[2:].any()
    if levels == 2:
        # Below the top, the other task's experts are reached through the shared part only.
        assert body.levels[0].mine.layers[0].weight.grad[2:].abs().sum() > 0


# --- weights of tasks ------------------------------------------------------------------------------------------------


def test_a_task_of_no_weight_is_not_learned():
    columns, labels, _ = rows(800, seed=3)
    model = fitted(SharedBottom, tasks=("first", "second"), task_weights=(1.0, 0.0))
    found = score(model, columns)
    assert auc(labels["first"], found[:, 0]) > 0.9
    assert auc(labels["second"], found[:, 1]) < 0.75


@pytest.mark.parametrize("balance", ["uncertainty", "gradnorm", "pcgrad", "pareto"])
def test_every_balance_learns_both_tasks_and_comes_back_from_disk(balance, tmp_path):
    columns, labels, _ = rows(800, seed=3)
    model = fitted(Mmoe, tasks=("first", "second"), balance=balance)
    found = score(model, columns)
    assert auc(labels["first"], found[:, 0]) > 0.9
    assert auc(labels["second"], found[:, 1]) > 0.9
    model.save(tmp_path)
    assert score(Mmoe.load(tmp_path), columns).tolist() == found.tolist()


# --- scenarios -------------------------------------------------------------------------------------------------------


def by_page(n=3000, seed=0, pages=3):
    """The sign of column a means the opposite on page 2."""
    rng = np.random.default_rng(seed)
    columns = {"a": rng.normal(size=n), "page": rng.integers(0, pages, n)}
    columns["page"] = np.where(columns["page"] == 2, 20, columns["page"])
    sign = np.where(columns["page"] == 20, -1, 1)
    label = (sign * columns["a"] + 0.3 * rng.normal(size=n) > 0).astype(float)
    return columns, {"click": label}, np.arange(n)


def test_an_unseen_scenario_has_the_shared_part_and_is_counted():
    columns, labels, group = by_page()
    keep = columns["page"] != 20
    taught = {name: values[keep] for name, values in columns.items()}
    settings = {**SMALL, "id_columns": ("page",), "scenario_column": "page", "epochs": 6}
    model = SharedBottom(**settings).fit_rows(taught, {"click": labels["click"][keep]}, group[keep], CTX)
    assert model.scenarios().tolist() == [0.0, 1.0]
    assert model.unseen_rows == 0
    fresh, truth, _ = by_page(900, seed=4, pages=2)
    known = score(model, fresh)[:, 0]
    assert model.unseen_rows == 0
    nobody = score(model, {**fresh, "page": np.full(900, 77)})[:, 0]
    assert model.unseen_rows == 900
    missing = score(model, {**fresh, "page": np.full(900, np.nan)})[:, 0]
    assert model.unseen_rows == 1800
    for got in (known, nobody, missing):
        assert auc(truth["click"], got) > 0.9


def test_towers_of_a_scenario_learn_what_only_holds_there():
    columns, labels, group = by_page()
    settings = {**SMALL, "id_columns": ("page",), "scenario_column": "page", "epochs": 10}
    model = SharedBottom(**settings).fit_rows(columns, labels, group, CTX)
    fresh, truth, _ = by_page(900, seed=4)
    found = score(model, fresh)[:, 0]
    for page in (0, 1, 20):
        assert auc(truth["click"][fresh["page"] == page], found[fresh["page"] == page]) > 0.9, page


# --- mistakes --------------------------------------------------------------------------------------------------------


def test_labels_and_tasks_are_checked():
    columns, labels, group = rows(100)
    with pytest.raises(BadConfig, match="secnd"):
        SharedBottom(**SMALL, tasks=("first", "secnd")).fit_rows(columns, labels, group)
    with pytest.raises(BadConfig, match="without a name"):
        SharedBottom(**SMALL, tasks=("first", "second")).fit_rows(columns, labels["first"], group)
    with pytest.raises(SchemaMismatch):
        SharedBottom(**SMALL, tasks=("first",)).fit_rows(columns, {"first": np.full(100, np.inf)}, group)
    with pytest.raises(SchemaMismatch):
        SharedBottom(**SMALL, tasks=("first",)).fit_rows(columns, {"first": labels["first"] * 2}, group)
    two = {"first": labels["first"], "second": labels["second"][:50]}
    with pytest.raises(SchemaMismatch):
        SharedBottom(**SMALL, tasks=("first", "second")).fit_rows(columns, two, group)
    with pytest.raises(BadConfig, match="at least 2"):
        Esmm(**SMALL).fit_rows(columns, labels["click"], group)
    with pytest.raises(BadConfig, match="three tasks"):
        Esm2(**SMALL, tasks=("click", "basket", "purchase", "first")).fit_rows(columns, labels, group)
    for tasks in ((), ("a", "a"), ("a.b",)):
        with pytest.raises(BadConfig):
            Aitm(tasks=tasks)
    for wrong in ({"task_weights": (1.0, 2.0)}, {"task_weights": (0.0,)}, {"balance": "pareto", "least_share": 0.9,
                  "tasks": ("a", "b")}):  # fmt: skip
        with pytest.raises(BadConfig):
            SharedBottom(**wrong)


def test_the_scenario_column_is_checked():
    columns, labels, group = rows(100)
    columns["page"] = np.arange(100) % 2
    with pytest.raises(BadConfig, match="pge"):
        SharedBottom(**SMALL, scenario_column="pge").fit_rows(columns, labels["click"], group)
    with pytest.raises(BadConfig, match="id_columns"):
        SharedBottom(**SMALL, scenario_column="page").fit_rows(columns, labels["click"], group)
    columns["page"] = np.full(100, np.nan)
    with pytest.raises(EmptyTraining, match="page"):
        SharedBottom(**SMALL, scenario_column="page", id_columns=("page",)).fit_rows(columns, labels["click"], group)


def test_a_ranker_of_one_task_takes_its_label_by_name():
    columns, labels, group = rows(300)
    logistic = registry.load("logistic", "ranker")
    one = logistic().fit_rows(columns, {"purchase": labels["second"], "click": labels["click"]}, group, CTX)
    other = logistic().fit_rows(columns, labels["click"], group, CTX)
    assert score(one, columns).tolist() == score(other, columns).tolist()
    with pytest.raises(BadConfig, match="click"):
        logistic().fit_rows(columns, {"purchase": labels["second"]}, group, CTX)


def test_weights_for_another_number_of_heads_are_refused(tmp_path):
    fitted(SharedBottom, tasks=("first", "second"), epochs=1).save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "tasks": ["first"]}))
    with pytest.raises(BundleMismatch):
        SharedBottom.load(tmp_path)
