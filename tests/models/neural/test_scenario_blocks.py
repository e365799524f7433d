"""Blocks that know the scenario against their formulas, written out with loops in numpy."""

import numpy as np
import pytest
import torch

from shortlist.models.neural.blocks.scenarios.adaptive import Adaptive
from shortlist.models.neural.blocks.scenarios.by_slot import SlotLayer, by_slot
from shortlist.models.neural.blocks.scenarios.meta import MetaUnit
from shortlist.models.neural.blocks.scenarios.partitioned_norm import EPS, PartitionedNorm
from shortlist.models.neural.blocks.scenarios.prior_gate import PriorGate
from shortlist.models.neural.blocks.scenarios.star import Star
from shortlist.models.neural.blocks.scenarios.transform import ScaleShift, ScenarioAttention
from tests.models.neural.by_hand import answer, linear, w

B, H, OUT, S = 7, 5, 3, 4
SLOT = np.array([0, 2, 1, 1, 0, 3, 2])


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(B, H))


def test_rows_meet_the_matrix_of_their_scenario_both_ways(x):
    rng = np.random.default_rng(1)
    weight, bias = torch.from_numpy(rng.normal(size=(S, H, OUT))), torch.from_numpy(rng.normal(size=(S, OUT)))
    given = torch.from_numpy(x), torch.from_numpy(SLOT), weight, bias
    wanted = np.stack([x[b] @ w(weight)[s] + w(bias)[s] for b, s in enumerate(SLOT)])
    np.testing.assert_allclose(by_slot(*given, apart=True), wanted)
    np.testing.assert_allclose(by_slot(*given, apart=False), wanted)
    only = (torch.from_numpy(x[:1]), torch.tensor([2]), weight, bias)
    np.testing.assert_allclose(by_slot(*only, apart=True), by_slot(*only, apart=False))


def test_gradients_are_the_same_both_ways(x):
    found = []
    for apart in (True, False):
        layer = Star(S, H, OUT).double()
        torch.manual_seed(0)
        with torch.no_grad():
            for p in layer.parameters():
                p.copy_(torch.randn(p.shape, dtype=torch.float64))
        layer.train(apart)
        layer(torch.from_numpy(x), torch.from_numpy(SLOT)).square().sum().backward()
        found.append([p.grad for p in layer.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_a_slot_layer_can_say_what_every_scenario_would(x):
    layer = SlotLayer(S, H, OUT)
    got = answer(layer, x, SLOT)
    every = layer.all(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(every[np.arange(B), SLOT], got)
    each = np.stack([x * (s + 1) for s in range(S)], 1)
    np.testing.assert_allclose(
        layer.all(torch.from_numpy(each)).detach().numpy()[:, 2], 3 * x @ w(layer.weight)[2] + w(layer.bias)[6:9]
    )


def test_star_multiplies_number_by_number(x):
    layer = Star(S, H, OUT)
    got = answer(layer, x, SLOT)
    for b, s in enumerate(SLOT):
        weight, bias = w(layer.shared), w(layer.bias)
        if s:
            weight = weight * (1 + w(layer.own)[s - 1])
            bias = bias + w(layer.own_bias).reshape(S - 1, OUT)[s - 1]
        np.testing.assert_allclose(got[b], x[b] @ weight + bias)


def test_star_starts_as_the_shared_layer(x):
    layer = Star(S, H, OUT).double().eval()
    given = torch.from_numpy(x)
    plain = given @ layer.shared + layer.bias
    torch.testing.assert_close(layer(given, torch.from_numpy(SLOT)), plain)


def test_partitioned_norm_uses_the_figures_of_the_scenario(x):
    norm = PartitionedNorm(S, H).double().train()
    slot = torch.from_numpy(SLOT)
    got = norm(torch.from_numpy(x), slot).detach().numpy()
    for s in (1, 2):
        mine = x[s == SLOT]
        np.testing.assert_allclose(got[s == SLOT], (mine - mine.mean(0)) / np.sqrt(mine.var(0) + EPS), atol=1e-9)
    # Nobody's rows have the figures of all; a single row those that ran before, here 0 and 1.
    np.testing.assert_allclose(got[SLOT == 0], (x[SLOT == 0] - x.mean(0)) / np.sqrt(x.var(0) + EPS), atol=1e-9)
    np.testing.assert_allclose(got[SLOT == 3], x[SLOT == 3] / np.sqrt(1 + EPS))
    np.testing.assert_allclose(norm.mean[1], 0.1 * x[SLOT == 1].mean(0))
    np.testing.assert_allclose(norm.var[1], 0.9 + 0.1 * x[SLOT == 1].var(0, ddof=1))
    np.testing.assert_allclose(norm.mean[0], 0.1 * x.mean(0))
    assert not norm.mean[3].any()


def test_a_scenarios_norm_does_not_depend_on_what_else_is_in_the_batch(x):
    """A plain batch norm shifts a scenario by what the others look like."""
    slot = torch.from_numpy(SLOT)
    far = np.where(SLOT[:, None] == 2, x + 100, x)
    one, two = (PartitionedNorm(S, H).double().train()(torch.from_numpy(each), slot) for each in (x, far))
    torch.testing.assert_close(one[SLOT == 1], two[SLOT == 1])


def test_partitioned_norm_answers_row_by_row(x):
    norm = PartitionedNorm(S, H)
    for _ in range(5):
        norm.double().train()(torch.from_numpy(x), torch.from_numpy(SLOT))
    got = answer(norm, x, SLOT)
    for b, s in enumerate(SLOT):
        normed = (x[b] - w(norm.mean)[s]) / np.sqrt(w(norm.var)[s] + EPS)
        own = (w(norm.own_scale).reshape(S, H)[s], w(norm.own_shift).reshape(S, H)[s]) if s else (0.0, 0.0)
        np.testing.assert_allclose(got[b], normed * w(norm.scale) * (1 + own[0]) + w(norm.shift) + own[1])


def test_a_prior_gate_starts_at_one_and_teaches_the_prior_only(x):
    prior, other = torch.from_numpy(x[:, :2]), torch.from_numpy(x[:, 2:])
    gate = PriorGate(2, 3, OUT, 4).double()
    assert torch.equal(gate(prior, other), torch.ones(B, OUT, dtype=torch.float64))
    got = answer(gate, x[:, :2], x[:, 2:])
    hidden = np.maximum(linear(gate.first, x), 0)
    np.testing.assert_allclose(got, 2 / (1 + np.exp(-linear(gate.second, hidden))))
    prior.requires_grad_()
    other.requires_grad_()
    gate(prior, other).sum().backward()
    assert prior.grad.abs().sum() > 0
    assert other.grad is None


def test_an_adaptive_layer_turns_what_it_keeps(x):
    layer = Adaptive(H, OUT, 2, rank=3)
    condition = np.random.default_rng(2).normal(size=(B, 2))
    got = answer(layer, x, condition)
    core = linear(layer.core, condition).reshape(B, 3, 3)
    low = linear(layer.down_more, linear(layer.down, x))
    turned = low + np.einsum("bi,bij->bj", low, core)
    np.testing.assert_allclose(got, linear(layer.up, linear(layer.up_more, turned)))


def test_a_meta_unit_makes_its_layer(x):
    unit = MetaUnit(H, OUT, 2)
    condition = np.random.default_rng(2).normal(size=(B, 2))
    matrix, bias = (linear(part, condition) for part in (answer(unit, x, condition), unit.matrix, unit.bias)[1:])
    wanted = np.einsum("bi,bio->bo", x, matrix.reshape(B, H, OUT)) + bias
    np.testing.assert_allclose(answer(unit, x, condition), wanted)
    several = answer(unit, np.stack([x, 2 * x], 1), condition)
    np.testing.assert_allclose(several[:, 0], wanted)
    np.testing.assert_allclose(several[:, 1], 2 * (wanted - bias) + bias)


def test_attention_by_the_scenario_weighs_fields():
    rng = np.random.default_rng(5)
    vectors, scenario = rng.normal(size=(B, 4, H)), rng.normal(size=(B, H))
    block = ScenarioAttention(H)
    got = answer(block, vectors, scenario)
    logit = np.einsum("bfd,bd->bf", linear(block.look, vectors), linear(block.ask, scenario)) / np.sqrt(H)
    share = np.exp(logit) / np.exp(logit).sum(1, keepdims=True)
    np.testing.assert_allclose(got, vectors * share[:, :, None] * 4)


def test_scale_and_shift_leave_nobodys_rows_alone(x):
    block = ScaleShift(S, H)
    got = answer(block, x, SLOT)
    np.testing.assert_allclose(got[SLOT == 0], x[SLOT == 0])
    scale, shift = w(block.scale).reshape(S - 1, H), w(block.shift).reshape(S - 1, H)
    np.testing.assert_allclose(got[5], x[5] * (1 + scale[2]) + shift[2])
