"""Mult-VAE: what goes in, what comes out, and how much the prior weighs."""

import numpy as np
import pytest
import torch

from shortlist.core.types import History
from shortlist.models.neural.fields import FIRST
from shortlist.models.towers._autoencoder import VaeNet
from shortlist.models.towers.mult_vae import Config, WholeHistory


def net(dropout=0.0, denoising=False):
    torch.manual_seed(0)
    return VaeNet(6, 5, 3, dropout, denoising)


def test_the_input_has_length_one_and_is_hidden_in_training_only():
    """Twice the counts are the same history; a share of it is zeroed, the rest scaled up."""
    model = net(dropout=0.5).eval()
    x = torch.tensor([[1.0, 0, 1, 1, 0, 1]])
    torch.testing.assert_close(model(2 * x)[0], model(x)[0])
    seen = []
    model.read.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    model(x)
    assert seen[0].norm().item() == pytest.approx(1.0)
    model.train()
    for _ in range(200):
        model(x)
    hidden = (torch.cat(seen[1:]) == 0)[:, x[0] > 0].float().mean().item()
    assert hidden == pytest.approx(0.5, abs=0.06)


def test_answers_use_the_mean_and_training_draws():
    model, x = net(), torch.tensor([[1.0, 0, 1, 1, 0, 1]])
    model.train()
    assert not torch.equal(model(x)[0], model(x)[0])
    model.eval()
    assert torch.equal(model(x)[0], model(x)[0])
    torch.testing.assert_close(model.answer(model.user(x)), model(x)[0])
    mean, log_variance = model.code(torch.tanh(model.read(torch.nn.functional.normalize(x, dim=1)))).chunk(2, 1)
    want = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum()
    torch.testing.assert_close(model(x)[1].sum(), want)


def test_the_weight_of_the_prior_grows_to_its_cap_and_goes_on_where_the_last_pass_ended():
    history = History.of([[FIRST + user % 6] for user in range(10)])
    task = WholeHistory(history, 6, Config(batch_size=2, anneal_steps=8, prior=0.2), None)
    rng = np.random.default_rng(0)
    weights = [batch["prior"][0].item() for epoch in (1, 2, 3) for batch in task.batches(epoch, rng)]
    assert weights == pytest.approx([0.2 * min(1.0, step / 8) for step in range(1, 16)])
    model = net()
    x = torch.tensor([[1.0, 0, 1, 1, 0, 1]])
    logits, divergence = model.eval()(x)
    loss, rows = task.loss(model, {"x": x, "prior": torch.tensor([0.1])}, torch.Generator())
    by_hand = -(torch.log_softmax(logits, 1) * x).sum() + 0.1 * divergence.sum()
    torch.testing.assert_close(loss, by_hand)
    assert rows == 1
