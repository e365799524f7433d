"""POSO and MeLU: what they do for people who did little; the rest is checked with the towers."""

import torch

from shortlist.models.cold.melu import Adapted
from shortlist.models.cold.poso import GatedLayers, length_code
from shortlist.models.neural.blocks.mean_pool import MeanPool


def three(seed=0):
    torch.manual_seed(seed)
    mask = torch.tensor([[True] * 6, [True, True, True, False, False, False]])
    return torch.randn(2, 6, 4) * mask.unsqueeze(-1), mask


def test_lengths_are_told_apart_by_doubling():
    mask = torch.ones(1, 1200, dtype=torch.bool)
    code = length_code(mask)[0]
    assert code[[0, 1, 2, 3, 4, 7, 8]].tolist() == [0, 1, 2, 2, 3, 3, 4]
    assert code.max() == 9


def test_poso_gives_newcomers_layers_that_regulars_do_not_change():
    x, mask = three()
    block = GatedLayers(4, MeanPool(4), experts=2, hidden=5, dropout=0.0).eval()
    before = block(x, mask)
    with torch.no_grad():
        block.gate.weight[3] += 5.0  # histories of five to eight events
    after = block(x, mask)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[0, 4:], after[0, 4:])
    torch.testing.assert_close(block(x[:, :3], mask[:, :3]), after[:, :3], msg="the future is never seen")


def test_melu_steps_down_the_loss_of_what_was_done():
    x, mask = three()
    one = Adapted(4, steps=1, step=0.5)
    with torch.no_grad():
        one.start.normal_()
        one.average.normal_()
    start = one.start.detach().clone().requires_grad_()
    seen = x[1, :3]
    loss = torch.nn.functional.softplus(-(seen @ start)).mean() + torch.nn.functional.softplus(start @ one.average)
    [slope] = torch.autograd.grad(loss, start)
    torch.testing.assert_close(one(x, mask)[1, 2], start - 0.5 * slope)
    many = Adapted(4, steps=3, step=0.5)
    many.load_state_dict(one.state_dict())
    assert not torch.allclose(many(x, mask)[1, 2], one(x, mask)[1, 2])
    torch.testing.assert_close(many(x[:, :3], mask[:, :3])[1], many(x, mask)[1, :3], msg="padding changes nothing")
    other = x.clone()
    other[:, 3:] = 9.0
    torch.testing.assert_close(many(other, mask)[:, :3], many(x, mask)[:, :3], msg="the future is never seen")
    many(x, mask).sum().backward()
    assert many.start.grad.abs().sum() > 0
    assert many.step.grad.abs().sum() > 0, "how far to step is learned too"
