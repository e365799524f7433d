"""The doctor: what is odd about data before a model is blamed for it.

Each finding has a code, a severity (error: results would be wrong; warning: look at it; info: know it), a count and
what to do. Nothing is changed. Cost: a few sorts of the events; a second for a million.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from shortlist.core.types import Ints
from shortlist.data.dataset import Dataset

Severity = Literal["error", "warning", "info"]

NULL_LIKE = frozenset(
    {"null", "undefined", "nan", "none", "nil", "anonymous", "unknown", "n/a", "na", "-", "-1", "guest"}
)
SKEW_S = 300.0
"""Clocks may differ by this much before we mention it."""
BOT_EVENTS, BOT_WINDOW_S = 120, 60.0
"""So many events of one user within so many seconds are no human's."""
_MANY_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is odd.

    Attributes:
        code: stable name.
        severity: error, warning or info.
        message: what was found.
        hint: what to do about it.
        count: rows, users or items concerned.
        examples: up to five external ids or numbers.
    """

    code: str
    severity: Severity
    message: str
    hint: str
    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All findings, worst first, with the figures everybody asks for.

    Attributes:
        data: name of the data.
        fingerprint: of its content.
        summary: users, items, events, density, time span and so on.
        findings: see `Finding`.
    """

    data: str
    fingerprint: str
    summary: dict[str, Any]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    def codes(self) -> set[str]:
        """Codes of all findings."""
        return {finding.code for finding in self.findings}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "ok": self.ok, "findings": [asdict(finding) for finding in self.findings]}


def examine(data: Dataset, *, now: float | None = None) -> Report:
    """Look at the data from all sides.

    Args:
        data: any dataset, empty ones too.
        now: UTC seconds that count as the present; None asks the clock.
    """
    moment = time.time() if now is None else now
    found: list[Finding] = []
    for check in (_size, _ids, _duplicates, _clock, _order, _users, _items, _values, _shown):
        found += check(data, moment)
    rank = {"error": 0, "warning": 1, "info": 2}
    found.sort(key=lambda finding: (rank[finding.severity], finding.code))
    return Report(data.name, data.fingerprint, summarise(data), tuple(found))


def summarise(data: Dataset) -> dict[str, Any]:
    """Sizes and spans, as JSON."""
    events = data.interactions
    active_users, active_items = len(np.unique(events.user)), len(np.unique(events.item))
    cells = active_users * active_items
    counts = np.bincount(events.type, minlength=len(events.types)).tolist() if len(events) else [0] * len(events.types)
    pairs = _distinct(_pair(data)) if len(events) else 0
    return {
        "users": data.n_users,
        "items": data.n_items,
        "events": data.n_events,
        "users_with_events": active_users,
        "items_with_events": active_items,
        "impressions": 0 if data.impressions is None else len(data.impressions),
        "shown": 0 if data.impressions is None else len(data.impressions.item),
        "types": dict(zip(events.types, counts, strict=True)),
        "density": pairs / cells if cells else 0.0,
        "clock": data.clock,
        "first_at": float(events.at.min()) if len(events) else None,
        "last_at": float(events.at.max()) if len(events) else None,
    }


def _size(data: Dataset, now: float) -> Iterator[Finding]:
    events = data.interactions
    if len(events) == 0:
        yield Finding("empty", "error", "There are no interactions.", "Check that the right file was read.")
        return
    users, items = len(np.unique(events.user)), len(np.unique(events.item))
    if users == 1:
        yield Finding(
            "one_user", "warning", "All events are of one user.", "Check which column was taken for user_id.", 1
        )
    if items == 1:
        yield Finding(
            "one_item", "warning", "All events are of one item.", "Check which column was taken for item_id.", 1
        )
    if len(events) < 1000 or users < 30 or items < 20:
        yield Finding(
            "tiny",
            "warning",
            f"Only {len(events)} events, {users} users, {items} items: figures will be mostly noise.",
            "Judge by the intervals, and let popularity or content lead until there is more.",
            len(events),
        )


def _ids(data: Dataset, now: float) -> Iterator[Finding]:
    events = data.interactions
    for kind, vocab, index in (("user", data.users, events.user), ("item", data.items, events.item)):
        counts = np.bincount(index, minlength=len(vocab))
        bad = [code for code, external in enumerate(vocab.ids) if external.strip().lower() in NULL_LIKE]
        zero = vocab.get("0")
        if zero >= 0 and kind == "user" and counts[zero] > 10 * max(1.0, float(np.median(counts[counts > 0]))):
            bad.append(zero)
        rows = int(counts[bad].sum()) if bad else 0
        if bad:
            heavy = len(index) > 0 and rows > 0.01 * len(index)
            yield Finding(
                f"null_like_{kind}_ids",
                "error" if heavy else "warning",
                f"{rows} events belong to {kind} ids that look like a missing value.",
                "Drop these rows, or give each visitor an id of the session; else strangers become one giant person."
                if kind == "user"
                else "Drop these rows or restore the item ids.",
                rows,
                tuple(vocab.decode(bad[:_MANY_EXAMPLES])),
            )


def _duplicates(data: Dataset, now: float) -> Iterator[Finding]:
    events = data.interactions
    if len(events) < 2:
        return
    pair = _pair(data)
    order = np.lexsort((events.value, events.type, events.at, pair))
    same_pair = pair[order][1:] == pair[order][:-1]
    exact = same_pair & (np.diff(events.at[order]) == 0)
    exact &= (np.diff(events.type[order]) == 0) & (np.diff(events.value[order]) == 0)
    n_exact, n_repeat = int(exact.sum()), int(same_pair.sum())
    if n_exact and data.clock == "unix":
        share = n_exact / len(events)
        yield Finding(
            "duplicate_events",
            "warning",
            f"{n_exact} events ({share:.1%}) repeat another one in user, item, time and type.",
            "Remove the copies, or send event ids so that a retry is stored once.",
            n_exact,
        )
    if n_repeat > n_exact:
        yield Finding(
            "repeated_pairs",
            "info",
            f"{n_repeat - n_exact} events are of an item the user had before.",
            "People come back to items here: think about whether seen items should be filtered.",
            n_repeat - n_exact,
        )


def _clock(data: Dataset, now: float) -> Iterator[Finding]:
    at = data.interactions.at
    if len(at) == 0:
        return
    if data.clock != "unix":
        what = "Times are only the order inside each user" if data.clock == "rank" else "There are no times"
        yield Finding(
            f"clock_{data.clock}",
            "info",
            f"{what}.",
            "Trends, half-lives and splits in time mean nothing here; use leave-last-out.",
            len(at),
        )
        return
    if len(at) > 1 and at.min() == at.max():
        yield Finding(
            "constant_time",
            "error",
            "All events carry the same time.",
            "Check which column was taken for the time; without times only the order of the file is left.",
            len(at),
        )
        return
    millis = at > 1e11
    if millis.any():
        yield Finding(
            "millisecond_times",
            "error",
            f"{int(millis.sum())} times look like milliseconds (or finer), not seconds.",
            'Read them with time_unit="ms".',
            int(millis.sum()),
        )
    future = (at > now + SKEW_S) & ~millis
    if future.any():
        ahead = float(at[future].max() - now)
        yield Finding(
            "future_times",
            "error" if future.mean() > 0.01 else "warning",
            f"{int(future.sum())} events lie in the future, by up to {_span(ahead)}.",
            "Correct the sender's clock or zone; such events would lead every list of what is new.",
            int(future.sum()),
        )
    ancient = at < 631_152_000  # 1990: before there were logs of clicks
    counter = bool(ancient.all() and at.min() >= 0)
    if counter:
        yield Finding(
            "counter_times",
            "info",
            "The times are small numbers: a counter rather than seconds since 1970.",
            "Half-lives and windows are then in steps of that counter.",
            len(at),
        )
    elif ancient.any():
        yield Finding(
            "ancient_times",
            "warning",
            f"{int(ancient.sum())} events lie before 1990; zero often means an unknown time.",
            "Drop them or restore their times.",
            int(ancient.sum()),
        )
    if not counter and len(at) >= 100:
        whole_days = float(np.mean(at % 86_400 == 0))
        if whole_days > 0.95:
            yield Finding(
                "day_times",
                "info",
                "Times are whole days, so the order within a day is that of the file.",
                "Keep the file in the order in which things happened.",
                int(whole_days * len(at)),
            )


def _order(data: Dataset, now: float) -> Iterator[Finding]:
    """A log that is written as things happen goes forward; where one mostly does, backward steps are skewed clocks."""
    events = data.interactions
    if data.clock != "unix" or len(events) < 20:
        return
    started = ~np.isin(events.type, [i for i, name in enumerate(events.types) if name == "history"])
    at = events.at[started]
    if len(at) < 20:
        return
    # How far each event lies behind the latest one recorded before it.
    behind = np.maximum.accumulate(at) - at
    forward = float(np.mean(np.diff(at) >= 0))
    late = behind > SKEW_S
    if forward > 0.9 and late.any():
        yield Finding(
            "clock_skew",
            "warning",
            f"{int(late.sum())} events of a log in time order are dated back, by up to {_span(float(behind.max()))}.",
            "Check the clocks of the senders and late deliveries; order within a user may be wrong.",
            int(late.sum()),
        )
    table = data.item_table
    column = next(
        (name for name in ("published_at", "created_at") if table is not None and name in table.columns), None
    )
    if table is not None and column is not None and table[column].dtype.is_numeric():
        born = table[column].cast(float).fill_null(-np.inf).to_numpy()
        early = events.at < born[events.item] - SKEW_S
        if early.any():
            items = np.unique(events.item[early])
            yield Finding(
                "before_publication",
                "warning",
                f"{int(early.sum())} events are older than the item they are about.",
                "Check zones and clocks of catalogue and log.",
                int(early.sum()),
                tuple(data.items.decode(items[:_MANY_EXAMPLES])),
            )


def _users(data: Dataset, now: float) -> Iterator[Finding]:
    events = data.interactions
    if len(events) == 0:
        return
    counts = np.bincount(events.user, minlength=data.n_users)
    bots: set[int] = set()
    if data.clock == "unix" and not (events.at < 631_152_000).all():
        order = events.user_order
        user, at = events.user[order], events.at[order]
        step = BOT_EVENTS - 1
        if len(at) > step:
            burst = (user[step:] == user[:-step]) & (at[step:] - at[:-step] <= BOT_WINDOW_S)
            # History stamps are invented, and data whose times are whole days has no pace.
            if not np.mean(at % 86_400 == 0) > 0.95:
                bots |= set(np.unique(user[step:][burst]).tolist())
    typical = float(np.median(counts[counts > 0]))
    huge = np.flatnonzero(counts > np.maximum(0.1 * len(events), 50 * typical))
    if (counts > 0).sum() >= 30:
        bots |= {int(one) for one in huge if counts[one] >= 1000}
    if bots:
        listed = sorted(bots, key=lambda one: -counts[one])
        rows = int(counts[listed].sum())
        yield Finding(
            "suspected_bots",
            "warning",
            f"{len(listed)} users act faster or far more often than people do ({rows} events).",
            "Look at them and leave them out of training if they are machines or shared accounts.",
            len(listed),
            tuple(data.users.decode(listed[:_MANY_EXAMPLES])),
        )
    single = int((counts == 1).sum())
    active = int((counts > 0).sum())
    if active >= 30 and single > 0.5 * active:
        yield Finding(
            "one_event_users",
            "info",
            f"{single} of {active} users have a single event.",
            "Most requests will be cold: invest in content, trends and sessions.",
            single,
        )


def _items(data: Dataset, now: float) -> Iterator[Finding]:
    events = data.interactions
    counts = np.bincount(events.item, minlength=data.n_items)
    silent = int((counts == 0).sum())
    if data.n_items and silent > 0.5 * data.n_items:
        yield Finding(
            "silent_items",
            "info",
            f"{silent} of {data.n_items} items have no events.",
            "Only content can recommend them.",
            silent,
        )
    table = data.item_table
    columns = [] if table is None else [name for name in table.columns if name not in ("item_id", "first_seen_at")]
    if table is None or not columns:
        yield Finding(
            "no_item_table",
            "info",
            "Nothing is known about the items but their ids.",
            "Add an item table (title, text, category) for content models, filters and reasons.",
            data.n_items,
        )
    else:
        import polars as pl

        bare = np.array(table.select(pl.all_horizontal(pl.col(columns).is_null())).to_series().to_numpy(), bool)
        used = bare & (counts > 0) if counts.any() else bare
        shown = data.impressions
        if shown is not None:
            used |= bare & (np.bincount(shown.item, minlength=data.n_items) > 0)
        if used.any():
            share = float(used.sum() / max(1, data.n_items))
            yield Finding(
                "items_without_metadata",
                "warning" if share > 0.05 else "info",
                f"{int(used.sum())} items that appear in the log ({share:.1%} of all) are not in the item table.",
                "Complete the catalogue; content models and filters know nothing about them.",
                int(used.sum()),
                tuple(data.items.decode(np.flatnonzero(used)[:_MANY_EXAMPLES])),
            )
    users = len(np.unique(events.user))
    if users >= 30:
        pairs = _unique(_pair(data))
        reach = np.bincount(pairs % max(data.n_items, 1), minlength=data.n_items)
        known = np.flatnonzero(reach > 0.9 * users)
        if len(known):
            yield Finding(
                "item_of_everybody",
                "info",
                f"{len(known)} items were used by more than 90 % of all users.",
                "Is it a home page, a default or a sign-up step? Such events say nothing about taste.",
                len(known),
                tuple(data.items.decode(known[:_MANY_EXAMPLES])),
            )


def _values(data: Dataset, now: float) -> Iterator[Finding]:
    events = data.interactions
    value = events.value
    if len(value) == 0:
        return
    distinct = np.unique(value)
    if len(distinct) == 1:
        if distinct[0] != 1:
            yield Finding(
                "constant_value", "info", f"Every value is {float(distinct[0]):g}.", "It carries no weight.", len(value)
            )
        names = [name for name in events.types if _letters(name) in ("impression", "shown", "view", "show", "exposure")]
        if names and len(events.types) > 1 and data.impressions is None:
            code = [events.types.index(name) for name in names]
            rows = int(np.isin(events.type, code).sum())
            yield Finding(
                "looks_like_impressions",
                "warning",
                f"{rows} events of type {', '.join(names)} look like what was shown, not what was done.",
                "Give them as impressions, or leave the type out of training.",
                rows,
                tuple(names),
            )
        return
    if set(distinct.tolist()) <= {0.0, 1.0}:
        shown = int((value == 0).sum())
        yield Finding(
            "looks_like_impressions",
            "warning",
            f"Values are 0 and 1 ({shown} zeros): rows with 0 look like shown and not clicked.",
            "Give them as impressions; taken as interactions, every 0 counts as a liking.",
            shown,
        )
    elif len(distinct) <= 21 and distinct[0] >= 0 and distinct[-1] <= 10:
        top = float(distinct[-1])
        bar = 4.0 if top <= 5 else float(np.ceil(0.7 * top))
        share = float((value >= bar).mean())
        yield Finding(
            "looks_like_ratings",
            "info",
            f"Values are a scale from {float(distinct[0]):g} to {top:g}; {share:.0%} are at least {bar:g}.",
            f"Positive is usually {bar:g} and above; models of choice use every rating as a sign of interest.",
            int((value >= bar).sum()),
        )
    if (value < 0).any():
        yield Finding(
            "negative_values",
            "warning",
            f"{int((value < 0).sum())} values are negative.",
            "Weights must not be negative; keep dislikes as an event type of their own.",
            int((value < 0).sum()),
        )


def _shown(data: Dataset, now: float) -> Iterator[Finding]:
    shown = data.impressions
    if shown is None or len(shown) == 0:
        return
    rate = float(shown.clicked.mean()) if len(shown.clicked) else 0.0
    if not shown.clicked.any():
        yield Finding(
            "no_clicks_on_impressions",
            "error",
            "No shown item was ever clicked, so a ranker has nothing to learn.",
            "Check that clicks carry the request id of the list they answer.",
            len(shown),
        )
    elif rate > 0.5:
        yield Finding(
            "clicked_share",
            "warning",
            f"{rate:.0%} of all shown items were clicked.",
            "That is more than people do; check that lists hold what was not clicked, too.",
            int(shown.clicked.sum()),
        )
    full = np.bincount(shown.row[shown.clicked], minlength=len(shown)) if len(shown) else np.zeros(0, np.int64)
    empty = int((full == 0).sum())
    if empty and shown.clicked.any():
        yield Finding(
            "impressions_without_click",
            "info",
            f"{empty} of {len(shown)} lists have no click.",
            "They teach a ranker only through its base rate.",
            empty,
        )


def _pair(data: Dataset) -> Ints:
    events = data.interactions
    return events.user * np.int64(max(data.n_items, 1)) + events.item


def _unique(values: Ints) -> Ints:
    return np.unique(values)


def _distinct(values: Ints) -> int:
    ordered = np.sort(values)
    return int(1 + (np.diff(ordered) != 0).sum())


def _letters(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalpha())


def _span(seconds: float) -> str:
    for unit, size in (("years", 31_557_600.0), ("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
