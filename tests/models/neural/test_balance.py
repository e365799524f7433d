"""Balances against their definitions, on a network small enough to work out by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from shortlist.models.neural.balance import BALANCES, gradients, shortest

GENERATOR = torch.Generator().manual_seed(0)


class Toy(nn.Module):
    """A shared table and a shared matrix, and a vector for each of two tasks."""

    def __init__(self, balance="fixed", weights=(1.0, 1.0), least=0.0):
        super().__init__()
        torch.manual_seed(1)
        self.table = nn.Embedding(6, 3, padding_idx=0, sparse=True)
        self.shared = nn.Linear(3, 3, bias=False)
        first = torch.randn(3)
        self.own = nn.ParameterList([first, 0.2 * torch.randn(3) - first])  # the two want opposite things
        self.balance = BALANCES[balance](weights, least)

    def losses(self, scale=(1.0, 1.0)):
        x = self.shared(self.table(torch.tensor([1, 2, 2, 5, 0])))
        wanted = torch.tensor([1.0, 0, 2, 0, 1])
        return torch.stack([s * (x @ own - wanted).square().mean() for s, own in zip(scale, self.own, strict=True)])

    def total(self, scale=(1.0, 1.0)):
        return self.balance(self.losses(scale), self, GENERATOR)


def grads(loss, module):
    weights = [p for name, p in module.named_parameters() if not name.startswith("balance")]
    found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return [None if g is None else g.to_dense() if g.is_sparse else g for g in found]


def shared_part(found):
    return torch.cat([g.flatten() for g in found[:2]])


def test_fixed_weights_multiply():
    toy = Toy(weights=(2.0, 0.5))
    losses = toy.losses().tolist()
    assert toy.total().item() == pytest.approx(2 * losses[0] + 0.5 * losses[1])


def test_uncertainty_starts_at_the_sum_and_may_fall_below_zero():
    toy = Toy("uncertainty")
    assert toy.total().item() == pytest.approx(toy.losses().sum().item())
    with torch.no_grad():
        toy.balance.log_variance.fill_(-8.0)
    small = toy.balance(torch.tensor([1e-5, 1e-5]), toy, GENERATOR)
    assert small.item() < 0
    with torch.no_grad():
        toy.balance.log_variance.zero_()
    # At its best, exp(-s) * loss = 1/2: the noisier task has the smaller weight, in proportion.
    optimiser = torch.optim.SGD([toy.balance.log_variance], lr=0.5)
    for _ in range(60):
        optimiser.zero_grad()
        toy.balance(torch.tensor([0.2, 2.0]), toy, GENERATOR).backward()
        optimiser.step()
    np.testing.assert_allclose(torch.exp(-toy.balance.log_variance).detach(), [2.5, 0.25], rtol=1e-3)


@pytest.mark.parametrize("scale", [(1.0, 1.0), (10.0, 1.0)])
def test_gradnorm_brings_gradients_to_one_length_whatever_the_scale(scale):
    toy = Toy("gradnorm")
    for step in range(300):  # the factors alone move; both losses stand still, so both keep one pace
        pull = torch.autograd.grad(toy.total(scale), toy.balance.factor)[0]
        with torch.no_grad():
            toy.balance.factor -= 0.05 * 0.98**step * pull.sign()
    toy.total(scale)
    lengths = [float(shared_part(grads(loss, toy)).norm()) for loss in toy.losses(scale)]
    factor = toy.balance.factor.detach().numpy()
    assert factor.sum() == pytest.approx(2.0, abs=1e-5)
    assert factor[0] * lengths[0] == pytest.approx(factor[1] * lengths[1], rel=0.03)


def test_gradnorm_leaves_the_factors_out_of_the_gradient_of_the_network():
    toy = Toy("gradnorm")
    got, plain = grads(toy.total(), toy), grads(toy.losses().sum(), toy)
    for one, other in zip(got, plain, strict=True):
        torch.testing.assert_close(one, other)


def test_gradnorm_gives_the_slower_task_more():
    toy = Toy("gradnorm")
    toy.total()
    with torch.no_grad():
        toy.balance.first.copy_(toy.losses() * torch.tensor([1.0, 4.0]))  # task 1 has come down to a quarter
    equal = Toy("gradnorm")
    equal.total()
    slow, same = (torch.autograd.grad(each.total(), each.balance.factor)[0] for each in (toy, equal))
    assert slow[0] < same[0] or slow[1] > same[1]


def test_pcgrad_takes_away_what_hurts_the_other():
    toy = Toy("pcgrad")
    one, two = (grads(loss, toy) for loss in toy.losses())
    a, b = shared_part(one), shared_part(two)
    assert a @ b < 0, "the toy's tasks pull apart"
    mended = a + b - (a @ b) / (b @ b) * b - (a @ b) / (a @ a) * a
    total = toy.total()
    got = grads(total, toy)
    torch.testing.assert_close(shared_part(got), mended)
    torch.testing.assert_close(got[2], one[2])
    torch.testing.assert_close(got[3], two[3])
    assert total.item() == pytest.approx(toy.losses().sum().item())


def test_pcgrad_leaves_tasks_alone_that_agree():
    toy = Toy("pcgrad")
    losses = toy.losses()
    same = torch.stack([losses[0], 2 * losses[0]])
    got = grads(toy.balance(same, toy, GENERATOR), toy)
    torch.testing.assert_close(shared_part(got), shared_part(grads(3 * losses[0], toy)))


def test_pareto_weights_make_the_joint_gradient_shortest():
    toy = Toy("pareto")
    a, b = (shared_part(grads(loss, toy)) for loss in toy.losses())
    share = float(((b - a) @ b / (a - b).square().sum()).clamp(0, 1))
    torch.testing.assert_close(shared_part(grads(toy.total(), toy)), 2 * (share * a + (1 - share) * b))


@pytest.mark.parametrize("least", [0.0, 0.15, 0.3])
def test_shortest_against_a_grid(least):
    vectors = np.random.default_rng(4).normal(size=(3, 5))
    vectors[1] *= 5
    gram = vectors @ vectors.T
    found = shortest(gram, least)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= least - 1e-9
    steps = np.linspace(least, 1 - 2 * least, 60)
    grid = [(p, q, 1 - p - q) for p in steps for q in steps if 1 - p - q >= least - 1e-12]
    assert found @ gram @ found <= min(np.array(each) @ gram @ np.array(each) for each in grid) + 1e-9


def test_shortest_bears_equal_and_absent_gradients():
    assert shortest(np.ones((2, 2)), 0.1).sum() == pytest.approx(1)
    assert shortest(np.zeros((3, 3)), 0.0).sum() == pytest.approx(1)


def test_gradients_are_those_of_single_losses():
    toy = Toy()
    one, two = (grads(loss, toy) for loss in toy.losses())
    for got, mine, other in zip(gradients(toy.losses(), toy), one, two, strict=True):
        for task, wanted in enumerate((mine, other)):
            full = torch.zeros_like(got.weight)
            rows = got.each[task].view(-1, *got.weight.shape[1:])
            full[slice(None) if got.rows is None else got.rows] = rows
            torch.testing.assert_close(full, wanted)
    shared = [bool(each.shared.any()) for each in gradients(toy.losses(), toy)]
    assert shared == [True, True, False, False]
