"""Whether a ranker's answers can order anything: numbers, one per task, and not the same for everything.

A ranker that came out wrong puts every list in the order of item ids, and nothing fails. So it is asked about rows
before it serves: those it was taught with, and before publication the candidates that the pipeline brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shortlist.core.errors import DependencyError, StageError
from shortlist.core.types import Candidates, Requests
from shortlist.pipeline.run import Runner


def trouble(scores: Any, n: int, tasks: Sequence[str]) -> str:
    """What is wrong with the scores of N rows that differ, or "".

    Args:
        scores: what a ranker gave, to be float[N, H].
        n: rows.
        tasks: names of the H heads.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.shape != (n, len(tasks)):
        return f"gave scores of shape {list(scores.shape)} for {len(tasks)} tasks"
    if not np.isfinite(scores).all():
        return f"gave {int((~np.isfinite(scores)).any(1).sum())} scores that are no numbers"
    if n and (scores.min(0) == scores.max(0)).any():
        return "gave every item the same score"
    return ""


def refuse_unsound(surface: str, runner: Runner, requests: Requests) -> None:
    """Ask the rankers of a pipeline about its candidates.

    Args:
        surface: named in the error.
        runner: the pipeline.
        requests: whose candidates; where none are brought, or all are alike, nothing can be said.

    Raises:
        StageError: a ranker gives no numbers, another number of heads than it has tasks, or one score to everything.
    """
    try:
        slates = runner.run(requests, until="scorer")
        table = slates.candidates
        for stage in runner.stages["scorer"]:
            model = getattr(stage, "model", None)
            if model is not None and len(table) > 1 and _differ(table, stage.requires):
                assert slates.requests is not None
                found = trouble(model.score(slates.requests, table), len(table), model.tasks)
                if found:
                    raise StageError(
                        f"The ranker '{stage.config.model}' of '{surface}' {found} in {len(table)} candidates.",
                        hint="Teach it again (fitting the pipeline leaves such a ranker out), or publish without it.",
                    )
    except DependencyError:
        return


def _differ(table: Candidates, columns: Sequence[str]) -> bool:
    """Whether rows differ in any column of numbers."""
    for name in columns:
        column = table.cols[name]
        if column.dtype.kind in "fiub":
            known = column[np.isfinite(column)] if column.dtype.kind == "f" else column
            if len(known) and (known != known[0]).any():
                return True
    return False
