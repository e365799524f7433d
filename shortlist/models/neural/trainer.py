"""The one trainer: it owns seeds, device, precision, optimisers, early stopping, checkpoints and budgets.

A task says what is trained (batches, a loss, a ranking figure for validation); the trainer does the rest in the same
way for every network. Randomness of an epoch comes from the seed and the epoch's number alone, so a run that was
interrupted gives what an uninterrupted one gives. Early stopping looks at a ranking figure, never at the loss.
Cost: what the task costs, plus a copy of the best weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, StageError
from shortlist.models.neural.checkpoint import Checkpoint, refuse_broken
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.optimiser import clip, densify, make_optimisers
from shortlist.models.neural.running_mean import RunningMean

Batch = dict[str, Tensor]

DROP = 4.0
"""What a drop divides the step by."""


class Task(Protocol):
    """What is trained."""

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """The batches of an epoch; every tensor has the batch as its first axis."""
        ...

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Loss summed over its terms, and how many terms there are; all randomness from `generator`."""
        ...

    def validate(self, module: nn.Module) -> float | None:
        """A ranking figure on events held back, higher is better; None if there is nothing to ask."""
        ...


@dataclass
class Report:
    """What happened in a training run.

    Attributes:
        epochs: passes made.
        best_epoch: passes that the weights which were kept have seen: the number of the pass, less those that a drop of
            the step threw away.
        dropped_after: passes that the weights had seen at each drop of the step.
        best: figure of that pass, NaN without validation.
        history: loss and figure of each epoch.
        core_seconds: CPU time of this process.
        stopped: why: "epochs", "patience" or "budget".
    """

    epochs: int = 0
    best_epoch: int = 0
    dropped_after: list[int] = field(default_factory=list)
    best: float = float("nan")
    history: list[dict[str, float]] = field(default_factory=list)
    core_seconds: float = 0.0
    stopped: str = "epochs"


def choose_device(name: str) -> torch.device:
    """The device to compute on.

    Raises:
        BadConfig: it does not exist here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise BadConfig(f"There is no device '{name}' here.", hint="Use auto or cpu.", field="device") from None
    return device


@contextmanager
def settings(config: TrainingConfig, ctx: FitContext) -> Iterator[None]:
    """Threads, determinism and the global generator for the length of a fit; all are put back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(max(1, ctx.threads))
    if config.deterministic:
        torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


def build(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network whose start depends on the seed alone; the global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def train(
    module: nn.Module,
    task: Task,
    config: TrainingConfig,
    ctx: FitContext,
    *,
    epochs: int | None = None,
    validate: bool = True,
    checkpoint: Checkpoint | None = None,
    part: tuple[int, int] = (0, 1),
) -> Report:
    """Train a network in place and leave the best weights in it.

    Args:
        module: on any device; comes back on the CPU in evaluation mode.
        task: what is trained.
        config: how.
        ctx: seed, threads, progress.
        epochs: instead of the configured number.
        validate: whether to look at the figure and stop early; otherwise the last weights are kept.
        checkpoint: where to resume from and write to.
        part: (rank, number) of this process among those that share each batch.

    Raises:
        StageError: the loss, or a weight after a pass, is no number; the last checkpoint stays.
    """
    with settings(config, ctx):
        return _Run(module, task, config, ctx, epochs or config.epochs, validate, checkpoint, part).go()


class _Run:
    """One training run."""

    def __init__(
        self, module: nn.Module, task: Task, config: TrainingConfig, ctx: FitContext, epochs: int, validate: bool,
        checkpoint: Checkpoint | None, part: tuple[int, int],
    ) -> None:  # fmt: skip
        self.module, self.task, self.config, self.ctx = module, task, config, ctx
        self.epochs, self.validates, self.checkpoint, self.part = epochs, validate, checkpoint, part
        self.device = choose_device(config.device)
        self.report = Report()
        self.best: dict[str, Tensor] = {}
        self.stale = 0
        self.seen = 0
        """Passes that the weights have seen: fewer than were made, once a drop has gone back to better ones."""
        self.mean: RunningMean | None = None

    def go(self) -> Report:
        """All epochs, or fewer."""
        module, report, config = self.module.to(self.device), self.report, self.config
        if config.compile or self.part[1] > 1:
            # Neither the compiler nor the exchange between processes knows sparse gradients.
            densify(module)
        net: Any = torch.compile(module) if config.compile else module
        self.optimisers = optimisers = make_optimisers(module, config)
        kept: list[Any] = [*optimisers]
        if config.average_passes > 0:
            self.mean = RunningMean([p for p in module.parameters() if p.requires_grad], config.average_passes)
            kept.append(self.mean)
        scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "float16")
        began = time.process_time()
        first = self._resume(kept)
        spent = report.core_seconds
        for epoch in range(first, self.epochs + 1):
            if report.stopped != "epochs":
                break
            self._slow_down()
            loss = self._epoch(net, optimisers, scaler, epoch)
            self.seen += 1
            # The last step of a pass may ruin what its own loss did not show; that must not become the checkpoint.
            refuse_broken(module, "the network", f"epoch {epoch}; the last checkpoint is kept")
            report.epochs, report.core_seconds = epoch, spent + time.process_time() - began
            with nullcontext() if self.mean is None else self.mean.in_place():
                better = self._judge(epoch, loss)
            if better is not None:
                module.load_state_dict(better)
                if self.mean is not None:
                    self.mean.restart()
            if config.max_core_seconds is not None and report.core_seconds >= config.max_core_seconds:
                report.stopped = "budget"
            if self.checkpoint is not None and self.part[0] == 0:
                progress = {**vars(report), "stale": self.stale, "seen": self.seen}
                self.checkpoint.write(module, kept, self.best, progress)
            self.ctx.progress(epoch, self.epochs)
        if self.best:
            module.load_state_dict(self.best)
        else:
            report.best_epoch = self.seen
            if self.mean is not None:
                self.mean.put()
        module.to("cpu").eval()
        return report

    def _resume(self, optimisers: list[Any]) -> int:
        found = self.checkpoint.read(self.module, optimisers) if self.checkpoint is not None else None
        if found is None:
            return 1
        self.best, progress = found
        self.stale, self.seen = progress.pop("stale"), progress.pop("seen")
        for name, value in progress.items():
            setattr(self.report, name, value)
        if self.report.stopped == "budget":
            self.report.stopped = "epochs"
        return self.report.epochs + 1

    def _epoch(self, net: Any, optimisers: list[Any], scaler: Any, epoch: int) -> float:
        rank, world = self.part
        rng = np.random.default_rng([self.ctx.seed, epoch])
        generator = torch.Generator().manual_seed(_mixed(self.ctx.seed, epoch))
        torch.manual_seed(_mixed(self.ctx.seed + 1 + rank, epoch))
        half = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(self.config.precision)
        self.module.train()
        total, terms = 0.0, 0
        for step, batch in enumerate(self.task.batches(epoch, rng)):
            mine = {name: value[rank::world].to(self.device) for name, value in batch.items()}
            with torch.autocast(self.device.type, dtype=half, enabled=half is not None):
                loss, count = self.task.loss(net, mine, generator)
            value = float(loss.detach())
            if not np.isfinite(value):
                raise StageError(
                    f"The loss is {value} at step {step} of epoch {epoch}.",
                    hint="Lower learning_rate or clip, or use precision float32; the last checkpoint is kept.",
                )
            total, terms = total + value, terms + count
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            if world > 1:
                count = _summed(count)
            if count == 0:
                continue
            scaler.scale(loss / count).backward()
            for optimiser in optimisers:
                scaler.unscale_(optimiser)
            if world > 1:
                _sum_gradients(self.module)
            clip(self.module, self.config.clip)
            for optimiser in optimisers:
                scaler.step(optimiser)
            scaler.update()
            if self.mean is not None:
                self.mean.step()
        if self.mean is not None:
            self.mean.end_pass()
        return total / max(1, terms)

    def _slow_down(self) -> None:
        """The step of the coming pass."""
        dropped = self.report.dropped_after
        if not self.validates and self.seen not in dropped:
            dropped += [self.seen] * self.config.learning_rate_drops_after.count(self.seen)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.config.learning_rate / DROP ** len(dropped)

    def _judge(self, epoch: int, loss: float) -> dict[str, Tensor] | None:
        """Validate where it is due. Returns: weights to go back to, or None to go on from those there are."""
        report, entry = self.report, {"epoch": float(epoch), "loss": loss}
        report.history.append(entry)
        due = self.validates and (epoch % self.config.validate_every == 0 or epoch == self.epochs)
        if not due:
            return None
        self.module.eval()
        with torch.inference_mode():
            figure = self.task.validate(self.module)
        if figure is None:
            return None
        entry["figure"] = figure
        if not self.best or figure > report.best:
            report.best, report.best_epoch, self.stale = figure, self.seen, 0
            self.best = {name: value.detach().clone() for name, value in self.module.state_dict().items()}
            return None
        self.stale += 1
        if self.stale < self.config.patience:
            return None
        if len(report.dropped_after) >= self.config.learning_rate_drops:
            report.stopped = "patience"
            return None
        report.dropped_after.append(report.best_epoch)
        self.seen, self.stale = report.best_epoch, 0
        return self.best


@contextmanager
def refitting(model: Any, found: Report | None) -> Iterator[None]:
    """A model's `config` with the drops of the step that its search found, for the length of a refit."""
    chosen = model.config
    if found is not None:
        model.config = chosen.model_copy(update={"learning_rate_drops_after": tuple(found.dropped_after)})
    try:
        yield
    finally:
        model.config = chosen


def checkpoint_for(config: TrainingConfig, phase: str, run: dict[str, Any]) -> Checkpoint | None:
    """The checkpoint of a phase of a fit ("search", "refit"), if the configuration names a folder."""
    if config.checkpoint is None:
        return None
    settings_ = config.model_dump(
        mode="json", exclude={"checkpoint", "max_core_seconds", "epochs", "workers", "device"}
    )
    return Checkpoint(Path(config.checkpoint) / phase, {**run, "settings": settings_})


def _mixed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _summed(count: int) -> int:
    from torch import distributed

    every = torch.tensor([float(count)])
    distributed.all_reduce(every)
    return int(every)


def _sum_gradients(module: nn.Module) -> None:
    from torch import distributed

    for p in module.parameters():
        if p.requires_grad:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
            distributed.all_reduce(p.grad)
