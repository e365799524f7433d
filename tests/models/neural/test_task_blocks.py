"""Blocks of several tasks against their formulas, written out with loops in numpy."""

import itertools

import numpy as np
import pytest
import torch

from shortlist.models.neural.blocks.tasks.funnel import Chain, TwoWays, product_logit
from shortlist.models.neural.blocks.tasks.gates import Gates, entropy
from shortlist.models.neural.blocks.tasks.parallel import Layers, Parallel
from shortlist.models.neural.blocks.tasks.progressive import Level
from shortlist.models.neural.blocks.tasks.towers import Towers, pick
from shortlist.models.neural.blocks.tasks.transfer import Transfer
from tests.models.neural.by_hand import answer, linear, sigmoid, softmax, w

B, H, T = 5, 6, 2


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(B, H))


def perceptron(block, n, x):
    """Network `n` of a `Parallel`, by itself."""
    for layer in block.layers:
        x = np.maximum(x @ w(layer.weight)[n] + w(layer.bias).reshape(layer.n, -1)[n], 0)
    return x if block.last is None else x @ w(block.last.weight)[n][:, 0] + w(block.last.bias)[n]


def test_layers_side_by_side(x):
    block = Layers(3, H, 4)
    one = answer(block, x)
    each = answer(block, np.stack([x, 2 * x, 3 * x], 1))
    for n in range(3):
        np.testing.assert_allclose(one[:, n], x @ w(block.weight)[n] + w(block.bias).reshape(3, 4)[n])
        np.testing.assert_allclose(each[:, n], (n + 1) * x @ w(block.weight)[n] + w(block.bias).reshape(3, 4)[n])


@pytest.mark.parametrize("logit", [False, True])
def test_perceptrons_side_by_side(x, logit):
    block = Parallel(3, H, (4, 3), dropout=0.9, logit=logit)
    got = answer(block, x)
    assert got.shape == ((B, 3) if logit else (B, 3, 3))
    for n in range(3):
        np.testing.assert_allclose(got[:, n], perceptron(block, n, x))
    assert answer(Parallel(2, H, ()), x).shape == (B, 2, H)
    assert torch.isfinite(Parallel(3, H, (4,), norm=True).train()(torch.randn(1, H))).all()


def test_biases_are_not_taken_for_matrices():
    assert [p.dim() for name, p in Parallel(3, H, (4,), logit=True).named_parameters() if "bias" in name] == [1, 1]


def test_gates_give_shares(x):
    block = Gates(H, 2, 3)
    got = answer(block, x)
    logit = (x @ w(block.logit.weight).T).reshape(B, 2, 3)
    np.testing.assert_allclose(got, softmax(logit))
    spread = -(got * np.log(got)).sum(2).mean(0) / np.log(3)
    np.testing.assert_allclose(entropy(torch.from_numpy(got)), spread, rtol=1e-6)
    assert entropy(torch.ones(4, 2, 1)).tolist() == [1.0, 1.0]
    assert entropy(torch.eye(3)[None].expand(4, 3, 3)).abs().max() < 1e-6


def test_hidden_experts_leave_at_least_one():
    torch.manual_seed(0)
    block = Gates(H, 2, 3, hide=0.9).train()
    shares = block(torch.randn(500, H))
    assert torch.isfinite(shares).all()
    torch.testing.assert_close(shares.sum(2), torch.ones(500, 2))
    used = (shares > 0).sum(2)
    assert used.min() == 1
    assert (used == 1).float().mean() > 0.6
    assert (block.eval()(torch.randn(50, H)) > 0).all()


def test_towers_give_each_row_the_one_of_its_scenario(x):
    block = Towers(H, (4,), T, slots=3)
    slot = np.array([0, 2, 1, 1, 0])
    got = answer(block, x, slot)
    for b, t in itertools.product(range(B), range(T)):
        np.testing.assert_allclose(got[b, t], perceptron(block.each, t * 3 + slot[b], x[b]))
    own = np.stack([x, -x], 1)
    got = answer(block, own, slot)
    for b, t in itertools.product(range(B), range(T)):
        np.testing.assert_allclose(got[b, t], perceptron(block.each, t * 3 + slot[b], own[b, t]))
    plain = Towers(H, (4,), T)
    np.testing.assert_allclose(answer(plain, x)[:, 1], perceptron(plain.each, 1, x))
    assert pick(torch.arange(6).view(1, 2, 3), torch.tensor([2])).tolist() == [[2, 5]]


@pytest.mark.parametrize(("a", "b"), [(0.3, -1.0), (50.0, 2.0), (-60.0, -60.0), (200.0, 300.0), (-3.0, 90.0)])
def test_chances_multiply_without_leaving_logits(a, b):
    got = float(product_logit(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)))
    assert got <= min(a, b)
    np.testing.assert_allclose(-np.logaddexp(0, -got), -np.logaddexp(0, -a) - np.logaddexp(0, -b), rtol=1e-12)


def test_a_chain_is_the_product_of_its_steps(x):
    own = torch.from_numpy(x[:, :4])
    got = sigmoid(Chain()(own).numpy())
    np.testing.assert_allclose(got, np.cumprod(sigmoid(x[:, :4]), axis=1))


def test_two_ways_add_up(x):
    click, action, with_, without = (sigmoid(x[:, n]) for n in range(4))
    got = sigmoid(TwoWays()(torch.from_numpy(x[:, :4])).numpy())
    wanted = np.stack([click, click * action, click * (action * with_ + (1 - action) * without)], 1)
    np.testing.assert_allclose(got, wanted)


@pytest.mark.parametrize("last", [False, True])
def test_a_level_mixes_own_and_shared_experts(x, last):
    block = Level(H, (4,), T, own=2, shared=1, last=last)
    own = np.stack([x, 2 * x], 1)
    mixed, common = answer(block, own, 3 * x, None)
    mine = np.stack([perceptron(block.mine, t * 2 + n, own[:, t]) for t in range(T) for n in range(2)], 1)
    ours = perceptron(block.ours, 0, 3 * x)[:, None]
    for t in range(T):
        share = softmax(own[:, t] @ w(block.gates[t].logit.weight).T)
        seen = np.concatenate([mine[:, 2 * t : 2 * t + 2], ours], 1)
        np.testing.assert_allclose(mixed[:, t], (share[:, :, None] * seen).sum(1))
    if last:
        np.testing.assert_allclose(common, 3 * x)
    else:
        share = softmax(3 * x @ w(block.all.logit.weight).T)
        np.testing.assert_allclose(common, (share[:, :, None] * np.concatenate([mine, ours], 1)).sum(1))


def test_transfer_weighs_what_came_against_ones_own(x):
    block = Transfer(H)
    got = answer(block, x, -x)
    both = np.stack([np.maximum(linear(block.hand, x), 0), -x], 1)
    logit = (linear(block.query, both) * linear(block.key, both)).sum(2) / np.sqrt(H)
    np.testing.assert_allclose(got, (softmax(logit)[:, :, None] * linear(block.value, both)).sum(1))
