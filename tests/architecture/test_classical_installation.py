"""An installation without the neural extras: all that needs none is fitted, asked, published and served.

Torch and what comes with it are made unimportable in a process of its own, which is what an installation without them
looks like to the code.
"""

import json
import os
import subprocess
import sys

from shortlist.core import registry

BLOCKED = ("torch", "safetensors", "onnx", "onnxscript", "onnxruntime")

PROGRAM = """
import json, sys, traceback
from pathlib import Path

import shortlist

OURS = Path(shortlist.__file__).parent
BLOCKED = json.loads(sys.argv[1])
tried = []

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            by = next(f for f in reversed(traceback.extract_stack()[:-1]) if "importlib" not in f.filename)
            if OURS in Path(by.filename).parents:  # tables look for it too, and do without
                tried.append(f"{name} in {by.filename}:{by.lineno}")
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Refuse())

import numpy as np
from fastapi.testclient import TestClient

from shortlist.app.service import Service
from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import MissingExtra
from shortlist.core.types import Candidates
from shortlist.doors.http.app import create_app
from shortlist.jobs.train import train
from shortlist.testing.models import checked_settings, ranking_rows, shown_at_random
from shortlist.testing.worlds import requests_for, small_log

data, ctx, found = small_log(), FitContext(seed=3, threads=1), {"retriever": {}, "ranker": []}
requests = requests_for(data)
for row in registry.rows("retriever"):
    if row.extra is None:
        kind = registry.load(row.name, "retriever")
        model = kind(**checked_settings(kind)).fit(data, ctx)
        found["retriever"][row.name] = len(np.unique(model.retrieve(requests, 5).row))
columns, label, group = ranking_rows()
for row in registry.rows("ranker"):
    if row.extra is None:
        shown = shown_at_random(group)
        ranker = registry.create(row.name, "ranker").fit_rows(columns, label, group, ctx, shown=shown)
        table = Candidates(group.astype(np.int32), shown.item, int(group.max()) + 1, columns)
        assert np.isfinite(ranker.score(shown.requests, table)).all(), row.name
        found["ranker"].append(row.name)

trained = train(data, ["home"], home=Path(sys.argv[2]), k=5, threads=1)
service = Service.open()
with TestClient(create_app(service), base_url="http://127.0.0.1:8000") as client:
    for user in (data.users.ids[0], "a stranger"):
        answer = client.post("/v1/recommend", json={"user_id": user, "k": 5})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) == 5
service.close()
found["bundle"] = sorted(json.loads((trained.bundle.path / "manifest.json").read_text())["models"])
assert not tried, f"what needs no extra asked for {tried}"
assert not [name for name in BLOCKED if name in sys.modules]

try:
    registry.create("sasrec", "retriever").fit(data, ctx)
except MissingExtra as error:
    found["hint"] = error.hint
print(json.dumps(found))
"""


def test_classical_models_are_fitted_and_served_where_torch_cannot_be_imported(tmp_path):
    """None of them as much as asks for it; a neural model names the extra."""
    here = dict(os.environ, SHORTLIST_HOME=str(tmp_path), OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(BLOCKED), str(tmp_path)], capture_output=True, text=True, env=here
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    named = {kind: [row.name for row in registry.rows(kind) if row.extra is None] for kind in ("retriever", "ranker")}
    assert sorted(found["retriever"]) == named["retriever"]
    assert len(named["retriever"]) > 30
    assert all(found["retriever"].values()), "everybody answers somebody"
    assert found["ranker"] == named["ranker"]
    assert {"trails", "ranker"} <= set(found["bundle"])
    assert "shortlist[nn]" in found["hint"]
