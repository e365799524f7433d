"""Named protocols that divide data into what models may learn from and what they are asked.

A number without its protocol means nothing, so every split carries an id and its options into each report. Test
requests are rows with their own user, time and history; `history` holds all that the protocol lets a model see at test
time. No event that is asked for is ever among the events learnt from; each protocol checks that before it returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from shortlist.core import registry
from shortlist.core.errors import BadConfig, EmptyTraining, LeakDetected
from shortlist.core.types import Array, Floats, History, Ints, Requests, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.data.options import refuse_unknown

# MIND's reading lists have no times of their own; an event of this type is never asked for.
NOT_ASKED = frozenset({"history"})


@dataclass(frozen=True, eq=False)
class Targets:
    """What is asked at test time, one row per request.

    Attributes:
        user: int64[B].
        now: float64[B], UTC seconds (or order); nothing at or after it may be read.
        history: what the user did before; strictly-before-`now` reads of the log give the same events.
        truth: the items to be found, with their times, ragged over the B requests.
        value: float32[T], rating or weight of each true item.
        rows: int64[T], interaction number of each true item in the split's data.
        split: the split this belongs to.
    """

    user: Ints
    now: Floats
    history: History
    truth: History
    value: Floats
    rows: Ints
    split: Split = field(init=False, repr=False)

    def __len__(self) -> int:
        return len(self.user)

    @property
    def protocol(self) -> str:
        """Id of the protocol."""
        return self.split.protocol

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the protocol."""
        return self.split.options

    def requests(self, k: int = 10, *, seed: int = 0, surface: str = "home") -> Requests:
        """The test requests with their histories."""
        return Requests.of(self.user, now=self.now, k=k, seed=seed, history=self.history, surface=surface)


@dataclass(frozen=True, eq=False)
class Split:
    """Data divided by a protocol; unpacks as `train, test`.

    Attributes:
        protocol: id of the protocol.
        options: its options with their values, seed included.
        data: what was divided.
        train: what models fit on.
        test: what they are asked.
        valid: the events held back for tuning, or None if the protocol has none.
        tune_train: what a model that tunes or stops early fits on meanwhile, or None.
        tune_test: what it is asked meanwhile, or None.
        notes: counts worth printing.
    """

    protocol: str
    options: Mapping[str, Any]
    data: Dataset
    train: Dataset
    test: Targets
    valid: Dataset | None = None
    tune_train: Dataset | None = None
    tune_test: Targets | None = None
    notes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for targets in (self.test, self.tune_test):
            if targets is not None:
                object.__setattr__(targets, "split", self)

    def __iter__(self) -> Iterator[Any]:
        yield self.train
        yield self.test

    @property
    def fit_on(self) -> Dataset:
        """What models fit on: `train` by another name."""
        return self.train

    def describe(self) -> dict[str, Any]:
        """What a report must say about it, as JSON."""
        return {
            "protocol": self.protocol,
            "options": dict(self.options),
            "data": self.data.name,
            "fingerprint": self.data.fingerprint,
            "train_events": self.train.n_events,
            "test_requests": len(self.test),
            "test_events": len(self.test.truth.item),
            **self.notes,
        }


@dataclass(frozen=True, eq=False)
class RowSplit:
    """Single rows with a yes-or-no label, divided into three.

    Attributes:
        protocol: id of the protocol.
        options: its options with their values, seed included.
        data: what was divided.
        table: "interactions" or "impressions" (rows are shown items), which the row numbers refer to.
        user: int64[R]; `item` int64[R], `at` float64[R], `label` bool[R]: all rows of that table.
        item: see above.
        at: see above.
        label: see above.
        train_rows: int64, 80 %.
        valid_rows: int64, 10 %.
        test_rows: int64, 10 %.
    """

    protocol: str
    options: Mapping[str, Any]
    data: Dataset
    table: str
    user: Ints
    item: Ints
    at: Floats
    label: Array
    train_rows: Ints
    valid_rows: Ints
    test_rows: Ints

    def describe(self) -> dict[str, Any]:
        """What a report must say about it, as JSON."""
        return {
            "protocol": self.protocol,
            "options": dict(self.options),
            "data": self.data.name,
            "fingerprint": self.data.fingerprint,
            "rows": [len(self.train_rows), len(self.valid_rows), len(self.test_rows)],
            "positive": float(self.label.mean()) if len(self.label) else 0.0,
        }


def split(data: Dataset, protocol: str = "leave-last-out", **options: Any) -> Any:
    """Divide data by a named protocol.

    Args:
        data: what to divide.
        protocol: "leave-last-out", "global-time", "strong-gen", "published", "ctr-random-811" or "ctr-time-811".
        options: of the protocol; see the function of that name below.

    Returns:
        `Split` (unpacks as `train, test`), or `RowSplit` for the `ctr-` protocols.

    Raises:
        UnknownName: no such protocol; suggests the nearest.
        BadConfig: an option is unknown or impossible for this data.
        EmptyTraining: nothing is left to learn from, or nothing to ask.
    """
    divide = registry.load(protocol, "protocol")
    refuse_unknown(divide, options, f"protocol '{protocol}'")
    return divide(data, **options)


def leave_last_out(data: Dataset, *, strict: bool = False, min_item_events: int = 0, seed: int = 0) -> Split:
    """The last event of each user is asked; the one before it is for validation.

    Events of a user are in (time, file order). Models fit on all but the last event; with `strict`, on all but the last
    two. The history at test time holds the validation event either way. Users with fewer than two events (`strict`:
    three) stay in the training part and are not asked, nor are users whose last event has no time of its own.

    Args:
        data: what to divide.
        strict: whether the validation event is kept from the fit.
        min_item_events: drop the events of items with fewer events first; the catalogue stays whole.
        seed: recorded; nothing here is random.
    """
    if min_item_events > 1:
        counts = np.bincount(data.interactions.item, minlength=data.n_items)
        kept = data.select(counts[data.interactions.item] >= min_item_events)
    else:
        kept = data
    events = kept.interactions
    order = events.user_order
    counts = np.bincount(events.user, minlength=kept.n_users)
    ends = offsets_of(counts)[1:]
    asked = np.flatnonzero(counts >= (3 if strict else 2))
    unasked = np.array([name in NOT_ASKED for name in events.types], bool)
    if unasked.any():
        asked = asked[~unasked[events.type[order[ends[asked] - 1]]]]
    last, before = order[ends[asked] - 1], order[ends[asked] - 2]
    third = counts[asked] >= 3
    tuned = asked[third]

    main = _leave_out(kept, asked, last, order, ends - 1, hidden=before[third] if strict else None)
    options = {"strict": strict, "min_item_events": min_item_events, "seed": seed}
    if len(tuned):
        tuning = _leave_out(kept, tuned, before[third], order, ends - 2, hidden=last)
        valid, tune_train, tune_test = kept.select(before[third]), tuning.train, tuning.test
    else:
        valid, tune_train, tune_test = None, None, None
    return _checked(
        Split("leave-last-out", options, kept, main.train, main.test, valid, tune_train, tune_test, main.notes)
    )


def global_time(
    data: Dataset, *, at: float | str = 0.9, repeats: bool = False, cold: bool = False, seed: int = 0
) -> Split:
    """What happens after one moment is asked, all at that moment: the honest protocol for data with a clock.

    One request per user, `now` = the moment, history = all before it, truth = the distinct items after it.

    Args:
        data: what to divide; needs a clock.
        at: a share of events in time order (0 to 1), UTC seconds, or ISO 8601 text.
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
    moment = _moment(events.at, at)
    after = events.at >= moment
    if after.all() or not after.any():
        raise EmptyTraining(
            f"No events of '{data.name}' lie {'before' if after.all() else 'after'} the cut.",
            hint="Choose another `at`; check the times with: shortlist doctor",
        )
    asked = after & ~np.array([name in NOT_ASKED for name in events.types], bool)[events.type]
    rows = events.user_order
    rows = rows[asked[rows]]
    had = np.bincount(events.user[~after], minlength=data.n_users) > 0
    notes = {"targets_repeating": 0, "targets_of_cold_users": int((~had[events.user[rows]]).sum())}
    if not cold:
        rows = rows[had[events.user[rows]]]
    rows = rows[_first_of_pair(events.user[rows], events.item[rows], data.n_items)]
    pairs = np.unique(events.user[~after] * data.n_items + events.item[~after])
    seen = np.isin(events.user[rows] * data.n_items + events.item[rows], pairs)
    notes["targets_repeating"] = int(seen.sum())
    if not repeats:
        rows = rows[~seen]
    train = data.before(moment)
    users, lengths = np.unique(events.user[rows], return_counts=True)
    now = np.full(len(users), moment)
    test = _targets(data, users, now, train.histories(users), rows, offsets_of(lengths))
    options = {"at": at, "moment": moment, "repeats": repeats, "cold": cold, "seed": seed}
    return _checked(Split("global-time", options, data, train, test, notes=notes))


def strong_gen(data: Dataset, *, held_out: float = 0.1, ask: float = 0.2, min_events: int = 5, seed: int = 0) -> Split:
    """Whole users are held out: the model meets them with 80 % of their items and is asked for the other 20 %.

    A second, equally large group of held-out users serves tuning. For models that need no parameters per user.

    Args:
        data: what to divide.
        held_out: share of users in each of the two groups.
        ask: share of a held-out user's distinct items that is asked, at least one, chosen at random.
        min_events: users with fewer distinct items are never held out.
        seed: of the choice of users and items.
    """
    if not 0 < held_out < 0.5 or not 0 < ask < 1:
        raise BadConfig("Both shares must lie between 0 and 1 (held_out below one half).", field="held_out")
    events = data.interactions
    order = events.user_order
    order = order[_first_of_pair(events.user[order], events.item[order], data.n_items)]
    counts = np.bincount(events.user[order], minlength=data.n_users)
    eligible = np.flatnonzero(counts >= max(2, min_events))
    rng = np.random.default_rng(seed)
    n = max(1, round(held_out * len(eligible)))
    if len(eligible) < 2 * n + 1:
        raise EmptyTraining(f"'{data.name}' has too few users with {min_events} items to hold some out.")
    shuffled = rng.permutation(eligible)
    groups = [np.sort(shuffled[:n]), np.sort(shuffled[n : 2 * n])]
    held = np.zeros(data.n_users, bool)
    held[np.concatenate(groups)] = True
    shown = data.impressions
    train = data.select(~held[events.user], impressions=None if shown is None else ~held[shown.user])
    test, tune = (_fold_in(data, users, order, ask, rng) for users in groups)
    options = {"held_out": held_out, "ask": ask, "min_events": min_events, "seed": seed}
    split_ = Split("strong-gen", options, data, train, test, data.select(tune.rows), train, tune)
    return _checked(split_)


def published(data: Dataset, *, seed: int = 0) -> Split:
    """The split the data came with: interactions of type "train" are learnt from, of type "test" are asked.

    Args:
        data: with exactly these two interaction types.
        seed: recorded; nothing here is random.
    """
    types = data.interactions.types
    if not {"train", "test"} <= set(types):
        raise BadConfig(f"'{data.name}' came without a split of its own.", hint="Use leave-last-out or global-time.")
    events = data.interactions
    train = data.select(events.type == types.index("train"))
    order = events.user_order
    rows = order[events.type[order] == types.index("test")]
    users, lengths = np.unique(events.user[rows], return_counts=True)
    now = np.full(len(users), float(np.nextafter(train.interactions.at.max(initial=0.0), np.inf)))
    test = _targets(data, users, now, train.histories(users), rows, offsets_of(lengths))
    return _checked(Split("published", {"seed": seed}, data, train, test))


def ctr_random_811(data: Dataset, *, positive: float | None = None, seed: int = 0) -> RowSplit:
    """Rows at random, 80/10/10: the usual split of click models, which lets a model see the user's future.

    Args:
        data: with impressions (label: clicked) or values (label: at least `positive`).
        positive: smallest value that counts as positive; None means 4 for ratings.
        seed: of the shuffle.
    """
    table, user, item, at, label, threshold = _labelled(data, positive)
    order = np.random.default_rng(seed).permutation(len(label))
    return _row_split("ctr-random-811", data, table, user, item, at, label, order, threshold, seed)


def ctr_time_811(data: Dataset, *, positive: float | None = None, seed: int = 0) -> RowSplit:
    """Rows in (time, file order), the first 80 % to learn from: harder and honest.

    Args:
        data: with a clock, and impressions (label: clicked) or values (label: at least `positive`).
        positive: smallest value that counts as positive; None means 4 for ratings.
        seed: recorded; nothing here is random.
    """
    if data.clock != "unix":
        raise BadConfig(
            f"'{data.name}' has no clock, so its rows have no common order.", hint="Use ctr-random-811.", field="data"
        )
    table, user, item, at, label, threshold = _labelled(data, positive)
    order = np.argsort(at, kind="stable")
    return _row_split("ctr-time-811", data, table, user, item, at, label, order, threshold, seed)


def refuse_leak(train: Dataset, targets: Targets) -> None:
    """Raises: LeakDetected if an event that is asked for (user, item, time) is among those learnt from."""
    size = np.int64(max(train.n_items, 1))
    rows = targets.split.data.interactions
    asked = rows.user[targets.rows] * size + rows.item[targets.rows]
    learnt = train.interactions.user * size + train.interactions.item
    candidates = np.flatnonzero(np.isin(learnt, asked))
    if len(candidates) == 0:
        return
    known = set(zip(asked.tolist(), rows.at[targets.rows].tolist(), strict=True))
    found = zip(learnt[candidates].tolist(), train.interactions.at[candidates].tolist(), strict=True)
    leaks = sum(pair in known for pair in found)
    if leaks:
        raise LeakDetected(f"{leaks} events that are asked for are also learnt from.", hint="Remove duplicate rows.")


def _checked(made: Split) -> Split:
    if len(made.test) == 0:
        raise EmptyTraining(
            f"Protocol '{made.protocol}' leaves nothing to ask of '{made.data.name}'.",
            hint="The data is too small, or every user has too few events.",
        )
    if made.train.n_events == 0:
        raise EmptyTraining(f"Protocol '{made.protocol}' leaves nothing to learn from in '{made.data.name}'.")
    refuse_leak(made.train, made.test)
    if made.tune_train is not None and made.tune_test is not None:
        refuse_leak(made.tune_train, made.tune_test)
    return made


@dataclass(frozen=True)
class _Part:
    train: Dataset
    test: Targets
    notes: dict[str, int]


def _leave_out(data: Dataset, users: Ints, asked: Ints, order: Ints, stops: Ints, hidden: Ints | None) -> _Part:
    """Ask one event per user: `asked` (row numbers), at position `stops[user]` of `order`; `hidden` rows go too."""
    events = data.interactions
    starts = offsets_of(np.bincount(events.user, minlength=data.n_users))[:-1]
    keep = np.ones(len(events), bool)
    keep[asked] = False
    if hidden is not None:
        keep[hidden] = False
    # The same event recorded twice would otherwise be learnt from in one copy and asked for in the other.
    copies = _copies(data, users, asked)
    keep[copies] = False

    lengths = stops[users] - starts[users]
    offsets = offsets_of(lengths)
    rows = order[np.repeat(starts[users] - offsets[:-1], lengths) + np.arange(offsets[-1])]
    owner = np.repeat(np.arange(len(users)), lengths)
    clean = ~np.isin(rows, copies)
    rows, owner = rows[clean], owner[clean]
    history = History(events.item[rows], events.at[rows], offsets_of(np.bincount(owner, minlength=len(users))))
    # An event of the same second as the one before it is asked the smallest step later, so that a reader that looks
    # strictly before `now` finds the whole history.
    now = events.at[asked].copy()
    np.maximum.at(now, owner, np.nextafter(events.at[rows], np.inf))

    shown = data.impressions
    keep_shown = None
    if shown is not None:
        limit = np.full(data.n_users, np.inf)
        limit[users] = events.at[asked]
        if hidden is not None:
            np.minimum.at(limit, events.user[hidden], events.at[hidden])
        keep_shown = shown.at < limit[shown.user]
    test = _targets(data, users, now, history, asked, np.arange(len(users) + 1))
    seen = np.isin(_pair(users[owner], events.item[rows], data), _pair(users, events.item[asked], data))
    repeating = len(np.unique(owner[seen])) if len(owner) else 0
    notes = {"targets_repeating": repeating, "copies_dropped": len(copies)}
    return _Part(data.select(keep, impressions=keep_shown), test, notes)


def _pair(user: Ints, item: Ints, data: Dataset) -> Ints:
    return user * np.int64(max(data.n_items, 1)) + item


def _copies(data: Dataset, users: Ints, asked: Ints) -> Ints:
    """Row numbers of further copies (same user, item, time) of the events asked for."""
    events = data.interactions
    goal_item = np.full(data.n_users, -1, np.int64)
    goal_at = np.zeros(data.n_users)
    goal_item[users], goal_at[users] = events.item[asked], events.at[asked]
    same = (events.item == goal_item[events.user]) & (events.at == goal_at[events.user])
    same[asked] = False
    return np.flatnonzero(same)


def _fold_in(data: Dataset, users: Ints, order: Ints, ask: float, rng: np.random.Generator) -> Targets:
    """Ask a random share of each user's distinct items; the rest, in time order, is the history."""
    events = data.interactions
    mine = order[np.isin(events.user[order], users)]
    row = np.searchsorted(users, events.user[mine])
    lengths = np.bincount(row, minlength=len(users))
    n_asked = np.maximum(1, np.round(ask * lengths)).astype(np.int64)
    by_chance = np.lexsort((rng.random(len(mine)), row))
    chosen = np.zeros(len(mine), bool)
    starts = offsets_of(lengths)[:-1]
    rank = np.empty(len(mine), np.int64)
    rank[by_chance] = np.arange(len(mine)) - np.repeat(starts, lengths)
    chosen = rank < n_asked[row]
    kept, asked = mine[~chosen], mine[chosen]
    history = History(events.item[kept], events.at[kept], offsets_of(lengths - n_asked))
    latest = np.full(len(users), -np.inf)
    np.maximum.at(latest, row, events.at[mine])
    return _targets(data, users, np.nextafter(latest, np.inf), history, asked, offsets_of(n_asked))


def _targets(data: Dataset, users: Ints, now: Floats, history: History, rows: Ints, offsets: Ints) -> Targets:
    events = data.interactions
    truth = History(events.item[rows], events.at[rows], offsets)
    return Targets(users, now, history, truth, events.value[rows], rows)


def _first_of_pair(user: Ints, item: Ints, n_items: int) -> Array:
    """bool[n], the first row of each (user, item)."""
    _, first = np.unique(user * np.int64(max(n_items, 1)) + item, return_index=True)
    out = np.zeros(len(user), bool)
    out[first] = True
    return out


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


def _labelled(data: Dataset, positive: float | None) -> tuple[str, Ints, Ints, Floats, Array, float | None]:
    shown = data.impressions
    if shown is not None and positive is None:
        row = shown.row
        return "impressions", shown.user[row], shown.item, shown.at[row], shown.clicked, None
    events = data.interactions
    threshold = positive if positive is not None else (4.0 if "rating" in events.types else None)
    label = events.value >= threshold if threshold is not None else np.ones(len(events), bool)
    if label.all() or not label.any():
        raise BadConfig(
            f"Every row of '{data.name}' would have the same label.",
            hint="Click models need what was shown and not clicked, or ratings; set `positive` for other scales.",
            field="positive",
        )
    return "interactions", events.user, events.item, events.at, label, threshold


def _row_split(
    protocol: str, data: Dataset, table: str, user: Ints, item: Ints, at: Floats, label: Array, order: Ints,
    threshold: float | None, seed: int,
) -> RowSplit:  # fmt: skip
    order = order.astype(np.int64)
    first, second = int(0.8 * len(order)), int(0.9 * len(order))
    if first == 0 or second == first or second == len(order):
        raise EmptyTraining(f"'{data.name}' has too few rows for three parts.")
    options = {"positive": threshold, "table": table, "seed": seed}
    return RowSplit(
        protocol, options, data, table, user, item, at, label, order[:first], order[first:second], order[second:]
    )
