"""Figures of rankers of several tasks and scenarios, and their tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.task_sets import Bench
from shortlist.core.types import Array, Floats, Ints
from shortlist.evaluation.metrics import gauc
from shortlist.evaluation.stats import bootstrap_auc_gain

DRAWS = 200
"""Resamples behind an interval."""


@dataclass(frozen=True)
class Fit:
    """What came of one fit: scores of the test rows [n, T], and how it went."""

    tasks: tuple[str, ...]
    score: Floats
    valid: float
    epoch: int
    seconds: float
    more: Mapping[str, Any]


@dataclass(frozen=True)
class Judged:
    """One figure: AUC over `rows` (bool[n] of the test rows), or the plain mean of those within groups of them."""

    rows: Array
    label: Floats
    score: Floats
    cluster: Ints
    group: Ints

    @property
    def value(self) -> float:
        """In [0, 1]."""
        return gauc(self.label, self.score, self.group, weight="plain")


def judged(bench: Bench, fit: Fit) -> dict[str, Judged]:
    """What each figure is of.

    The step of a funnel is judged on the rows that got that far. Over all rows it is judged by what would have
    happened, and where nobody knows that, by what did.
    """
    n = bench.sizes[2]
    everything, cluster = np.ones(n, bool), bench.cluster[bench.test]
    label = {task: bench.labels[task][bench.test] for task in bench.asked}
    score = {task: fit.score[:, fit.tasks.index(task)] for task in bench.asked}

    def of(rows: Array, truth: Floats, value: Floats, group: Ints | None = None) -> Judged:
        within = np.zeros(n, np.int64) if group is None else group
        return Judged(rows, truth[rows], value[rows], cluster[rows], within[rows])

    if bench.scenario:
        task = bench.asked[0]
        group = np.asarray(bench.columns[bench.scenario][bench.test], np.int64)
        out = {f"group {g}": of(group == g, label[task], score[task]) for g in np.unique(group)}
        out["mean of groups"] = of(everything, label[task], score[task], group)
        return out | {"all rows": of(everything, label[task], score[task])}
    out = {task: of(everything, label[task], score[task]) for task in bench.asked}
    for before, task in pairwise(bench.asked) if bench.funnel else ():
        step = score[task] / np.maximum(score[before], 1e-12)
        out[f"{task}|{before}"] = of(label[before] > 0, label[task], step)
        truth = label[task] if bench.would is None else bench.would[bench.test]
        out[f"{task}|{before}, all rows"] = of(everything, truth, step)
    return out


def figures(bench: Bench, fit: Fit) -> dict[str, float]:
    """All figures of one fit by name."""
    return {name: round(each.value, 4) for name, each in judged(bench, fit).items()}


def table(bench: Bench, found: Mapping[str, Sequence[Fit]]) -> str:
    """Markdown: mean over seeds, interval and spread of the seeds of each figure; passes kept and seconds."""
    names = list(judged(bench, next(iter(found.values()))[0]))
    lines = [_row("model", *(f"{name} (95 %; sd of seeds)" for name in names), "passes kept", "CPU s")]
    lines.append(_row(*["---"] * (len(names) + 3)))
    for model, fits in found.items():
        each = [judged(bench, fit) for fit in fits]
        cells = []
        for name in names:
            values = [one[name].value for one in each]
            # Scores all alike have an AUC of one half in every draw, which makes this the interval of the figure.
            low, high = (0.5 + end for end in _gain_interval(each, None, name))
            spread = f"; {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.4f} ({low:.3f} to {high:.3f}{spread})")
        passes = ", ".join(str(fit.epoch) for fit in fits)
        lines.append(_row(model, *cells, passes, f"{np.mean([fit.seconds for fit in fits]):.0f}"))
    return "\n".join(lines)


def gains(bench: Bench, found: Mapping[str, Sequence[Fit]], floor: str) -> str:
    """Markdown: how much more of each figure every model has than `floor`, mean over seeds, paired."""
    names = list(judged(bench, found[floor][0]))
    lines = [_row(f"more than {floor}", *names), _row(*["---"] * (len(names) + 1))]
    others = [judged(bench, fit) for fit in found[floor]]
    for model, fits in found.items():
        if model == floor:
            continue
        each, cells = [judged(bench, fit) for fit in fits], []
        for name in names:
            mean, other = (float(np.mean([one[name].value for one in side])) for side in (each, others))
            low, high = _gain_interval(each, others, name)
            cells.append(f"{mean - other:+.4f} ({low:+.4f} to {high:+.4f})")
        lines.append(_row(model, *cells))
    return "\n".join(lines)


def _gain_interval(
    each: Sequence[Mapping[str, Judged]], others: Sequence[Mapping[str, Judged]] | None, name: str
) -> tuple[float, float]:
    one = each[0][name]
    score = np.stack([of[name].score for of in each], axis=1)
    other = np.zeros_like(score) if others is None else np.stack([of[name].score for of in others], axis=1)
    return bootstrap_auc_gain(one.label, score, other, one.cluster, group=one.group, draws=DRAWS)


def _row(*cells: str) -> str:
    inner = " | ".join(cell.replace("|", "\\|") for cell in cells)
    return f"| {inner} |"
