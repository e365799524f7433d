"""The mean of the past beside the columns: the floor that every behaviour model has to beat.

Paper: the history half of Covington et al., "Deep Neural Networks for YouTube Recommendations", RecSys 2016.
Cost: a look-up per event.
When not: where what matters of a long past depends on the candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shortlist.models.ranking.behaviour.base import BehaviourRanker

if TYPE_CHECKING:
    from shortlist.models.neural.blocks.behaviour.past import Reader


class HistoryMean(BehaviourRanker):
    """Columns, candidate and the mean of the past in a deep network. Learned: see `BehaviourRanker`."""

    def reader(self, dim: int) -> Reader | None:
        """None."""
        return None
