"""The exported graph, run without torch, gives the vectors that the model gives."""

import json
import warnings

import numpy as np
import pytest

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import NotFitted
from shortlist.models.neural.export import to_onnx
from shortlist.models.sequential.sasrec import SasRec
from shortlist.testing.worlds import requests_for, small_log

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("name", "more"),
    [("sasrec", {}), ("sasrec", {"place_bias": True}), ("gru4rec", {}), ("hstu", {}), ("bert4rec", {})],
)
def test_the_graph_gives_the_same_vectors(name, more, tmp_path):
    data = small_log()
    kind = registry.load(name, "retriever")
    model = kind(**kind.contract_settings, **more).fit(data, FitContext(seed=1, threads=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        path = to_onnx(model, tmp_path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    items, reading = np.load(tmp_path / "items.npz"), json.loads((tmp_path / "reading.json").read_text())
    requests = requests_for(data)
    ours = model.encode_requests(requests)
    for b in (0, 7):
        for length in (1, 2, 5, 8):
            one = requests.take(np.array([b])).history.last(length)
            alone = requests.take(np.array([b])).with_history(one)
            tokens = items["token"][one.item][-(reading["max_len"] - (reading["append"] is not None)) :]
            at = one.at[-len(tokens) :] - one.at[-len(tokens)]
            if reading["append"] is not None:
                tokens, at = np.append(tokens, reading["append"]), np.append(at, at[-1])
            given = {"tokens": tokens[None], "seconds": at[None].astype(np.float32)}
            (vector,) = session.run(None, {key: given[key] for key in reading["inputs"]})
            np.testing.assert_allclose(vector, model.encode_requests(alone)[0], rtol=1e-4, atol=1e-5)
    assert np.isfinite(ours).all()
    block = items["vector"][items["known"]] @ ours[0]
    np.testing.assert_allclose(block, model.score_block(requests)[0][items["known"]], rtol=1e-4, atol=1e-5)


def test_only_what_is_fitted_is_exported(tmp_path):
    with pytest.raises(NotFitted):
        to_onnx(SasRec(), tmp_path)
