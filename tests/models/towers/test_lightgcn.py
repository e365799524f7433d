"""LightGCN against its formula in dense matrices, and what re-implementations get wrong."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.neural.fields import FIRST
from shortlist.models.towers._graph import GraphNet
from shortlist.models.towers._history_rows import rows_of
from shortlist.models.towers.lightgcn import Config, HalfHidden, LightGcn
from shortlist.testing.worlds import small_log

CTX = FitContext(seed=1, threads=1)
EDGES = np.array([[0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 3, 3]])
USERS, ITEMS, D = 3, 4, 5


def net(layers=2):
    torch.manual_seed(0)
    return GraphNet(ITEMS, D, layers, EDGES, USERS, 0.5)


def dense(graph):
    """Normalised user x item matrix, item vectors and the vectors users start with."""
    x = np.zeros((USERS, ITEMS))
    x[EDGES[0], EDGES[1]] = 1.0
    weight = x / np.sqrt(x.sum(1, keepdims=True) * x.sum(0, keepdims=True))
    return weight, graph.ids.weight[FIRST:].detach().double().numpy()


def alone(x):
    """A batch of one user."""
    return {"x": x, "place": torch.arange(1), "of": torch.ones(1, dtype=torch.int64)}


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_all_layers_are_averaged_along_normalised_edges(layers):
    graph = net(layers)
    weight, item = dense(graph)
    user = weight @ item
    total = item.copy()
    for _ in range(layers):
        item, user = weight.T @ user, weight @ item
        total += item
    final, _ = graph()
    np.testing.assert_allclose(final.detach().numpy(), total / (layers + 1), rtol=1e-5, atol=1e-6)


def test_the_penalty_is_on_the_vectors_themselves_and_on_those_of_the_batch():
    """Its gradient is 2 * reg * times-in-batch * vector: nothing for other items, nothing smoothed."""
    graph = net()
    history = History.of([[FIRST, FIRST + 1, FIRST + 2], [FIRST + 1, FIRST + 3], [FIRST + 3]])
    x = rows_of(history, np.array([0]), ITEMS)
    found = []
    for reg in (0.0, 0.5):
        graph.zero_grad()
        task = HalfHidden(history, ITEMS, Config(ego_reg=reg), None)
        loss, _ = task.loss(graph, alone(x), torch.Generator().manual_seed(1))
        loss.backward()
        grad = graph.ids.weight.grad
        found.append((grad.to_dense() if grad.is_sparse else grad)[FIRST:].clone())
    want = 2 * 0.5 * x.sum(0).unsqueeze(1) * graph.ids.weight[FIRST:].detach()
    torch.testing.assert_close(found[1] - found[0], want)
    assert not want[3].any()


def test_nothing_is_hidden_but_what_is_to_be_found():
    """No dropout anywhere; an item that was read is no answer, as a target or as a negative."""
    assert not any(isinstance(part, nn.Dropout) or hasattr(part, "p") for part in net().modules())
    graph = net()
    history = History.of([[FIRST, FIRST + 1, FIRST + 2]])
    x = rows_of(history, np.array([0]), ITEMS)
    generator = torch.Generator().manual_seed(1)
    read = x * (torch.rand(x.shape, generator=generator) < 0.5)
    assert 0 < read.sum() < 3
    final, heard = graph()
    logits = read @ heard @ final.T / read.sum(1, keepdim=True).sqrt()
    left = logits[0][read[0] == 0]
    goal = ((x - read)[0] > 0)[read[0] == 0]
    want = -(torch.log_softmax(left, 0) * goal / goal.sum()).sum()
    task = HalfHidden(history, ITEMS, Config(ego_reg=0.0), None)
    loss, rows = task.loss(graph, alone(x), torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss, want)
    assert rows == 1


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
@pytest.mark.parametrize(("people", "world"), [(7, 1), (7, 2), (7, 3), (2, 3)])
def test_parts_of_a_batch_add_up_to_what_the_whole_gives(loss, people, world):
    """The draws of a user are the same whoever computes them, also where a process has nobody left."""
    history = History.of([[FIRST, FIRST + 1, FIRST + 3]] * people)
    task = HalfHidden(history, ITEMS, Config(loss=loss), None)
    (batch,) = task.batches(1, np.random.default_rng(0))
    whole, parts = net(), net()
    want, rows = task.loss(whole, batch, torch.Generator().manual_seed(7))
    want.backward()
    found = 0.0
    for rank in range(world):
        part = {name: value[rank::world] for name, value in batch.items()}
        value, count = task.loss(parts, part, torch.Generator().manual_seed(7))
        value.backward()
        found, rows = found + value.detach(), rows - count
    assert rows == 0
    torch.testing.assert_close(found, want.detach())
    torch.testing.assert_close(parts.ids.weight.grad, whole.ids.weight.grad)


def test_a_graph_is_copied_and_is_no_weight():
    graph = net()
    again = copy.deepcopy(graph)
    torch.testing.assert_close(again(), graph())
    assert list(graph.state_dict()) == ["ids.weight"]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_nearly_what_single_does(precision):
    """The graph is walked in single precision, since torch has no sparse product of halves everywhere."""
    settings = {"epochs": 3, "factors": 8, "validation_users": 0, "device": "cpu"}
    single, half = (LightGcn(**settings, precision=kind).fit(small_log(), CTX) for kind in ("float32", precision))
    assert half.item_factors_.dtype == np.float32
    assert np.corrcoef(single.item_factors_.ravel(), half.item_factors_.ravel())[0, 1] > 0.99


def test_a_stranger_has_the_vector_of_a_user_with_the_same_past():
    data = small_log()
    model = LightGcn(**LightGcn.contract_settings).fit(data, CTX)
    past = data.histories(np.array([3]))
    asked = [Requests.of([user], now=1e12, history=past) for user in (3, -1)]
    np.testing.assert_array_equal(*(model.fold_in(each) for each in asked))
