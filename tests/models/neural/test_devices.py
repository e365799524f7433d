"""One answer on every device and in every precision: float32 and doubles here, and a GPU where there is one."""

import copy

import numpy as np
import pytest
import torch

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.models.neural.fields import FIRST
from shortlist.models.ranking.fields.deepfm import DeepFm
from shortlist.models.sequential.sasrec import SasRec
from shortlist.testing.models import ranking_rows, shown_at_random
from shortlist.testing.worlds import small_log

CTX = FitContext(seed=1, threads=1)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


def click_models():
    rows = [row for row in registry.rows("ranker") if ".fields." in row.target or ".behaviour." in row.target]
    return [row.name for row in rows]


def fitted(name):
    kind = registry.load(name, "ranker")
    columns, label, group = ranking_rows(n_requests=60)
    settings = {**kind.contract_settings, "epochs": 1}
    shown = shown_at_random(group)
    return kind(**settings).fit_rows(columns, label, group, CTX, shown=shown), columns, shown


def asked(model, columns, shown, n=50):
    """Encoded columns of the first rows."""
    x = np.stack([columns[name] for name in model.columns_], 1)
    if hasattr(model, "token_"):
        from shortlist.models.ranking.behaviour.base import Rows

        x = Rows(x, shown)
    encoded = model._encoded(model._vocabularies(), x)
    return {name: values[np.arange(n)] if hasattr(values, "row") else values[:n] for name, values in encoded.items()}


@pytest.mark.parametrize("name", click_models())
def test_single_precision_and_the_doubles_that_score_agree(name):
    model, columns, shown = fitted(name)
    batch = asked(model, columns, shown)
    with torch.inference_mode():
        single = model.module_(batch)[0].expand(50)
    np.testing.assert_allclose(single.numpy(), model._logits_of(batch, 50), rtol=1e-4, atol=1e-4)


@needs_gpu
def test_click_models_on_a_gpu_agree_with_the_cpu():
    for name in click_models():
        model, columns, shown = fitted(name)
        batch = asked(model, columns, shown)
        with torch.inference_mode():
            there = copy.deepcopy(model.module_).cuda()({key: values.cuda() for key, values in batch.items()})[0].cpu()
            here = model.module_(batch)[0]
        torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-4, msg=name)


@needs_gpu
def test_a_sequence_model_on_a_gpu_agrees_with_the_cpu():
    model = SasRec(**{**SasRec.contract_settings, "device": "cpu"}).fit(small_log(), CTX)
    tokens = torch.randint(FIRST, FIRST + model.n_known_, (5, 8))
    with torch.inference_mode():
        there = copy.deepcopy(model.module_).cuda()(tokens.cuda()).cpu()
        torch.testing.assert_close(there, model.module_(tokens), rtol=1e-4, atol=1e-4)


@needs_gpu
def test_training_on_a_gpu_leaves_a_model_that_scores_here():
    columns, label, group = ranking_rows(n_requests=60)
    model = DeepFm(**{**DeepFm.contract_settings, "device": "cuda"}).fit_rows(columns, label, group, CTX)
    assert next(model.module_.parameters()).device.type == "cpu"
