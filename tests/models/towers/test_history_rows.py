"""Tasks on histories as rows: what a batch holds, and what a validation of either model asks."""

import numpy as np
import pytest
import torch

from shortlist.core.types import History
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.question import Question
from shortlist.models.towers import lightgcn, mult_vae
from shortlist.models.towers._autoencoder import VaeNet
from shortlist.models.towers._graph import GraphNet
from shortlist.models.towers._history_rows import rows_of
from shortlist.models.towers.lightgcn import HalfHidden
from shortlist.models.towers.mult_vae import WholeHistory

N = 6
PASTS = [[0, 1, 3], [], [2], [1, 3, 4, 5], [0, 5]]
HISTORY = History.of([[FIRST + item for item in past] for past in PASTS])


def vae():
    torch.manual_seed(0)
    net = VaeNet(N, 5, 3, 0.5, False).eval()
    return net, WholeHistory, mult_vae.Config(batch_size=2), lambda x: net(x)[0]


def graph():
    torch.manual_seed(0)
    net = GraphNet(N, 4, 2, np.stack([HISTORY.row, HISTORY.item - FIRST]), len(PASTS), 0.5)
    return net, HalfHidden, lightgcn.Config(batch_size=2), lambda x: x @ net()[1] @ net()[0].T


both = pytest.mark.parametrize("make", [vae, graph])


def test_rows_have_a_one_for_every_item_with_a_class():
    rows = rows_of(History.of([[FIRST + 1, FIRST + 1, FIRST + N], [1, FIRST]]), np.array([1, 0]), N)
    assert rows.tolist() == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]


@both
def test_every_user_with_enough_items_is_learned_from_once_a_pass(make):
    _, kind, config, _ = make()
    task = kind(HISTORY, N, config, None)
    batches = [batch["x"] for batch in task.batches(1, np.random.default_rng(0))]
    assert max(map(len, batches)) == 2
    found = sorted(np.flatnonzero(row).tolist() for row in torch.cat(batches).numpy())
    assert found == sorted(past for past in PASTS if len(past) >= kind.least)


@both
def test_validation_ranks_the_event_held_back_among_what_was_not_seen(make):
    net, kind, config, score = make()
    truth = [4, 0, 5, 2, N]
    asked = Question(HISTORY, HISTORY, np.array(truth) + FIRST, np.arange(5))
    want = []
    with torch.inference_mode():
        figure = kind(HISTORY, N, config, asked).validate(net)
        scores = score(rows_of(HISTORY, np.arange(5), N))
    for past, item, row in zip(PASTS, truth, scores.tolist(), strict=True):
        place = sum(other not in past and other != item and row[other] >= row[min(item, N - 1)] for other in range(N))
        want.append(0.0 if item == N else 1 / np.log2(place + 2))
    assert figure == pytest.approx(np.mean(want), rel=1e-6)
    assert kind(HISTORY, N, config, None).validate(net) is None
