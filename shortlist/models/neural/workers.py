"""Several processes for one fit: every batch is divided among them and their gradients are added up.

The result is that of one process up to rounding, because loss and gradient are sums over rows, divided by the number of
rows of all. Where numbers are drawn for each row of a part (dropout, hidden events of `bert4rec`, hidden ids of items
with content, negatives per event) it is another draw of the same method. Worth it where a step takes far longer than
adding up gradients does; on one machine threads (`FitContext.threads`) usually serve better. Fresh processes are
started, so a script that asks for them needs the usual `if __name__ == "__main__":`.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import tempfile
from pathlib import Path

from torch import nn

from shortlist.core.contracts import FitContext
from shortlist.models.neural.checkpoint import Checkpoint, read_weights, write_weights
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.trainer import Report, Task, train


def train_with_workers(
    module: nn.Module,
    task: Task,
    config: TrainingConfig,
    ctx: FitContext,
    *,
    epochs: int | None = None,
    validate: bool = True,
    checkpoint: Checkpoint | None = None,
) -> Report:
    """`trainer.train`, in `config.workers` processes where that is more than one.

    Args:
        module, task, config, ctx, epochs, validate, checkpoint: as for `trainer.train`; the task must be picklable,
            since it is handed to fresh processes.
    """
    if config.workers == 1:
        return train(module, task, config, ctx, epochs=epochs, validate=validate, checkpoint=checkpoint)
    from torch.multiprocessing.spawn import spawn

    with tempfile.TemporaryDirectory() as folder:
        quiet = FitContext(seed=ctx.seed, threads=max(1, ctx.threads // config.workers))
        job = (config.workers, folder, module, task, config, quiet, epochs, validate, checkpoint)
        spawn(_work, args=job, nprocs=config.workers)  # type: ignore[no-untyped-call]
        read_weights(Path(folder) / "weights.safetensors", module)
        report = Report(**json.loads((Path(folder) / "report.json").read_text()))
    module.eval()
    ctx.progress(report.epochs, report.epochs)
    return report


def _work(
    rank: int, world: int, folder: str, module: nn.Module, task: Task, config: TrainingConfig, ctx: FitContext,
    epochs: int | None, validate: bool, checkpoint: Checkpoint | None,
) -> None:  # fmt: skip
    from torch import distributed

    # The processes meet through a file: no port to choose and nothing to be reached from outside.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    # Spawning hands over the very memory of the network; each process needs weights of its own.
    module = copy.deepcopy(module)
    report = train(
        module, task, _own_budget(config, world), ctx, epochs=epochs, validate=validate, checkpoint=checkpoint,
        part=(rank, world),
    )  # fmt: skip
    if rank == 0:
        write_weights(Path(folder) / "weights.safetensors", module.state_dict())
        (Path(folder) / "report.json").write_text(json.dumps(vars(report)))
    distributed.barrier()
    # Everything is written. Taking the group down, or leaving by way of the interpreter, now and then meets a thread of
    # gloo that is still running, and the C++ runtime then aborts a process that had done its work.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _own_budget(config: TrainingConfig, world: int) -> TrainingConfig:
    """The budget of one process of several."""
    if config.max_core_seconds is None:
        return config
    return config.model_copy(update={"max_core_seconds": config.max_core_seconds / world})
