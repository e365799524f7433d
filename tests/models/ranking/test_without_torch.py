"""Servers without torch: classes of rankers are known there, and bundles with a network of each family are served.

Torch is made unimportable in a process of its own. What it answers is compared with what torch says here.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
pytest.importorskip("torch", reason="needs the extra 'nn'")

import polars as pl

from shortlist import bundles
from shortlist.core.contracts import FitContext
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.vocab import Vocab
from shortlist.models.ranking._served import ServedRanker
from shortlist.models.ranking.base import Ranker
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import parse_toml

CTX = FitContext(seed=5, threads=1)
RANKERS = {
    "fields": ("deepfm", 'calibration = "platt"'),
    "behaviour": ("din", 'item_columns = ["colour"], max_len = 12'),
    "tasks": ("mmoe", 'tasks = ["click"], experts = 2'),
    "scenarios": ("star", 'scenario_column = "item_kind"'),
    "watch": ("watch_logistic", "start = 0.1"),
}
"""By family: registry name, and settings of its own."""

SPEC = """
name = "home"
k = 20

[[model]]
label = "main"
use = "ease"

[[model]]
label = "ranker"
use = "{name}"
config = {{ id_columns = ["item_kind"], epochs = 2, factors = 4, hidden = [8], validation_users = 0, {own} }}

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
columns = ["item_kind", "length"]

[[scorer]]
use = "ranker"
"""

SECONDS = """
[training.labels.watch]
events = ["click"]
within_s = 3600.0
amount = true
"""

BLOCKED = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Refuse())
"""

SERVE = """
import json
from pathlib import Path
from shortlist import bundles
from shortlist.pipeline.pipeline import Pipeline

bundle = bundles.load(Path(sys.argv[1]))
pipe = Pipeline.assembled(bundle.specs["home"], bundle.data, bundle.models)
users = json.loads(sys.argv[2])
frame = pipe.recommend(users, 20)
assert "torch" not in sys.modules
print(json.dumps({"kind": type(bundle.models["ranker"]).__name__, "hash": bundle.specs["home"].hash,
                  "importance": bundle.models["ranker"].importance(), "rows": frame.rows()}))
"""

KNOWN = """
from shortlist.core import registry
from shortlist.core.errors import MissingExtra

for row in registry.rows("ranker"):
    kind = registry.load(row.name, "ranker")
    kind.Config.parse({}, where="here")
assert "torch" not in sys.modules
try:
    registry.create("deepfm", "ranker").fit_rows({"a": [1.0, 2.0]}, [0.0, 1.0], [0, 0])
except MissingExtra as error:
    print(error.hint)
"""


def without_torch(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + program, *arguments], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def data(quick_exports):
    rng = np.random.default_rng(0)
    n, users, items = 1200, [f"u{i}" for i in range(30)], [f"i{i}" for i in range(40)]
    user = rng.integers(0, 30, n)
    item = (rng.integers(0, 20, n) * 2 + user % 2) % 40
    events = Interactions(
        user=user, item=item, at=1.7e9 + 100.0 * np.arange(n), value=rng.gamma(3.0, 20.0, n).astype(np.float32),
        type=np.zeros(n, np.int16), types=("click",),
    )  # fmt: skip
    table = pl.DataFrame(
        {
            "item_id": items,
            "item_kind": [float(i % 5) for i in range(40)],
            "length": [30.0 + 10.0 * i for i in range(40)],
            "colour": ["red" if i % 2 else "blue" for i in range(40)],
        }
    )
    return Dataset("small", events, Vocab(users), Vocab(items), item_table=table)


@pytest.mark.parametrize("family", RANKERS)
def test_a_bundle_is_served_where_torch_is_not_installed(family, data, tmp_path, monkeypatch):
    """The same lists with scores within the documented 1e-4, from the same file, with and without torch."""
    name, own = RANKERS[family]
    spec = SPEC.format(name=name, own=own) + (SECONDS if family == "watch" else "")
    pipe = Pipeline(parse_toml(spec, where="test")).fit(data, CTX)
    path = bundles.publish(tmp_path, data=data, models=pipe.models, specs={"home": pipe.spec}).path
    users = [f"u{i}" for i in range(0, 30, 3)]
    answer = json.loads(without_torch(SERVE, str(path), json.dumps(users)))
    assert answer["kind"] == ServedRanker.__name__
    assert answer["hash"] == pipe.spec.hash
    monkeypatch.setattr(sys.modules["shortlist.bundles.load"], "load_served", lambda name, folder: None)
    ours = bundles.load(path)
    assert isinstance(ours.models["ranker"], Ranker)
    assert not isinstance(ours.models["ranker"], ServedRanker)
    assert answer["importance"] == pytest.approx(ours.models["ranker"].importance())
    wanted = Pipeline.assembled(ours.specs["home"], ours.data, ours.models).recommend(users, 20)
    assert len(wanted) >= 10 * len(users)
    scores = {(user, item): score for user, item, score, _ in wanted.rows()}
    assert {(user, item) for user, item, _, _ in answer["rows"]} == set(scores)
    for user, item, score, _ in answer["rows"]:
        assert abs(score - scores[user, item]) <= 1e-4 * max(1.0, abs(scores[user, item]))
    assert len({round(score, 6) for score in scores.values()}) > 20, "the ranker tells rows apart"


def test_classes_and_settings_are_known_and_learning_names_the_extra():
    assert "shortlist[nn]" in without_torch(KNOWN)
