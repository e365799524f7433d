"""ALS against implicit's, 64 factors, a made set of MovieLens 20M's shape, one thread on both sides.

Both sides start from the same numbers and lower the same objective with the same confidences and regularisation. What
each does once is part of the time (ours counts events into a matrix and transposes it, implicit weighs and transposes
its matrix); `found` has ours by itself, and what a later sweep takes on both sides. In every run the objective, worked
out over all pairs, must not be above the peer's by more than a thousandth; with exact solves it must be the same.
Memory is that of a whole fit in a fresh process, above what the process held with its data.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from benchmarks import made
from benchmarks.pair import Pair, quick
from benchmarks.peers import Answer, Peer, packed, version
from shortlist.core.types import Floats
from shortlist.data.dataset import Dataset
from shortlist.models.retrieval._als_sweeps import Problem, factorise, objective, sweep
from shortlist.models.retrieval._compact import Compact, compact_matrix

FACTORS, CONFIDENCE, REG, SCALE = 64, 10.0, 0.05, 0.01
RELAX = 1.5
"""Over-relaxation of ours in the race to the peer's objective."""
MOST = 40
"""Sweeps of ours after which the race to the peer's objective is given up."""
WITHIN = 1e-3

Found = dict[str, np.ndarray]

PEER = """
import time
from implicit.cpu.als import AlternatingLeastSquares
from worker import csr

def prepare(given):
    return csr(given), given

def work(ready):
    x, given = ready
    model = AlternatingLeastSquares(
        factors=given["users"].shape[1], regularization=given["reg"], alpha=given["confidence"],
        iterations=given["epochs"], use_cg=given["solver"] == "cg", num_threads=1, random_state=0,
    )
    model.user_factors, model.item_factors = given["users"].copy(), given["items"].copy()
    marks = [time.process_time()]
    model.fit(x, show_progress=False, callback=lambda *_: marks.append(time.process_time()))
    return {"users": model.user_factors, "items": model.item_factors, "marks": marks}
"""

OURS = """
import numpy as np
from benchmarks import made
from shortlist.core.contracts import FitContext
from shortlist.models.retrieval.als import Als

def prepare(given):
    settings = dict(factors=given["users"].shape[1], solver="cg", epochs=given["epochs"])
    Als(**settings).fit(made.as_dataset(np.array([0, 2, 4]), np.array([0, 1, 1, 2], np.int32), 3, "warm"))
    return made.as_dataset(given["x_indptr"], given["x_indices"], int(given["x_shape"][1]), "given"), settings

def work(ready):
    data, settings = ready
    Als(**settings).fit(data, FitContext(seed=0, threads=1))
"""


def pairs() -> list[Pair]:
    """CG and exact sweeps, the way to implicit's objective, memory."""
    name = size()
    x = made.matrix(name)
    users, items = start(x.shape)
    given = {**packed(x), "users": users, "items": items, "confidence": CONFIDENCE, "reg": REG}
    known = version("implicit", "ALS")
    for solver in ("cg", "cholesky"):
        ours(made.dataset("small"), solver, 1)  # compiles

    def side(solver: str, epochs: int) -> Callable[[], Found]:
        return lambda: ours(data_of(name), solver, epochs)

    def peer(solver: str, epochs: int, **options: Any) -> Peer:
        return Peer(PEER, **given, solver=solver, epochs=epochs, **options)

    race = Race(name, peer("cg", 15))

    def pair(
        what: str, goal: str, mine: Callable[[], Any], theirs: Callable[[], Answer], repeats: int, exact: bool = False
    ) -> Pair:
        return Pair(
            name=f"ALS {what}, {name}-shaped, d={FACTORS}",
            ours=mine,
            peer=theirs,
            peer_name=known,
            same=lambda a, b: as_low(data_of(name), a, b, exact=exact),
            goal=goal,
            repeats=repeats,
            warm_up=False,
        )

    return [
        pair("CG(3), 5 sweeps", "als_cg", side("cg", 5), peer("cg", 5), 3),
        pair("Cholesky, 1 sweep", "als_cholesky", side("cholesky", 1), peer("cholesky", 1), 3, exact=True),
        pair("CG(3), to the objective of the peer's 15 sweeps", "als_time", race.ours, race.theirs, 1),
        Pair(
            name=f"memory of an ALS fit, {name}-shaped, d={FACTORS}",
            ours=Peer(OURS, fresh=True, python=sys.executable, **given, epochs=1),
            peer=peer("cg", 1, fresh=True),
            peer_name=known,
            same=lambda a, b: {"MB above the data": [round(a.peak_mb), round(b.peak_mb)]},
            goal="training_memory",
            value=lambda mine, theirs: mine / theirs,
            measure="peak_mb",
            repeats=3,
            warm_up=False,
        ),
    ]


def size() -> str:
    """The made set: that of `--quick`, or of SHORTLIST_BENCH_ALS, or the full one."""
    return "small" if quick() else os.environ.get("SHORTLIST_BENCH_ALS", "ml-20m")


class Race:
    """How long until the peer's objective is reached: it goes first, so that there is one; looking is not timed."""

    def __init__(self, name: str, peer: Peer) -> None:
        self.name = name
        self._peer = peer
        self._waiting: Answer | None = None
        self._bar = 0.0

    def theirs(self) -> Answer:
        """The run that ours was measured against, then a new one."""
        answer, self._waiting = self._waiting or self._peer(), None
        return answer

    def ours(self) -> Answer:
        """Sweeps up to the first with an objective as low as the peer's."""
        data = data_of(self.name)
        x, xt, user_order, item_order = matrices(data)
        if self._waiting is None:
            self._waiting = self._peer()
            last = (self._waiting["users"][user_order], self._waiting["items"][item_order])
            self._bar = objective(problem("cg"), x, xt, *last)
        spent = -time.process_time()
        x, xt, user_order, item_order = matrices(data)
        users, items = start((x.rows, x.columns))
        users, items = users[user_order], items[item_order]
        spent += time.process_time()
        marks = [spent]
        while len(marks) <= MOST:
            began = time.process_time()
            sweep(problem("cg"), x, xt, users, items, relax=RELAX if len(marks) > 1 else 1.0)
            marks.append(marks[-1] + time.process_time() - began)
            if objective(problem("cg"), x, xt, users, items) <= self._bar:
                break
        arrays = {"users": np.empty_like(users), "items": np.empty_like(items), "marks": np.array(marks)}
        arrays["users"][user_order], arrays["items"][item_order] = users, items
        return Answer(arrays, cpu_s=marks[-1], wall_s=float("nan"), peak_mb=float("nan"), process_mb=float("nan"))


def start(shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """The numbers both sides start from, as implicit draws them."""
    rng = np.random.default_rng(0)
    users, items = (rng.random((n, FACTORS), dtype=np.float32) * np.float32(SCALE) for n in shape)
    return users, items


@cache
def data_of(name: str) -> Dataset:
    """The set as events."""
    return made.dataset(name)


def ours(data: Dataset, solver: Any, epochs: int) -> Found:
    """What `Als.learn` does with a start of our choice; `marks`: CPU seconds before the first sweep and after each."""
    began = time.process_time()
    x, xt, user_order, item_order = matrices(data)
    users, items = start((x.rows, x.columns))
    users, items = users[user_order], items[item_order]
    marks = [time.process_time() - began]
    factorise(
        problem(solver), x, xt, users, items, epochs=epochs,
        progress=lambda *_: marks.append(time.process_time() - began),
    )  # fmt: skip
    out = {"users": np.empty_like(users), "items": np.empty_like(items), "marks": np.array(marks)}
    out["users"][user_order], out["items"][item_order] = users, items
    return out


def problem(solver: Any) -> Problem:
    """implicit's confidence of a wish is all of it, ours comes on top of that of every pair."""
    return Problem(unobserved=1.0, reg=REG, exponent=0.0, solver=solver, cg_steps=3)


def matrices(data: Dataset) -> tuple[Compact, Compact, Any, Any]:
    """By rows, by columns, and who stands at each place."""
    x, user_order, item_order = compact_matrix(data, "binary")
    x.weight[:] = CONFIDENCE - 1.0
    return x, x.transposed(), user_order, item_order


def as_low(data: Dataset, mine: Found | Answer, theirs: Answer, *, exact: bool) -> dict[str, Any]:
    """The objectives, and what was spent once and per sweep."""
    x, xt, user_order, item_order = matrices(data)
    low, peer = (
        objective(problem("cg"), x, xt, side["users"][user_order], side["items"][item_order]) for side in (mine, theirs)
    )
    assert low <= peer * (1 + WITHIN), f"objective {low:.6g}, the peer's {peer:.6g}"
    assert not exact or low >= peer * (1 - WITHIN), f"objective {low:.6g}, the peer's {peer:.6g}"
    found: dict[str, Any] = {
        "objective": [float(f"{low:.6g}"), float(f"{peer:.6g}")],
        "ours once, CPU s": round(float(mine["marks"][0]), 2),
        "sweeps": [len(mine["marks"]) - 1, len(theirs["marks"]) - 1],
    }
    if min(found["sweeps"]) > 1:
        later = [round(float(np.diff(side["marks"])[1:].mean()), 2) for side in (mine, theirs)]
        found["a later sweep, CPU s"] = later
    return found


def main() -> None:
    """Objective and CPU seconds of each sweep, ours by all solvers."""
    data = data_of(size())
    x, xt, _, _ = matrices(data)
    for solver in ("cg", "cholesky"):
        users, items = start((x.rows, x.columns))
        for n in range(15):
            began = time.process_time()
            factorise(problem(solver), x, xt, users, items, epochs=1)
            spent = time.process_time() - began
            low = objective(problem(solver), x, xt, users, items)
            print(f"{solver} sweep {n + 1}: {spent:.2f} s, objective {low:.7g}", flush=True)


if __name__ == "__main__":
    main()
