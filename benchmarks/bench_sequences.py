"""One pass of SASRec over MovieLens 1M and Amazon Beauty beside RecTools and RecBole, and what a fit is worth.

Two layers of 64, one head, 50 events, full softmax, dropout .2, one thread on each side; both learn from all but the
last two events of each user. Only the pass is timed: data is read and networks are built before. A pass is not the same
everywhere, so ours is set to teach at least as many targets as the peer's:

RecTools    the latest 51 events of each user, every event predicting the next, histories filled up to 50 places; ours
            with `windows = "last"`, the same targets in the same batches of 128 users
RecBole     every event but the first of each user is a target with a row of its own, the up to 50 events before it,
            2,048 rows a batch; ours with `windows = "all"`, all those targets, 50 a row, so an early one in a window
            has fewer events before it

A pass takes minutes, so some batches of it are timed on each side and counted up to the whole, the peer's by its rows
(which all cost the same), ours by its targets; the name of the pair says how many. The targets of a whole pass stand
beside each ratio. What the ratio leaves out, the quality, has pairs of its own on MovieLens 100K: fits from the start,
NDCG@10 of each user's last event. Beside RecTools both sides make as many passes over the same targets in batches of as
many users; of RecBole one pass is made, which takes minutes, and of ours some in a part of that time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from benchmarks.pair import Pair, quick
from benchmarks.peers import Answer, Peer, version
from benchmarks.quality import as_good, of_lists, of_model
from benchmarks.sequence_peers import RECBOLE, RECTOOLS
from shortlist.core.contracts import FitContext
from shortlist.core.types import Ints
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, split

SIZES: dict[str, Any] = {"factors": 64, "layers": 2, "max_len": 50, "dropout": 0.2}
BATCHES = {"rectools": {"ml-1m": (4, 4), "beauty": (16, 1)}, "recbole": {"ml-1m": (8, 1), "beauty": (16, 1)}}
"""Batches of a pass that are timed, ours and the peer's: some 20 CPU seconds a pair."""
WINDOWS = {"rectools": "last", "recbole": "all"}
SCRIPTS = {"rectools": RECTOOLS, "recbole": RECBOLE}
BATCH = {"rectools": 128, "recbole": 2048}
"""Rows of a batch, both peers' default."""
FITS = {"rectools": (10, 10, 32), "recbole": (12, 1, 2048)}
"""Whole fits on MovieLens 100K: passes of ours and of the peer, rows of the peer's batches. Ours take 32 windows."""


def pairs() -> list[Pair]:
    """A pass over each set beside each peer, and the fits."""
    sets = ("ml-100k",) if quick() else ("ml-1m", "beauty")
    peers = ("rectools",) if quick() else tuple(SCRIPTS)
    return [pair for peer in peers for pair in (*(_pass(peer, name) for name in sets), _fit(peer, *FITS[peer]))]


def _pass(peer: str, name: str) -> Pair:
    data, (mine, its) = parts(name).train, BATCHES[peer].get(name, (4, 4))
    timed = Peer(SCRIPTS[peer], **events(data), **SIZES, batch_size=BATCH[peer], batches=its)

    def theirs() -> Answer:
        answer = timed()
        share = min(1.0, its * BATCH[peer] / int(answer["rows"]))
        return replace(answer, cpu_s=answer.cpu_s / share, wall_s=answer.wall_s / share)

    taught = "the latest 50" if WINDOWS[peer] == "last" else "all"
    counted = f"counted up from {mine} batches of ours, {its} of the peer's"
    return Pair(
        name=f"one pass of SASRec, {name}, {taught} targets of each user, {counted}",
        ours=Pass(data, WINDOWS[peer], mine),
        peer=theirs,
        peer_name=version(peer, "SASRec"),
        same=as_many,
        goal=f"sequence_{peer}",
        repeats=3,
        warm_up=False,
    )


def as_many(ours: Answer, theirs: Answer) -> dict[str, list[int]]:
    """Targets of a pass of both. Raises: AssertionError where ours teaches fewer."""
    targets = [int(side["targets"]) for side in (ours, theirs)]
    assert targets[0] >= targets[1], f"ours teaches {targets[0]} targets, the peer {targets[1]}"
    return {"targets": targets}


class Pass:
    """Our trainer's pass over a training part, everything before it done once.

    Args:
        data: to learn from.
        windows: "last" or "all".
        batches: how many are made, at most; what they take is counted up to all by their targets.
    """

    def __init__(self, data: Dataset, windows: str, batches: int) -> None:
        from shortlist.models.neural.trainer import build
        from shortlist.models.retrieval._start import natural_order
        from shortlist.models.sequential.sasrec import SasRec

        self.model = SasRec(**SIZES, windows=windows, loss="ce", batch_size=128, epochs=1, validation_users=0)
        past = data.sequences.take(natural_order(data.users))
        self.model._read(data, past)
        self.task: Any = self.model.task(self.model._tokens(past), None)
        self.module = build(self.model.restore, 0)
        self.targets, self.taught = int((self.task.sequences.lengths - 1).sum()), 0
        self.batches, every = 1, self.task.batches

        def some(epoch: int, rng: np.random.Generator) -> Iterator[Any]:
            self.taught = 0
            for batch in islice(every(epoch, rng), self.batches):
                self.taught += int((batch["targets"] > 0).sum())
                yield batch

        self.task.batches = some
        self()  # What torch loads with its first optimiser is no part of a pass.
        self.batches = batches

    def __call__(self) -> Answer:
        """From where the last one ended."""
        from shortlist.models.neural.trainer import train

        cpu, wall = time.process_time(), time.perf_counter()
        train(self.module, self.task, self.model.config, FitContext(seed=0, threads=1), epochs=1, validate=False)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        times = self.targets / self.taught
        return Answer({"targets": np.array(self.targets)}, cpu * times, wall * times, 0.0, 0.0)


def _fit(peer: str, mine: int, its: int, batch: int) -> Pair:
    name = "ml-100k"
    asked = parts(name).test
    ours = {**SIZES, "windows": WINDOWS[peer], "batch_size": 32, "epochs": mine, "validation_users": 0}

    def fit() -> Any:
        from shortlist.models.sequential.sasrec import SasRec

        return SasRec(**ours).fit(parts(name).train, FitContext(seed=0, threads=1))

    def same(model: Any, answer: Answer) -> dict[str, list[float]]:
        return as_good(of_model(model, parts(name)), of_lists(answer["lists"], parts(name)))

    passes = f"{mine} passes each" if mine == its else f"{mine} passes of ours, {its} of the peer's"
    return Pair(
        name=f"SASRec fit, {name}, {passes}, batches of 32 and {batch} rows",
        ours=fit,
        peer=Peer(
            SCRIPTS[peer], **events(parts(name).train), **SIZES, batch_size=batch, epochs=its,
            asked_user=asked.user, asked_item=asked.history.item, asked_offsets=asked.history.offsets,
        ),
        peer_name=version(peer, "SASRec"),
        same=same,
        repeats=1,
        warm_up=False,
    )  # fmt: skip


@cache
def parts(name: str) -> Split:
    """The set; models learn from all but the last two events of each user."""
    return split(load(name), "leave-last-out", strict=True)


def events(data: Dataset) -> dict[str, Ints]:
    """The events of a training part as arrays, user by user in order of time."""
    past = data.sequences
    place = np.arange(len(past.item)) - np.repeat(past.offsets[:-1], past.lengths)
    return {"user": np.repeat(np.arange(len(past)), past.lengths), "item": past.item, "place": place}
