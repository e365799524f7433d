"""Rankers as a server runs them: the graph gives torch's numbers, in any company, reading a request's columns once."""

import logging
import shutil

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
torch = pytest.importorskip("torch", reason="needs the extra 'nn'")

from shortlist.core import registry  # noqa: E402
from shortlist.core.contracts import FitContext  # noqa: E402
from shortlist.core.errors import BundleCorrupt, MissingExtra, StageError  # noqa: E402
from shortlist.core.types import Candidates, Requests  # noqa: E402
from shortlist.models.neural import ranker_graph, served_net  # noqa: E402
from shortlist.models.neural.served_net import GRAPH, PROBE, READING  # noqa: E402
from shortlist.models.ranking import _served  # noqa: E402
from shortlist.models.ranking._columns import request_columns  # noqa: E402
from shortlist.models.ranking._served import ServedRanker, load_served, write_served  # noqa: E402

FIELDS, TASKS, WATCH = (
    [row.name for row in registry.rows("ranker") if row.target.split(".")[3] in families]
    for families in (("fields",), ("tasks", "scenarios"), ("watch",))
)
FUNNEL = ("click", "basket", "purchase")
IDS = ("user", "item", "colour")
CTX = FitContext(seed=5, threads=1)
LOGIT = 2e-5
"""Largest difference of logits, float32 against torch in double precision; relative above one."""


def rows(requests=60, shown=8, seed=0):
    """User and age are those of the request; item, colour and price the candidate's."""
    rng = np.random.default_rng(seed)
    n = requests * shown
    columns = {
        "user": np.repeat(rng.integers(0, 12, requests), shown).astype(float),
        "age": np.repeat(rng.normal(size=requests), shown),
        "item": rng.integers(0, 20, n).astype(float),
        "colour": rng.integers(0, 4, n).astype(float),
        "price": rng.normal(size=n),
    }
    logit = np.where(columns["user"] % 2 == columns["item"] % 2, 1.5, -1.5) - 0.5 * columns["price"]
    label = (rng.uniform(size=n) < 1 / (1 + np.exp(-logit))).astype(float)
    return columns, label, np.repeat(np.arange(requests), shown)


def labels(name, label):
    """One label, those of a funnel, or seconds."""
    if name in WATCH:
        return label * np.random.default_rng(2).gamma(3.0, 20.0, len(label))
    if name not in TASKS:
        return label
    rng = np.random.default_rng(1)
    basket = label * (rng.random(len(label)) < 0.5)
    return dict(zip(FUNNEL, (label, basket, basket * (rng.random(len(label)) < 0.5)), strict=True))


@pytest.fixture(scope="module")
def served(tmp_path_factory, quick_exports):
    """(torch's, served) by registry name, fitted and exported once."""
    kept = {}

    def make(name):
        if name not in kept:
            kind = registry.load(name, "ranker")
            columns, label, group = rows()
            model = kind(
                id_columns=IDS, epochs=2, batch_size=64, learning_rate=0.02, factors=6, hidden=(12, 8), start=0.1,
                batch_norm=True, **({"tasks": FUNNEL, "scenario_column": "colour"} if name in TASKS else {}),
                **({"duration": "price"} if name == "watch_quantile" else {}),
            )  # fmt: skip
            model.fit_rows(columns, labels(name, label), group, CTX)
            folder = tmp_path_factory.mktemp(name)
            model.save(folder)
            model.export(folder)
            kept[name] = model, ServedRanker(name, folder)
        return kept[name]

    return make


def matrix(model, columns):
    return np.asfortranarray(np.stack([np.asarray(columns[name], float) for name in model.columns_], 1))


def odd_rows(seed=3):
    """With unknown codes, missing values and monstrous numbers."""
    columns, _, group = rows(seed=seed)
    columns["price"][:4] = [np.nan, 1e300, -1e300, np.inf]
    columns["item"][4:7] = [99, np.nan, 3.5]
    columns["user"][8:16], columns["age"][16:24] = np.nan, np.nan
    return columns, group


def score(model, columns, group):
    table = Candidates(group.astype(np.int32), np.arange(len(group)), int(group.max()) + 1, columns)
    return model.score(Requests.of([-1] * table.n_requests), table)


def top_ten(found):
    return np.argsort(-found[:, 0].reshape(-1, 30), axis=1, kind="stable")[:, :10].tolist()


def logits(probability):
    return np.log(probability) - np.log1p(-probability)


@pytest.mark.parametrize("name", [*FIELDS, *TASKS, *WATCH])
def test_the_graph_gives_the_numbers_of_torch(name, served):
    """And the same lists for a thousand requests: ten of thirty each."""
    model, graph = served(name)
    columns, group = odd_rows()
    ours, theirs = score(graph, columns, group), score(model, columns, group)
    if name in WATCH:
        # Seconds are read off a curve or are a power of e, so that they move as their own size does.
        assert (np.abs(ours - theirs) <= 1e-4 * np.maximum(1.0, np.abs(theirs))).all()
    else:
        ours, theirs = logits(ours), logits(theirs)
        assert (np.abs(ours - theirs) <= LOGIT * np.maximum(1.0, np.abs(theirs))).all()
    assert graph._net.once, "user and age have one value per request"
    columns, _, group = rows(requests=1000, shown=30, seed=4)
    lists = [top_ten(score(each, columns, group)) for each in (graph, model)]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*lists, strict=True)]) >= 0.99


def test_a_thousand_lists_are_those_of_torch(served):
    """C20: the same requests, native and exported; ten of thirty, and probabilities to 1e-4."""
    model, graph = served("deepfm")
    columns, _, group = rows(requests=1_000, shown=30, seed=9)
    ours, theirs = score(graph, columns, group), score(model, columns, group)
    assert np.abs(ours - theirs).max() < 1e-4
    lists = [np.argsort(-found[:, 0].reshape(1_000, 30), 1, kind="stable")[:, :10] for found in (ours, theirs)]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*map(np.ndarray.tolist, lists), strict=True)]) >= 0.99


@pytest.mark.parametrize("name", [*FIELDS, *TASKS, *WATCH])
def test_a_row_has_its_number_in_any_company(name, served):
    """Bit for bit: alone, turned round, and in batches of many sizes whose runs of a request's columns differ."""
    _, graph = served(name)
    columns, _ = odd_rows()
    x, rng = matrix(graph, columns), np.random.default_rng(0)
    whole = graph.score_matrix(x)
    assert np.isfinite(whole).all()
    for size in (1, 2, 3, 7, 8, 9, 31, 129, len(x)):
        chosen = rng.permutation(len(x))[:size]
        assert graph.score_matrix(np.asfortranarray(x[chosen])).tolist() == whole[chosen].tolist()
    many = np.tile(np.arange(len(x)), 5)  # more than go through the graph at once
    assert len(many) > served_net.AT_ONCE
    assert graph.score_matrix(np.asfortranarray(x[many])).tolist() == whole[many].tolist()


@pytest.mark.parametrize("name", [*FIELDS, *TASKS, *WATCH])
def test_what_is_computed_once_changes_nothing(name, served):
    """In double precision the network from halves gives exactly the forward pass, once rounded as scores are."""
    model, graph = served(name)
    columns, _ = odd_rows()
    encoded = model._encoded(model._vocabularies(), matrix(model, columns))
    encoded = {key: values.double() if values.is_floating_point() else values for key, values in encoded.items()}
    net, once, run = model._scorer(), graph._net.once, np.repeat(np.arange(60), 8)
    first = np.unique(run, return_index=True)[1]
    asked = ranker_graph.Asked(net, once, graph._net.own)
    assert asked.has_halves == (name in FIELDS + WATCH)
    with torch.inference_mode():
        plain = net(encoded)[0].float()
        halved = asked(
            *[encoded[key] for key in asked.own], *[encoded[key][first] for key in asked.once], torch.from_numpy(run)
        ).float()
    assert halved.tolist() == plain.tolist()


def test_a_column_that_varies_within_a_request_after_all_is_scored_as_it_is(served):
    model, graph = served("deepfm")
    columns, _, group = rows(seed=6)
    columns["user"] = np.random.default_rng(1).integers(0, 12, len(group)).astype(float)
    np.testing.assert_allclose(score(graph, columns, group), score(model, columns, group), rtol=1e-5)


def test_request_columns_are_found_in_the_rows():
    x = np.array([[1.0, np.nan, 5.0], [1.0, np.nan, 6.0], [2.0, 3.0, 6.0], [2.0, 3.0, 6.0]])
    assert request_columns(x, ["a", "b", "c"], np.array([0, 0, 1, 1])) == ["a", "b"]
    assert request_columns(x, ["a", "b", "c"], np.arange(4)) == []
    assert request_columns(x, ["a", "b", "c"], np.array([0, 0, 0, 0])) == []


def test_without_request_columns_there_are_no_halves(tmp_path):
    columns, label, group = rows()
    kind = registry.load("fm", "ranker")
    model = kind(id_columns=IDS, epochs=1).fit_rows(columns, label, np.arange(len(label)), CTX)
    model.save(tmp_path)
    model.export(tmp_path)
    graph = ServedRanker("fm", tmp_path)
    assert graph._net.once == []
    np.testing.assert_allclose(score(graph, columns, group), score(model, columns, group), rtol=1e-5)


def test_a_served_ranker_is_asked_like_any_other(served, tmp_path):
    model, graph = served("deepfm")
    assert graph.importance() == model.importance()
    assert graph.get_params() == model.get_params()
    assert graph.tasks == model.tasks
    assert "deepfm" in repr(graph)
    with pytest.raises(StageError, match="age"):
        graph.score(
            Requests.of([-1]), Candidates(np.zeros(1, np.int32), np.zeros(1, np.int64), 1, {"price": np.ones(1)})
        )
    with pytest.raises(StageError, match="does not learn"):
        graph.fit_rows(*rows(), CTX)
    twin = graph.twin()
    assert type(twin) is type(model)
    assert not twin.is_fitted
    graph.save(tmp_path)
    columns, group = odd_rows()
    again = ServedRanker("deepfm", tmp_path)
    assert score(again, columns, group).tolist() == score(graph, columns, group).tolist()


def test_without_the_runtime_torch_serves_and_the_log_says_so(served, monkeypatch, caplog):
    folder = served("fm")[1]._folder

    def missing(module, extra):
        raise MissingExtra(module, extra)

    monkeypatch.setattr(served_net, "import_extra", missing)
    with caplog.at_level(logging.WARNING):
        assert load_served("fm", folder) is None
    assert "served by torch" in caplog.text
    assert "onnx" in caplog.text


def test_a_graph_that_computes_something_else_is_not_served(served, tmp_path, caplog):
    shutil.copytree(served("fm")[1]._folder, tmp_path, dirs_exist_ok=True)
    with np.load(tmp_path / PROBE) as file:
        probe = dict(file)
    probe["logit"] = probe["logit"] + 0.01
    np.savez(tmp_path / PROBE, **probe)
    with caplog.at_level(logging.WARNING):
        assert load_served("fm", tmp_path) is None
    assert "differ from torch's" in caplog.text


def test_a_graph_that_the_runtime_does_not_open_is_not_served(served, tmp_path, caplog):
    shutil.copytree(served("fm")[1]._folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / GRAPH).write_bytes(b"\x08\x07{")
    assert load_served("fm", tmp_path) is None
    assert "does not open" in caplog.text


@pytest.mark.parametrize("name", [READING, PROBE, "config.json", "state.json"])
def test_damaged_files_are_refused(served, tmp_path, name):
    shutil.copytree(served("fm")[1]._folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).write_bytes(b"\x08\x07{")
    with pytest.raises(BundleCorrupt):
        load_served("fm", tmp_path)


def test_what_cannot_be_exported_is_published_without_a_graph(tmp_path, monkeypatch, caplog):
    kind = registry.load("lr", "ranker")
    model = kind(id_columns=IDS, epochs=1).fit_rows(*rows(), CTX)
    model.save(tmp_path)
    monkeypatch.setattr(ranker_graph, "LARGEST_BYTES", 10)
    with caplog.at_level(logging.WARNING):
        write_served(model, tmp_path)
    assert "do not fit" in caplog.text
    assert not (tmp_path / GRAPH).exists()
    assert load_served("lr", tmp_path) is None


class Odd(torch.nn.Module):
    """Parts that a graph may not have."""

    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, columns):
        x = columns["x"]
        return (x.view(len(x), -1).sum(1) if self.part == "len" else torch.linalg.vector_norm(x, dim=1),)


@pytest.mark.parametrize(("part", "says"), [("norm", "ReduceL2"), ("len", "only with 3 rows")])
def test_graphs_that_would_depend_on_company_are_refused(tmp_path, part, says):
    probe = {"x": np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)}
    with pytest.raises(StageError, match=says):
        ranker_graph.write_graph(Odd(part).eval(), tmp_path, probe, np.ones(4), [], {})
    assert not list(tmp_path.iterdir())


SPEC = """
name = "home"
k = 5

[[model]]
label = "main"
use = "ease"

[[model]]
label = "ranker"
use = "deepfm"
config = { id_columns = ["item_kind"], epochs = 2, factors = 4, hidden = [8] }

[[query]]
use = "history"
limit = 50

[[source]]
use = "model"
model = "main"

[[hydrator]]
use = "model_score"
model = "main"

[[hydrator]]
use = "history_size"

[[hydrator]]
use = "item_columns"
columns = ["item_kind"]

[[scorer]]
use = "ranker"
"""


@pytest.fixture(scope="module")
def small_bundle(tmp_path_factory):
    """A published bundle whose ranker is a network."""
    import polars as pl

    from shortlist import bundles
    from shortlist.data.dataset import Dataset, Interactions
    from shortlist.data.vocab import Vocab
    from shortlist.pipeline.pipeline import Pipeline
    from shortlist.pipeline.spec import PipelineSpec, parse_toml

    rng = np.random.default_rng(0)
    n, users, items = 900, [f"u{i}" for i in range(30)], [f"i{i}" for i in range(40)]
    user = rng.integers(0, 30, n)
    item = (rng.integers(0, 20, n) * 2 + user % 2) % 40
    events = Interactions(
        user=user, item=item, at=1.7e9 + np.arange(n, dtype=float), value=np.ones(n, np.float32),
        type=np.zeros(n, np.int16), types=("click",),
    )  # fmt: skip
    table = pl.DataFrame({"item_id": items, "item_kind": [float(i % 5) for i in range(40)]})
    data = Dataset("small", events, Vocab(users), Vocab(items), item_table=table)
    pipe = Pipeline(parse_toml(SPEC, where="test")).fit(data, CTX)
    assert isinstance(pipe.spec, PipelineSpec)
    root = tmp_path_factory.mktemp("bundles")
    return bundles.publish(root, data=data, models=pipe.models, specs={"home": pipe.spec}).path


def test_a_loaded_bundle_can_be_published_again(tmp_path, small_bundle):
    from shortlist import bundles

    first = bundles.load(small_bundle)
    again = bundles.load(bundles.publish(tmp_path, data=first.data, models=first.models, specs=first.specs).path)
    assert again.manifest.models["ranker"] == first.manifest.models["ranker"]
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(20, len(first.models["ranker"].columns_))))
    ranker = first.models["ranker"]
    assert isinstance(ranker, _served.ServedRanker)
    assert again.models["ranker"].score_matrix(x).tolist() == ranker.score_matrix(x).tolist()


@pytest.mark.parametrize("how", ["outside", "flag", "inside a branch", "no graph", "pickle"])
def test_graphs_that_point_elsewhere_are_refused(tmp_path, served, how):
    import pickle

    import onnx

    from shortlist.bundles.contents import check_content

    good = served("fm")[1]._folder / GRAPH
    check_content(good, "good")
    model, path = onnx.load(good), tmp_path / "graph.onnx"
    tensor = model.graph.initializer[0]
    if how == "outside":
        tensor.external_data.add(key="location", value="../../secret")
    elif how == "flag":
        tensor.data_location = onnx.TensorProto.EXTERNAL
    elif how == "inside a branch":
        inner = onnx.helper.make_graph([], "inner", [], [], [onnx.numpy_helper.from_array(np.ones(1), "w")])
        inner.initializer[0].external_data.add(key="location", value="/etc/passwd")
        model.graph.node.append(onnx.helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner))
    raw = model.SerializeToString()
    raw = b"\x08\x07" if how == "no graph" else pickle.dumps({"a": 1}) if how == "pickle" else raw
    path.write_bytes(raw)
    with pytest.raises(BundleCorrupt):
        check_content(path, "graph.onnx")


@pytest.mark.parametrize("name", ["star", "shared_bottom"])
def test_unseen_scenarios_are_counted_by_the_graph_too(served, name):
    _, graph = served(name)
    columns, _, _ = rows(requests=5)
    columns["colour"][:3] = [77.0, np.nan, 5.5]
    before = graph.unseen_rows
    graph.score_matrix(np.stack([columns[each] for each in graph.columns_], axis=1))
    assert graph.unseen_rows == before + 3
