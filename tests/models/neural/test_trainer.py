import json

import numpy as np
import pytest
import torch
from torch import nn

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, BundleCorrupt, BundleMismatch, StageError
from shortlist.models.neural.checkpoint import Checkpoint, read_weights, write_weights
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.optimiser import RowOptimiser, clip, make_optimisers
from shortlist.models.neural.trainer import build, choose_device, train
from shortlist.models.neural.workers import train_with_workers

CTX = FitContext(seed=4, threads=1)


class Line:
    """Fit y = 2x with an embedding beside it; the figure of validation is given."""

    def __init__(self, figures=None, poison=None, dropout=False):
        rng = np.random.default_rng(0)
        self.x = torch.from_numpy(rng.normal(size=(64, 1)).astype(np.float32))
        self.figures, self.poison, self.asked = figures, poison, 0

    def batches(self, epoch, rng):
        order = rng.permutation(64)
        for start in range(0, 64, 16):
            rows = torch.from_numpy(order[start : start + 16])
            x = self.x[rows]
            if self.poison == epoch:
                x = x * float("nan")
            yield {"x": x, "id": rows % 3 + 1}

    def loss(self, module, batch, generator):
        y = module(batch["x"], batch["id"])
        return ((y - 2 * batch["x"]) ** 2).sum(), len(y)

    def validate(self, module):
        if self.figures is None:
            return None
        self.asked += 1
        return self.figures[self.asked - 1]


class Net(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.table = nn.Embedding(8, 2, padding_idx=0)
        self.line = nn.Linear(3, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, ids):
        return self.line(self.dropout(torch.cat([x, self.table(ids)], 1)))


def same(one, two, **tolerance):
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, two.state_dict()[name], **(tolerance or {"rtol": 0, "atol": 0}))


def test_it_learns_and_leaves_the_network_ready_to_score():
    net = build(Net, 1)
    report = train(net, Line(), TrainingConfig(epochs=60, learning_rate=0.05), CTX)
    assert report.history[-1]["loss"] < 0.01 * report.history[0]["loss"]
    assert not net.training, "dropout is off when scoring"
    assert report.stopped == "epochs"
    assert report.best_epoch == 60


def test_early_stop_looks_at_the_ranking_figure_and_keeps_its_weights():
    """The loss goes on falling; the figure peaks at pass 2 and stopping obeys the figure."""
    net, config = build(Net, 1), TrainingConfig(epochs=50, patience=3, learning_rate=0.05)
    report = train(net, Line(figures=[0.1, 0.5, 0.4, 0.3, 0.2, 0.9]), config, CTX)
    assert (report.best_epoch, report.best, report.epochs, report.stopped) == (2, 0.5, 5, "patience")
    losses = [entry["loss"] for entry in report.history]
    assert losses[4] < losses[1]
    again = build(Net, 1)
    train(again, Line(), TrainingConfig(epochs=2, learning_rate=0.05), CTX)
    same(net, again)


def test_a_seed_fixes_everything_and_the_global_generator_is_left_alone():
    nets, config = [build(lambda: Net(0.3), 1) for _ in range(2)], TrainingConfig(epochs=3)
    before = torch.random.get_rng_state()
    threads = torch.get_num_threads()
    for net in nets:
        torch.manual_seed(torch.initial_seed())
        train(net, Line(), config, CTX)
    same(*nets)
    torch.random.set_rng_state(before)
    train(nets[0], Line(), config, FitContext(seed=4, threads=1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    other = build(lambda: Net(0.3), 1)
    train(other, Line(), config, FitContext(seed=5, threads=1))
    assert not torch.equal(other.line.weight, nets[1].line.weight)


@pytest.mark.parametrize("average_passes", [0.0, 1.5])
def test_interrupted_training_resumes_to_the_same_result(tmp_path, average_passes):
    figures = [0.1, 0.2, 0.3, 0.25, 0.2, 0.1]
    config = TrainingConfig(epochs=6, learning_rate=0.05, average_passes=average_passes)
    whole = build(lambda: Net(0.3), 1)
    report = train(whole, Line(figures), config, CTX)

    class Stopped(Exception):
        pass

    def crash(done, total):
        if done == 4:
            raise Stopped

    first = build(lambda: Net(0.3), 1)
    with pytest.raises(Stopped):
        train(first, Line(figures), config, FitContext(4, 1, crash), checkpoint=Checkpoint(tmp_path, {"run": 1}))
    second, task = build(lambda: Net(0.3), 99), Line(figures[4:])
    again = train(second, task, config, CTX, checkpoint=Checkpoint(tmp_path, {"run": 1}))
    same(whole, second)
    assert task.asked == 2, "passes 5 and 6 only"
    assert (again.best_epoch, again.epochs, again.history) == (report.best_epoch, report.epochs, report.history)
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


def test_a_running_mean_is_kept_instead_of_the_last_weights(tmp_path):
    def weights(**settings):
        net = build(lambda: Net(), 1)
        train(net, Line(), TrainingConfig(epochs=1, learning_rate=0.05, **settings), CTX)
        return net.line.weight.detach().clone()

    first = weights()
    assert torch.equal(weights(average_passes=1.0), first), "the mean starts after the first pass"
    seen, net = [], build(lambda: Net(), 1)
    # Four steps a pass; the plain net is stopped after every step of the second pass by a task of that length.
    for steps in range(1, 5):
        short, one = Line(), build(lambda: Net(), 1)
        whole = short.batches
        short.batches = lambda epoch, rng, n=steps, all_=whole: list(all_(epoch, rng))[: 4 if epoch == 1 else n]
        train(one, short, TrainingConfig(epochs=2, learning_rate=0.05), CTX)
        seen.append(one.line.weight.detach().clone())
    train(net, Line(), TrainingConfig(epochs=2, learning_rate=0.05, average_passes=1e9), CTX)
    torch.testing.assert_close(net.line.weight, torch.stack([first, *seen]).mean(0))
    near = build(lambda: Net(), 1)
    train(near, Line(), TrainingConfig(epochs=2, learning_rate=0.05, average_passes=1e-9), CTX)
    torch.testing.assert_close(near.line.weight, seen[-1])


def test_validation_asks_the_mean_and_training_goes_on_from_the_weights():
    config = TrainingConfig(epochs=3, learning_rate=0.05)
    plain, mean, asked = build(lambda: Net(), 1), build(lambda: Net(), 1), []
    task = Line()
    task.validate = lambda module: asked.append(module.line.weight.detach().clone()) or float(len(asked))
    train(mean, task, config.model_copy(update={"average_passes": 2.0}), CTX)
    train(plain, Line(), config, CTX)
    assert torch.equal(mean.line.weight, asked[-1])
    assert not torch.equal(mean.line.weight, plain.line.weight)
    last = build(lambda: Net(), 1)
    train(last, Line(), config.model_copy(update={"average_passes": 1e-9}), CTX)
    torch.testing.assert_close(last.line.weight, plain.line.weight)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    train(build(Net, 1), Line(), TrainingConfig(epochs=1), CTX, checkpoint=Checkpoint(tmp_path, {"data": "a"}))
    with pytest.raises(BundleMismatch, match="data differ"):
        train(build(Net, 1), Line(), TrainingConfig(epochs=1), CTX, checkpoint=Checkpoint(tmp_path, {"data": "b"}))
    wide = nn.Linear(9, 9)
    write_weights(tmp_path / "w.safetensors", wide.state_dict())
    with pytest.raises(BundleMismatch, match="another network"):
        read_weights(tmp_path / "w.safetensors", nn.Linear(9, 8))
    (tmp_path / "w.safetensors").write_bytes(b"garbage")
    with pytest.raises(BundleCorrupt):
        read_weights(tmp_path / "w.safetensors", wide)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"garbage")
    with pytest.raises(BundleCorrupt, match="cannot be read"):
        train(build(Net, 1), Line(), TrainingConfig(epochs=1), CTX, checkpoint=Checkpoint(tmp_path, {"data": "a"}))


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path):
    checkpoint = Checkpoint(tmp_path, {})
    with pytest.raises(StageError, match="step 0 of epoch 3"):
        train(build(Net, 1), Line(poison=3), TrainingConfig(epochs=5), CTX, checkpoint=checkpoint)
    kept = build(Net, 1)
    _, progress = checkpoint.read(kept, make_optimisers(kept, TrainingConfig()))
    assert progress["epochs"] == 2
    assert all(torch.isfinite(p).all() for p in kept.parameters())


def test_a_last_step_that_ruins_the_weights_is_not_written_down(tmp_path):
    """Its loss was a number and no later step of the pass would tell."""
    checkpoint, task = Checkpoint(tmp_path, {}), Line()
    whole, asked = task.loss, []

    def steep(module, batch, generator):
        loss, count = whole(module, batch, generator)
        asked.append(count)
        return (loss + 0.0 * torch.sqrt(0.0 * module.line.weight.sum()) if len(asked) == 8 else loss), count

    task.loss = steep
    with pytest.raises(StageError, match="of the network is not finite after epoch 2"):
        train(build(Net, 1), task, TrainingConfig(epochs=5), CTX, checkpoint=checkpoint)
    assert len(asked) == 8, "four steps a pass"
    kept = build(Net, 1)
    _, progress = checkpoint.read(kept, make_optimisers(kept, TrainingConfig()))
    assert progress["epochs"] == 1
    assert all(torch.isfinite(p).all() for p in kept.parameters())


def test_a_budget_stops_after_the_pass_that_spends_it():
    report = train(build(Net, 1), Line(), TrainingConfig(epochs=500, max_core_seconds=1e-9), CTX)
    assert (report.epochs, report.stopped) == (1, "budget")


def test_progress_is_told_between_passes():
    told = []
    train(build(Net, 1), Line(), TrainingConfig(epochs=3), FitContext(0, 1, lambda *at: told.append(at)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("kind", ["adam", "adagrad"])
def test_rows_without_a_gradient_stay_where_they_are(kind):
    """Neither momentum nor weight decay moves an item that a step does not touch."""
    net = build(Net, 1)
    optimisers = make_optimisers(net, TrainingConfig(reg=0.5, embedding_optimiser=kind))
    ids = torch.tensor([1, 2])
    for _ in range(3):  # rows 1 and 2 gather momentum
        net(torch.ones(2, 1), ids).sum().backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
    before = net.table.weight.detach().clone()
    net(torch.ones(1, 1), torch.tensor([1])).sum().backward()
    for optimiser in optimisers:
        optimiser.step()
    moved = (net.table.weight != before).any(1)
    assert moved.tolist() == [False, True, *[False] * 6]


def test_dense_adam_moves_tables_as_plain_adam_does_and_never_decays_them():
    """Rows that a step does not touch go on by momentum, so that an event of a rare item counts for more."""
    ours, theirs = build(Net, 1), build(Net, 1)
    optimisers = make_optimisers(ours, TrainingConfig(reg=0.5, embedding_optimiser="dense_adam"))
    plain = torch.optim.Adam([theirs.table.weight], TrainingConfig().learning_rate, betas=(0.9, 0.98))
    for ids in ([1, 2], [1], [1]):
        for net, moving in ((ours, optimisers), (theirs, [plain])):
            net.zero_grad()
            net.table(torch.tensor(ids)).sum().backward()
            for optimiser in moving:
                optimiser.step()
        torch.testing.assert_close(ours.table.weight, theirs.table.weight)
    start = build(Net, 1).table.weight
    far = (ours.table.weight - start).abs()
    # Row 2 was touched in the first of three steps alone; lazily it would have moved by one step.
    assert bool((far[2] > 2 * TrainingConfig().learning_rate).all())
    torch.testing.assert_close(ours.table.weight[3:], start[3:])


def test_row_adam_is_adam_where_every_row_is_touched():
    torch.manual_seed(0)
    start = torch.randn(4, 3)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    mine, plain = RowOptimiser([ours], 0.01), torch.optim.Adam([theirs], 0.01, betas=(0.9, 0.98))
    for step in range(5):
        grad = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        ours.grad, theirs.grad = grad.clone(), grad.clone()
        mine.step()
        plain.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_sparse_gradients_move_tables_as_dense_ones_do():
    torch.manual_seed(0)
    start = torch.randn(6, 3)
    moved = []
    for sparse in (False, True):
        embed = nn.Embedding(6, 3, padding_idx=0, sparse=sparse, _weight=start.clone())
        optimiser = RowOptimiser([embed.weight], 0.01)
        for ids in ([1, 2, 2, 0], [2, 5], [1, 1]):
            (embed(torch.tensor(ids)) ** 2).sum().backward()
            clip(embed, 1.0)
            norm = (embed.weight.grad.to_dense() if sparse else embed.weight.grad).norm()
            assert norm.item() <= 1.0 + 1e-5
            optimiser.step()
            optimiser.zero_grad()
        moved.append(embed.weight.detach())
    torch.testing.assert_close(*moved)
    assert (moved[0] != start).any(1).tolist() == [False, True, True, False, False, True]


def test_weight_decay_is_for_matrices_only():
    net = build(Net, 1)
    groups = [group for optimiser in make_optimisers(net, TrainingConfig(reg=0.1)) for group in optimiser.param_groups]
    decayed = {id(p) for group in groups if group.get("weight_decay") for p in group["params"]}
    assert decayed == {id(net.line.weight)}


def test_half_precision_trains():
    net = build(Net, 1)
    config = TrainingConfig(epochs=30, learning_rate=0.05, precision="bfloat16")
    report = train(net, Line(), config, CTX)
    assert report.history[-1]["loss"] < 0.05 * report.history[0]["loss"]
    assert net.line.weight.dtype == torch.float32


def test_devices_are_named():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(BadConfig, match="no device"):
        choose_device("abacus")


def test_two_workers_reach_what_one_reaches():
    one, two = build(Net, 1), build(Net, 1)
    config = TrainingConfig(epochs=2, learning_rate=0.05)
    alone = train(one, Line(figures=[0.1, 0.2]), config, CTX)
    shared = train_with_workers(two, Line(figures=[0.1, 0.2]), config.model_copy(update={"workers": 2}), CTX)
    same(one, two, rtol=1e-4, atol=1e-6)
    assert shared.best_epoch == alone.best_epoch
    assert json.dumps(vars(shared))


FIGURES = [0.1, 0.5, 0.4, 0.3, 0.6, 0.7, 0.2, 0.1, 0.3, 0.2]
"""Stalls at pass 2, seen after pass 4; better at 5 and 6, passes 3 and 4 of the weights; stalls for good at 8."""


def test_a_stalled_figure_divides_the_step_and_goes_on_from_the_best_weights():
    config = TrainingConfig(epochs=20, patience=2, learning_rate=0.05, learning_rate_drops=1)
    net, asked = build(Net, 1), []
    task = Line(FIGURES)
    figure_of = task.validate

    def validate(module):
        asked.append({name: value.clone() for name, value in module.state_dict().items()})
        return figure_of(module)

    task.validate = validate
    report = train(net, task, config, CTX)
    assert (report.epochs, report.best_epoch, report.best) == (8, 4, 0.7)
    assert (report.dropped_after, report.stopped) == ([2], "patience")
    same(net, _filled(asked[5]))

    def moved(before, after):
        return float((after["line.weight"] - before["line.weight"]).abs().max())

    first, after_the_drop = moved(asked[0], asked[1]), moved(asked[1], asked[4])
    assert after_the_drop < 0.6 * first, "a pass of smaller steps, from the weights of pass 2"


def test_a_refit_takes_the_drops_of_its_search():
    """Without validation the step falls after the passes given, as often as they are given."""

    def weights(epochs, drops, rate=0.05):
        net = build(Net, 1)
        report = train(
            net, Line(), TrainingConfig(epochs=epochs, learning_rate=rate, learning_rate_drops_after=drops), CTX,
            validate=False,
        )  # fmt: skip
        assert report.dropped_after == [passes for passes in drops if passes < epochs]
        return net

    same(weights(2, (2, 2)), weights(2, ()))
    same(weights(3, (0,)), weights(3, (), rate=0.0125))
    same(weights(3, (0, 0)), weights(3, (), rate=0.003125))
    assert not torch.equal(weights(3, (2,)).line.weight, weights(3, ()).line.weight)
    assert not torch.equal(weights(3, (2, 2)).line.weight, weights(3, (2,)).line.weight)


@pytest.mark.parametrize("crash_after", [3, 4, 5])
def test_an_interrupted_fit_with_drops_resumes_to_the_same_result(tmp_path, crash_after):
    config = TrainingConfig(epochs=20, patience=2, learning_rate=0.05, learning_rate_drops=1, average_passes=1.5)
    whole = build(lambda: Net(0.3), 1)
    report = train(whole, Line(FIGURES), config, CTX)

    class Stopped(Exception):
        pass

    def crash(done, total):
        if done == crash_after:
            raise Stopped

    with pytest.raises(Stopped):
        train(
            build(lambda: Net(0.3), 1), Line(FIGURES), config, FitContext(4, 1, crash),
            checkpoint=Checkpoint(tmp_path, {"run": 1}),
        )  # fmt: skip
    second = build(lambda: Net(0.3), 99)
    again = train(second, Line(FIGURES[crash_after:]), config, CTX, checkpoint=Checkpoint(tmp_path, {"run": 1}))
    same(whole, second)
    assert (again.best_epoch, again.dropped_after, again.history) == (
        report.best_epoch,
        report.dropped_after,
        report.history,
    )


def _filled(state):
    net = Net()
    net.load_state_dict(state)
    return net
