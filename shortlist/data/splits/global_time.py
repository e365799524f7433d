"""Global-time: everything after one moment is asked, at that moment; nothing of the future reaches any model."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from shortlist.core.errors import BadConfig, EmptyTraining
from shortlist.core.types import Floats, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.data.splits.asking import checked, first_of_pair, may_be_asked, targets_of
from shortlist.data.splits.base import Split


def global_time(
    data: Dataset, *, at: float | str = 0.9, repeats: bool = False, cold: bool = False, seed: int = 0
) -> Split:
    """What happens after one moment is asked, all at that moment: the honest protocol for data with a clock.

    One request per user, `now` = the moment, history = all before it, truth = the distinct items after it.

    Args:
        data: what to divide; needs a clock.
        at: a share (0 to 1) of the events that may be asked, in time order (MIND's reading lists, whose times are
            invented, do not count); UTC seconds; or ISO 8601 text.
        repeats: whether items the user already had count as truth; by default they are dropped.
        cold: whether users without history are asked.
        seed: recorded; nothing here is random.
    """
    if data.clock != "unix":
        raise BadConfig(
            f"'{data.name}' has no clock, only an order of events, so it cannot be cut at a moment.",
            hint="Use the protocol leave-last-out.",
            field="at",
        )
    events = data.interactions
    askable = may_be_asked(events)
    moment = _moment(events.at[askable] if askable.any() else events.at, at)
    after = events.at >= moment
    if after.all() or not after.any():
        raise EmptyTraining(
            f"No events of '{data.name}' lie {'before' if after.all() else 'after'} the cut.",
            hint="Choose another `at`; check the times with: shortlist doctor",
        )
    rows = events.user_order
    rows = rows[(after & askable)[rows]]
    had = np.bincount(events.user[~after], minlength=data.n_users) > 0
    notes = {"targets_repeating": 0, "targets_of_cold_users": int((~had[events.user[rows]]).sum())}
    if not cold:
        rows = rows[had[events.user[rows]]]
    rows = rows[first_of_pair(events.user[rows], events.item[rows], data.n_items)]
    pairs = np.unique(events.user[~after] * data.n_items + events.item[~after])
    seen = np.isin(events.user[rows] * data.n_items + events.item[rows], pairs)
    notes["targets_repeating"] = int(seen.sum())
    if not repeats:
        rows = rows[~seen]
    train = data.before(moment)
    users, lengths = np.unique(events.user[rows], return_counts=True)
    now = np.full(len(users), moment)
    test = targets_of(data, users, now, train.histories(users), rows, offsets_of(lengths))
    options = {"at": at, "moment": moment, "repeats": repeats, "cold": cold, "seed": seed}
    return checked(Split("global-time", options, data, train, test, notes=notes))


def _moment(at: Floats, cut: float | str) -> float:
    if isinstance(cut, str):
        try:
            moment = datetime.fromisoformat(cut)
        except ValueError:
            raise BadConfig(
                f"'{cut}' is not a time.", hint="Use ISO 8601 or a share such as 0.9.", field="at"
            ) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not np.isfinite(cut) or cut <= 0:
        raise BadConfig("The cut must be a share between 0 and 1, or a time.", field="at")
    if cut >= 1:
        return float(cut)
    if len(at) == 0:
        return 0.0
    return float(np.sort(at)[min(len(at) - 1, int(cut * len(at)))])
