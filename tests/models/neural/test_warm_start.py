import numpy as np
import pytest
import torch

from shortlist.core.contracts import FitContext
from shortlist.core.types import History
from shortlist.models.neural.blocks.attention import Attention
from shortlist.models.neural.blocks.hstu import Hstu
from shortlist.models.neural.blocks.ligr import Ligr
from shortlist.models.neural.embeddings import table
from shortlist.models.neural.warm_start import companions, directions, fill, quieten
from shortlist.models.sequential.esasrec import ESasRec
from shortlist.models.sequential.sasrec import SasRec
from shortlist.testing.worlds import requests_for, small_log


def test_items_of_the_same_users_point_the_same_way():
    user = np.repeat(np.arange(40), 5)
    item = np.random.default_rng(0).integers(0, 10, len(user)) + 10 * (user % 2)
    for damped in (False, True):
        found = directions(user, item, 40, 20, 2, damped=damped)
        unit = found / np.linalg.norm(found, axis=1, keepdims=True)
        cosine = unit @ unit.T
        assert cosine[:10, :10].min() > 0.9
        assert abs(cosine[:10, 10:]).max() < 0.9


def test_singular_vectors_are_those_of_the_matrix():
    user, item = np.array([0, 0, 1, 2, 2, 3]), np.array([0, 1, 1, 2, 0, 2])
    x = np.zeros((4, 3))
    x[user, item] = 1
    _, values, right = np.linalg.svd(x)
    ours = directions(user, item, 4, 3, 2)
    np.testing.assert_allclose(np.abs(ours), np.abs((right[:2] * values[:2, None]).T), atol=1e-10)
    assert directions(np.array([0]), np.array([0]), 1, 1, 4).shape == (1, 0)


def test_companions_are_eigenvectors_of_the_links():
    past = History.of([[0, 1, 2], [1, 2], [2, 0], [3, 3]])
    links = np.zeros((4, 4))
    for history in ([0, 1, 2], [1, 2], [2, 0]):
        for a, i in enumerate(history):
            for b, j in enumerate(history):
                if a != b:
                    links[i, j] += 1 / len(history) + 0.5 * abs(a - b) ** -0.5
    counts = np.sqrt([2, 2, 3, 2])
    values, vectors = np.linalg.eigh(links / counts[:, None] / counts)
    expected = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0))
    np.testing.assert_allclose(np.abs(companions(past, 4, 2)), np.abs(expected), atol=1e-9)
    near = companions(past, 4, 2, window=1)
    assert not np.allclose(np.abs(near), np.abs(expected), atol=1e-3), "pairs two events apart count too"
    assert companions(History.of([[], []]), 4, 2).shape == (4, 0)
    assert companions(History.of([[0]]), 1, 2).shape == (1, 0)


@pytest.mark.parametrize("block", [Attention(8, layers=2), Ligr(8, layers=2), Hstu(8, max_len=6, layers=2)])
def test_quiet_layers_pass_on_what_they_read(block):
    x, mask = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0)), torch.ones(3, 6, dtype=torch.bool)
    with torch.inference_mode():
        loud = (block(x, mask) - x).norm()
        quieten(block, 0.01)
        quiet = (block(x, mask) - x).norm()
    assert quiet < 0.05 * loud


def test_rows_get_the_scale_and_what_is_missing_stays():
    torch.manual_seed(0)
    rows = table(5, 4, 0.1)
    before = rows.weight.detach().clone()
    fill(rows, np.array([[3.0, 4.0], [0.0, 0.0]]), 2, 0.1)
    torch.testing.assert_close(rows.weight[2, :2], torch.tensor([0.6, 0.8]) * 0.1 * 2**0.5)
    assert torch.equal(rows.weight[2, 2:], before[2, 2:])
    assert torch.equal(rows.weight[3:], before[3:])
    assert not rows.weight[0].any()


@pytest.mark.parametrize("start", ["svd", "links"])
def test_a_warm_start_is_ahead_after_one_pass_and_repeats_itself(start):
    settings = {"epochs": 1, "factors": 8, "max_len": 8, "validation_users": 0, "start": start}
    one, two = (SasRec(**settings).fit(small_log(), FitContext(seed=3, threads=1)) for _ in range(2))
    requests = requests_for(small_log())
    assert np.array_equal(one.score_block(requests), two.score_block(requests))
    cold = SasRec(**{**settings, "start": "random"}).fit(small_log(), FitContext(seed=3, threads=1))
    topic = np.arange(32) % 4  # who likes what, in this log
    same = topic[:, None] == topic[None, :]

    def gap(model):
        cosine = model.similar_block(np.arange(32))
        return np.nanmean(cosine[same & ~np.eye(32, dtype=bool)]) - np.nanmean(cosine[~same])

    assert gap(one) > gap(cold) + 0.1


@pytest.mark.parametrize("model", [SasRec, ESasRec])
def test_with_a_bias_of_places_a_warm_start_reads_the_past_as_a_mean(model):
    settings = {"epochs": 1, "factors": 8, "max_len": 8, "validation_users": 0, "start": "links", "layers": 1}
    settings |= {"learning_rate": 1e-9}
    ctx = FitContext(seed=3, threads=1)
    look = model(**settings, place_bias=True).fit(small_log(), ctx).module_.block.layers[0].look
    torch.testing.assert_close(look.place.weight, -torch.log1p(torch.arange(8.0)), rtol=0, atol=1e-6)
    x = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        mean = (x[0, 0] / 3 + x[0, 1] / 2 + x[0, 2]) / (1 / 3 + 1 / 2 + 1)
        torch.testing.assert_close(look(x, torch.ones(1, 3, dtype=torch.bool))[0, -1], mean, rtol=1e-4, atol=1e-5)
    assert model(**settings).fit(small_log(), ctx).module_.block.layers[0].look.place is None
