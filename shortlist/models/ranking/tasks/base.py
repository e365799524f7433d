"""Rankers of several tasks: rows have one label per task, the network one head per task, and heads have names.

`tasks` names the labels. Score columns stand in that order, whatever order the labels came in. What is not known yet
(NaN, a purchase that may still follow) teaches nothing. A stage `blend` makes one order of the heads, with published
weights; without one the first task is the score.

With `scenario_column` (a page, a country, an age group), towers and gates exist once per scenario. A scenario that was
not in the training rows, or is missing, has the parts of nobody's scenario, which are taught by rows whose scenario is
hidden; `unseen_rows` counts what was scored that way.
Cost: that of the network; with S scenarios S + 1 towers per task.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import numpy as np
from pydantic import Field as Setting
from pydantic import NonNegativeFloat, PositiveInt, model_validator

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, EmptyTraining, SchemaMismatch
from shortlist.core.types import Array, Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.neural.config import MOST_EXACT
from shortlist.models.neural.fields import FIRST, Schema
from shortlist.models.ranking._scenario import Scenarios
from shortlist.models.ranking.base import Labels, label_of
from shortlist.models.ranking.fields.base import PROBED, FieldConfig, FieldRanker, log_odds

if TYPE_CHECKING:
    from torch import nn

    from shortlist.models.neural.click_task import ClickTask
    from shortlist.models.neural.task_net import TaskNet


class TaskConfig(FieldConfig):
    """Settings common to all rankers of several tasks."""

    tasks: tuple[str, ...] = Setting(default=("click",), min_length=1)
    """Names of the labels to learn, in the order of the score columns; in funnels the earliest step first."""
    task_weights: tuple[NonNegativeFloat, ...] = ()
    """What each task's loss is multiplied by; none means 1 for all."""
    balance: Literal["fixed", "uncertainty", "gradnorm", "pcgrad", "pareto"] = "fixed"
    """How losses become one: as weighted, by learned variances, by gradients of equal length, without what hurts other
    tasks, or by the weights under which no task can gain but at another's cost. The last three cost another backward
    pass per task."""
    least_share: float = Setting(default=0.1, ge=0, lt=1)
    """Smallest share of the weight that pareto leaves to a task."""
    scenario_column: str = ""
    """Column of codes that says which scenario a row is of; none means that there is one."""
    hide_scenario: float = Setting(default=0.05, ge=0, lt=1)
    """Share of rows whose scenario is hidden while training, which teaches what unseen scenarios get."""
    towers: tuple[PositiveInt, ...] = (32,)
    """Widths of the layers that each task has for itself."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Names, weights and bounds that go together."""
        wrong = [name for name in self.tasks if not name.replace("_", "").replace("-", "").isalnum()]
        if wrong:
            raise ValueError(f"'{wrong[0]}' is no name of a task; use letters, digits, _ and -")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks holds a name twice")
        if self.task_weights and (len(self.task_weights) != len(self.tasks) or not any(self.task_weights)):
            raise ValueError("task_weights needs one weight for each of tasks, and one above zero")
        if self.balance == "pareto" and self.least_share * len(self.tasks) > 1:
            raise ValueError("least_share times the number of tasks is above 1")
        if self.balance == "pareto" and len(self.tasks) > MOST_EXACT:
            raise ValueError(f"pareto takes at most {MOST_EXACT} tasks")
        return self


class TaskRanker(FieldRanker):
    """Base of all rankers of several tasks. A preset gives its `body`.

    Learned: as `FieldRanker`; `importance_` is the mean over tasks.
    """

    Config: ClassVar[type[ModelConfig]] = TaskConfig
    least_tasks: ClassVar[int] = 1
    """Fewer tasks are refused when fitting."""
    is_funnel: ClassVar[bool] = False
    """Whether each task is a step that presupposes the one before, and heads are chances of the whole way."""

    module_: TaskNet

    @property
    def tasks(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the heads, in the order of the score columns."""
        return tuple(self.config.tasks)

    @property
    def heads(self) -> tuple[int, ...]:  # type: ignore[override]
        """One axis of T."""
        return (len(self.tasks),)

    def body(self, shape: Shape) -> nn.Module:
        """The preset's network, ([B, F, D], scenario int64[B] or None) to [B, K]."""
        raise NotImplementedError

    def finish(self) -> nn.Module:
        """From K logits per row to one per task; by default they are the same."""
        from torch import nn

        return nn.Identity()

    def outputs(self) -> int:
        """K, logits that the body gives."""
        return len(self.tasks)

    # --- learning ----------------------------------------------------------------------------------------------------

    def learn_rows(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """See `FieldRanker`; afterwards the report says how widely gates look."""
        self._refuse_setup(x)
        self._scenarios: Scenarios | None = None
        super().learn_rows(x, label, group, ctx)
        spread = self._spread(x[:PROBED])
        if spread:
            self.report_["gate_entropy"] = spread

    def _task(self, *args: Any, **options: Any) -> ClickTask:
        """Labels [N, T]."""
        from shortlist.models.neural.many_tasks import ManyTasks

        return ManyTasks(*args, **options)

    def start_odds(self, label: Floats) -> Floats:
        """float[K], log odds of each label's mean."""
        return np.array([log_odds(column) for column in label.T])

    def _labels(self, label: Labels) -> Floats:
        """float64[N, T], one column per task, by name."""
        if not isinstance(label, Mapping) and len(self.tasks) > 1:
            raise BadConfig(
                f"{type(self).__name__} has the tasks {', '.join(self.tasks)}, but was given one label without a name.",
                hint="Give a mapping from task to label.",
                field="tasks",
            )
        columns = [np.asarray(label_of(label, task), np.float64) for task in self.tasks]
        if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
            raise SchemaMismatch("The labels of a row are not one number per task.", hint="Give one of each per row.")
        return np.stack(columns, axis=1)

    def _checked(self, label: Floats, group: Array, n: int) -> tuple[Floats, Ints]:
        if np.isinf(label).any():
            raise SchemaMismatch("A label is infinite.", hint="What is not known is NaN.")
        for task, column in zip(self.tasks, label.T, strict=True):
            if np.isnan(column).all():
                raise EmptyTraining(f"No row has a known label '{task}'.", hint="Take a shorter wait, or older rows.")
        _, groups = super()._checked(np.nan_to_num(label).min(1), group, n)
        return label, groups

    def _refuse_setup(self, x: Floats) -> None:
        c = self.config
        if len(self.tasks) < self.least_tasks:
            raise BadConfig(
                f"{type(self).__name__} needs at least {self.least_tasks} tasks, the earliest step first.",
                hint='For instance tasks = ["click", "purchase"].',
                field="tasks",
            )
        if c.scenario_column:
            self._refuse_names((c.scenario_column,))
            if c.scenario_column not in c.id_columns:
                raise BadConfig(
                    f"The scenario column '{c.scenario_column}' is not among id_columns.",
                    hint="A scenario is a code: name the column there too.",
                    field="scenario_column",
                )
            if not np.isfinite(x[:, self.columns_.index(c.scenario_column)]).any():
                raise EmptyTraining(f"No row says in '{c.scenario_column}' which scenario it is of.")

    def _network(self, schema: Schema, seed: int = 0) -> TaskNet:
        from shortlist.models.neural.balance import BALANCES
        from shortlist.models.neural.task_net import TaskNet
        from shortlist.models.neural.trainer import build

        c, tasks, dim = self.config, len(self.tasks), self.dim(len(schema.fields))
        name = self._scenario_field()
        slots = schema.vocabs[name].size - FIRST + 1 if name else 1
        shape = Shape(schema.fields, dim, self.outputs(), slots)

        def make() -> nn.Module:
            balance = BALANCES[c.balance](c.task_weights or (1.0,) * tasks, c.least_share)
            return TaskNet(
                schema, self.body(shape), self.finish(), balance, dim=dim, scale=c.start, outputs=self.outputs(),
                scenario=name, hide=c.hide_scenario,
            )  # fmt: skip

        return cast("TaskNet", build(make, seed))

    def _scenario_field(self) -> str:
        c = self.config
        return f"column{self.columns_.index(c.scenario_column)}" if c.scenario_column else ""

    def _spread(self, x: Floats) -> dict[str, list[float]]:
        """Mean entropy of each gate, by its name, on some rows."""
        import torch

        from shortlist.models.neural.blocks.tasks.gates import Gates, entropy

        found: dict[str, list[float]] = {}

        def keep(name: str) -> Any:
            return lambda _gate, _given, shares: found.update({name: entropy(shares).tolist()})

        gates = [(name, part) for name, part in self.module_.named_modules() if isinstance(part, Gates)]
        hooks = [part.register_forward_hook(keep(name)) for name, part in gates]
        with torch.inference_mode():
            self.module_(self._encoded(self._vocabularies(), x))
        for hook in hooks:
            hook.remove()
        return found

    def _learn_curve(self, score: Floats, label: Floats) -> dict[str, Any]:
        """A curve per task, of the rows whose label is known. In a funnel chances then need not fall from step to step.

        Raises:
            EmptyTraining: the held-out rows of a task are all of one kind.
        """
        known = np.isfinite(label)
        return {
            task: super(TaskRanker, self)._learn_curve(score[known[:, t], t], label[known[:, t], t])
            for t, task in enumerate(self.tasks)
        }

    # --- answering ---------------------------------------------------------------------------------------------------

    def answer(self, logit: Floats, x: Floats) -> Floats:
        """float64[N, T], probability of each task's label; counts rows of unseen scenarios."""
        self._told().count(x)
        return super().answer(logit, x)

    @property
    def unseen_rows(self) -> int:
        """Rows scored since the fit whose scenario was not in the training rows, or missing."""
        return self._told().unseen

    def scenarios(self) -> Floats:
        """float64[S], codes of the scenarios that the training rows held, in the order of the network's parts."""
        return self._told().known

    def _told(self) -> Scenarios:
        self.require_fitted()
        kept: Scenarios | None = getattr(self, "_scenarios", None)
        if kept is None:
            kept = self._scenarios = Scenarios(self.columns_, self.fields_, self.config.scenario_column)
        return kept


def per_step(label: Floats) -> list[float]:
    """Log odds of each step of a funnel, among the rows that reached the step before.

    Args:
        label: float[N, T], the earliest step first.
    """
    later = [log_odds(label[label[:, step - 1] > 0.5, step]) for step in range(1, label.shape[1])]
    return [log_odds(label[:, 0]), *later]


def conditional(score: Floats) -> Floats:
    """float64[N, T], chance of each step of a funnel once the one before has happened, from chances of the whole way.

    Args:
        score: float64[N, T] as the heads of a funnel give them; the first column stays.
    """
    before = np.concatenate([np.ones((len(score), 1)), score[:, :-1]], axis=1)
    out: Floats = np.divide(score, before, out=np.zeros_like(score), where=before > 0)
    return out


def names(tasks: Sequence[str]) -> list[str]:
    """What `conditional` columns are called: "click", "purchase|click"."""
    return [tasks[0], *(f"{later}|{earlier}" for earlier, later in itertools.pairwise(tasks))]
