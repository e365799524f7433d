"""Rankers of several scenarios: the same network for all, with parts that know which scenario a row is of.

`scenario_column` declares it: a column of codes (a page, a country, an age group) that is also among `id_columns`. What
a preset adds is told the scenario of every row. A scenario that was not in the training rows, or is missing, has
nobody's part: the shared weights alone where there are some, taught by the share `hide_scenario` of rows whose scenario
is hidden while training. `unseen_rows` counts the rows that were scored that way.

Judge them within each scenario, by the plain mean (`evaluation.rankers.by_scenario`): the pooled AUC hides what small
scenarios lose. The yardstick is `shared_bottom` with the same `scenario_column`: one network, a tower per scenario.
Cost: see each preset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from shortlist.core.errors import BadConfig
from shortlist.core.types import Floats
from shortlist.models.ranking.tasks.base import TaskRanker

if TYPE_CHECKING:
    from shortlist.models.neural.bodies.shape import Shape


class ScenarioRanker(TaskRanker):
    """Base of all rankers of several scenarios; several tasks too. A preset gives its `body`.

    Learned: see `TaskRanker`.
    """

    contract_settings: ClassVar[dict[str, Any]] = {
        **TaskRanker.contract_settings, "columns": ("match", "popularity", "noise", "page"), "id_columns": ("page",),
        "scenario_column": "page",
    }  # fmt: skip

    def place(self, shape: Shape) -> int:
        """Place of the scenario among the fields."""
        return self.places(shape.fields, (self.config.scenario_column,))[0]

    def places_beside(self, shape: Shape, names: Sequence[str]) -> list[int]:
        """Places of the scenario and of the named columns, each once."""
        return list(dict.fromkeys([self.place(shape), *self.places(shape.fields, names)]))

    def _refuse_setup(self, x: Floats) -> None:
        if not self.config.scenario_column:
            raise BadConfig(
                f"{type(self).__name__} is not told which column says the scenario.",
                hint='Set scenario_column, and name it in id_columns: scenario_column = "page".',
                field="scenario_column",
            )
        super()._refuse_setup(x)
