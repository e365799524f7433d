"""What rankers share: they learn from rows of feature columns with a label, and score rows that have the same columns.

A row is one shown (or retrieved) item of one request. Rankers never look columns up themselves: the pipeline fills them
with the same code when it trains and when it serves. Unknown values are NaN; infinities, and numbers that single
precision cannot hold, count as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from shortlist.core.contracts import FitContext, Shown
from shortlist.core.errors import BadConfig, EmptyTraining, SchemaMismatch, StageError, nearest_hint
from shortlist.core.types import Array, Candidates, Floats, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import Model, ModelConfig
from shortlist.models.ranking import _calibration
from shortlist.models.ranking._columns import request_columns

LARGEST = float(np.finfo(np.float32).max)
"""Largest number of a column; the square of what is larger may not exist, and graphs compute in single precision."""
Labels = Array | Mapping[str, Array]
"""One label, or labels by the name of their task."""


class RankerConfig(ModelConfig):
    """Settings common to all rankers."""

    columns: tuple[str, ...] = ()
    """Feature columns, in order; none means every column of the training rows, by name."""
    calibration: Literal["none", "isotonic", "platt"] = "none"
    """Whether scores are turned into probabilities that come true, by a curve learned on the last requests, which the
    ranker then does not learn from. The order within a list stays."""
    calibration_share: float = Field(default=0.2, gt=0.0, lt=1.0)
    """Share of requests, the last ones, that `calibration` holds out."""


class Ranker(Model):
    """Base of all rankers.

    Subclasses implement `learn_rows(x, label, group, ctx)` (or `learn_shown`, which is also told the places) and
    `score_matrix(x)`, and say in `importance` what each column is worth.

    Learned: `columns_` list of str, the columns in the order of the matrix; `request_columns_`, those that had one
    value within every request of the rows; with calibration `calibration_`, its curve.
    """

    Config: ClassVar[type[ModelConfig]] = RankerConfig
    needs_impressions: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("click",)

    columns_: list[str]
    calibration_: dict[str, Any]
    request_columns_: list[str]

    @property
    def is_fitted(self) -> bool:
        """Whether `fit_rows` or `load` has run."""
        return hasattr(self, "columns_")

    def fit(self, data: Dataset, ctx: FitContext | None = None) -> Self:
        """Rankers cannot learn from a dataset alone.

        Raises:
            StageError: always; rows come from running the pipeline over past impressions.
        """
        raise StageError(
            f"{type(self).__name__} learns from feature rows, not from a dataset.",
            hint="Fit the whole pipeline, or call fit_rows(columns, label, group).",
        )

    def fit_rows(
        self, columns: Mapping[str, Array], label: Labels, group: Ints, ctx: FitContext | None = None, *,
        shown: Shown | None = None,
    ) -> Self:  # fmt: skip
        """Learn from N rows, forgetting earlier fits.

        Args:
            columns: feature columns by name, each number[N]; NaN is unknown.
            label: float[N], 0 to 1 (grades for rankers that take them); for rankers of several tasks such a label per
                task by its name, where NaN is not known yet. Further names are left alone.
            group: int64[N], the request of each row; rows of one request stand together.
            ctx: seed and threads.
            shown: request, past, item and place of each row; rankers that read columns only have no use for it.

        Raises:
            EmptyTraining: no rows, or a task without a known label.
            BadConfig: a configured column, or the label of a task, is missing from the rows.
            SchemaMismatch: columns, labels and groups differ in length or are not numbers.
        """
        label = self._labels(label)
        if len(label) == 0:
            raise EmptyTraining(
                f"There are no rows to fit {type(self).__name__} on.",
                hint="Training needs impressions, or requests whose next event was retrieved.",
            )
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        wanted = list(self.config.columns) or sorted(columns)
        for name in wanted:
            if name not in columns:
                raise BadConfig(
                    f"The training rows have no column '{name}'.", hint=nearest_hint(name, columns), field="columns"
                )
        if not wanted:
            raise BadConfig("The training rows have no feature column.", hint="Name some hydrators.", field="columns")
        if shown is not None and not len(shown.row) == len(shown.item) == len(label):
            raise SchemaMismatch(
                f"There are {len(label)} rows, but {len(shown.row)} requests and {len(shown.item)} items of them.",
                hint="Give one of each per row.",
                field="shown",
            )
        x = matrix_of(columns, wanted, len(label))
        y, groups = self._checked(label, np.asarray(group), len(label))
        self.columns_, self.request_columns_ = wanted, request_columns(x, wanted, groups)
        try:
            cut = self._calibration_cut(groups)
            early = shown if shown is None or cut == len(y) else shown.take(np.arange(cut))
            self.learn_shown(x[:cut], y[:cut], groups[:cut], self._seeded(ctx or FitContext()), early)
            if self.config.calibration != "none":
                late = np.arange(cut, len(y))
                held = self.score_rows(*_asked(columns, wanted, groups, shown, late))
                self.calibration_ = self._learn_curve(held, y[cut:])
        except BaseException:
            del self.columns_  # a fit that failed has not taken place
            raise
        self._refuse_broken()
        return self

    def learn_shown(self, x: Floats, label: Floats, group: Ints, ctx: FitContext, shown: Shown | None) -> None:
        """As `learn_rows`, told who was shown what and where, if that is known; here it is not looked at."""
        self.learn_rows(x, label, group, ctx)

    def learn_rows(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """Set the learned attributes from float64[N, F], float64[N] and int64[N]; `columns_` names the columns."""
        raise StageError(f"{type(self).__name__} does not implement learn_rows().")

    def score(self, requests: Requests, candidates: Candidates) -> Floats:
        """float64[N, H], a finite score per row and task, read from the candidates' columns only.

        Raises:
            NotFitted: before the first fit.
            StageError: a column it was fitted on is missing; names it.
        """
        self.require_columns(candidates)
        if len(candidates) == 0:
            return np.empty((0, len(self.tasks)))
        score = self.score_rows(requests, candidates)
        if hasattr(self, "calibration_"):
            score = self._calibrated(score)
        return score if score.ndim == 2 else score[:, None]

    def score_rows(self, requests: Requests, candidates: Candidates) -> Floats:
        """float64[N] (or [N, H]) before calibration, of rows that have all columns; by default from columns alone."""
        return self.score_matrix(matrix_of(candidates.cols, self.columns_, len(candidates)))

    def require_columns(self, candidates: Candidates) -> None:
        """Raises: NotFitted, or StageError that names the first column that is missing."""
        self.require_fitted()
        for name in self.columns_:
            if name not in candidates.cols:
                raise StageError(
                    f"{type(self).__name__} needs the column '{name}', which the candidates do not have.",
                    hint=nearest_hint(name, candidates.cols),
                    field=name,
                )

    def score_matrix(self, x: Floats) -> Floats:
        """float64[N] (or [N, H]) of float64[N, F]; a row's score must not depend on the other rows."""
        raise StageError(f"{type(self).__name__} does not implement score_matrix().")

    def importance(self) -> dict[str, float]:
        """Share of each column in what the ranker learned; not negative, summing to one (or all zero)."""
        raise StageError(f"{type(self).__name__} does not implement importance().")

    def shares(self, value: Floats) -> dict[str, float]:
        """Non-negative float[F] as shares by column name."""
        total = float(value.sum()) or 1.0
        return {name: float(v) / total for name, v in zip(self.columns_, value, strict=True)}

    def _calibration_cut(self, group: Ints) -> int:
        """First row held out for calibration; all rows are learned from without it."""
        if self.config.calibration == "none":
            return len(group)
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        held = max(1, int(len(starts) * self.config.calibration_share))
        if held >= len(starts):
            raise EmptyTraining(
                f"{len(starts)} requests are too few to hold some out for calibration.", hint="Leave calibration off."
            )
        return int(starts[len(starts) - held])

    def _learn_curve(self, score: Floats, label: Floats) -> dict[str, Any]:
        """What turns held-out scores into probabilities."""
        return _calibration.learn(self.config.calibration, score, label)

    def _calibrated(self, score: Floats) -> Floats:
        if score.ndim == 1:
            return _calibration.apply(self.calibration_, score)
        curves = [self.calibration_[task] for task in self.tasks]
        return np.stack([_calibration.apply(curve, score[:, t]) for t, curve in enumerate(curves)], axis=1)

    def _labels(self, label: Labels) -> Floats:
        """float64[N] of the one task.

        Raises:
            BadConfig: the labels are named, and none is called like the task.
        """
        return np.asarray(label_of(label, self.tasks[0]), np.float64)

    def _checked(self, label: Floats, group: Array, n: int) -> tuple[Floats, Ints]:
        if len(group) != n or label.ndim != 1:
            raise SchemaMismatch(
                f"Training rows disagree in length: {n} labels, {len(group)} groups.", hint="Give one of each per row."
            )
        if not np.isfinite(label).all() or label.min() < 0:
            raise SchemaMismatch("A label is negative or not a number.", hint="Label shown items 0 and clicked ones 1.")
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        if len(np.unique(group)) != len(starts):
            raise SchemaMismatch("Rows of one request are scattered.", hint="Sort the rows by request.", field="group")
        return label, group.astype(np.int64)


def _asked(
    columns: Mapping[str, Array], names: list[str], group: Ints, shown: Shown | None, rows: Ints
) -> tuple[Requests, Candidates]:
    """Some of the rows as they would be asked about when serving."""
    cols = {name: np.asarray(columns[name])[rows] for name in names}
    if shown is not None:
        part = shown.take(rows)
        return part.requests, Candidates(part.row.astype(np.int32), part.item, len(part.requests), cols)
    mine = group[rows]
    row = np.cumsum(np.r_[False, mine[1:] != mine[:-1]]).astype(np.int32)
    n = int(row[-1]) + 1
    return Requests.of(np.full(n, -1)), Candidates(row, np.full(len(rows), -1), n, cols)


def label_of(label: Labels, task: str) -> Array:
    """The label of a task; one that has no name belongs to whatever is asked.

    Raises:
        BadConfig: the labels are named, and none is called like the task.
    """
    if not isinstance(label, Mapping):
        return label
    if task not in label:
        raise BadConfig(
            f"The training rows have no label '{task}'.",
            hint=nearest_hint(task, label) + " A pipeline declares labels under [training.labels].",
            field="tasks",
        )
    return label[task]


def places_of(shown: Shown | None, n: int) -> Ints:
    """int64[N], where each row stood in its list.

    Raises:
        BadConfig: nobody knows.
        SchemaMismatch: not one place per row.
    """
    if shown is None or shown.position is None:
        raise BadConfig(
            "The positions at which items were shown are not known.",
            hint="They come with logged impressions; for other rows leave `position` at 'ignore'.",
            field="position",
        )
    position = np.asarray(shown.position)
    if position.shape != (n,) or position.dtype.kind not in "iu" or position.min() < 0:
        raise SchemaMismatch(
            f"Positions of shape {list(position.shape)} are not one place per row for {n} rows.",
            hint="Give whole numbers from 0, the first place.",
            field="position",
        )
    return position.astype(np.int64)


def matrix_of(columns: Mapping[str, Any], names: list[str], n: int) -> Floats:
    """float64[N, F] of the named columns; infinities, and what is beyond `LARGEST`, become NaN.

    Raises:
        SchemaMismatch: a column is not one number per row.
    """
    x = np.empty((n, len(names)), order="F")
    for j, name in enumerate(names):
        column = np.asarray(columns[name])
        if column.shape != (n,) or column.dtype.kind not in "biuf":
            raise SchemaMismatch(
                f"Column '{name}' of shape {list(column.shape)} and type {column.dtype} is not one number per row.",
                hint="Leave it out of the ranker's columns, or turn it into numbers first.",
                field=name,
            )
        x[:, j] = column
    # Written so that what is no number is among them.
    x[~(np.abs(x) <= LARGEST)] = np.nan
    return x
