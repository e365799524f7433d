"""External ids in, tables out: what the Python faces share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import BadRequest, UnknownItem, UnknownUser
from shortlist.core.types import Array, History, Requests, Slates
from shortlist.pipeline.expression import Expression, parse_expression

if TYPE_CHECKING:
    import polars as pl

    from shortlist.data.dataset import Dataset

MAX_K = 500
"""Longest list."""
RESERVED = frozenset({"filter", "wider", "request_id", "user_id", "bundle"})
"""Query columns with a meaning of their own, which callers cannot set."""


def as_ids(value: Any, field: str) -> list[str]:
    """One id or many as a list of texts.

    Raises:
        BadRequest: something among them is neither text nor a whole number.
    """
    if isinstance(value, str) or _is_whole(value):
        return [str(value)]
    wrong = BadRequest(
        f"'{field}' must be an id or a list of ids.",
        hint="Ids are texts or whole numbers; a gap may have turned whole numbers into floating ones.",
        field=field,
    )
    if isinstance(value, (bytes, Mapping)):
        raise wrong
    try:
        listed = list(value)
    except TypeError:
        raise wrong from None
    if not all(isinstance(one, str) or _is_whole(one) for one in listed):
        raise wrong
    return [str(one) for one in listed]


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def checked_k(k: int) -> int:
    """`k` if it is a whole number from 1 to 500.

    Raises:
        BadRequest: otherwise.
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= MAX_K:
        raise BadRequest(f"'k' must be a whole number from 1 to {MAX_K}.", hint="Ask for fewer rows.", field="k")
    return int(k)


def make_requests(
    data: Dataset,
    users: Any,
    k: int,
    *,
    items: Any = None,
    exclude: Any = None,
    filter: str | Expression | None = None,
    context: Mapping[str, Any] | None = None,
    on_unknown: str = "cold",
    surface: str = "home",
    seed: int = 0,
) -> tuple[list[str], Requests]:
    """The asked user ids (those kept) and the batch; arguments as in `Standard.recommend`."""
    ids = as_ids(users, "users")
    k = checked_k(k)
    if on_unknown not in {"cold", "raise", "drop"}:
        raise BadRequest(f"'on_unknown' cannot be '{on_unknown}'.", hint="Use cold, raise or drop.", field="on_unknown")
    index = data.users.encode(ids)
    if on_unknown == "raise" and (index < 0).any():
        strangers = int((index < 0).sum())
        raise UnknownUser(f"{strangers} of {len(ids)} users are unknown.", hint='Use on_unknown="cold" or "drop".')
    if on_unknown == "drop":
        ids = [one for one, known in zip(ids, index >= 0, strict=True) if known]
        index = index[index >= 0]
    if context is not None and not isinstance(context, Mapping):
        raise BadRequest("'context' must be a mapping.", hint='Give {"now": seconds, ...}.', field="context")
    if filter is not None and not isinstance(filter, (str, Expression)):
        raise BadRequest("'filter' must be a text.", hint="Write a condition over item columns.", field="filter")
    context = dict(context or {})
    now = context.pop("now", None)
    if now is not None and (isinstance(now, (bool, str)) or not np.isfinite(now)):
        raise BadRequest("The context's 'now' must be UTC seconds.", hint="Leave it out for now.", field="context")
    requests = Requests.of(index, now=after(data) if now is None else float(now), k=k, seed=seed, surface=surface)
    columns = {name: _context(name, value, len(ids)) for name, value in context.items()}
    if filter is not None:
        asked = np.empty(len(ids), object)
        asked[:] = parse_expression(filter) if isinstance(filter, str) else filter
        columns["filter"] = asked
    brought = None if items is None else _ragged(data, items, len(ids), "items")
    banned = None if exclude is None else _ragged(data, exclude, len(ids), "exclude")
    full = Requests(
        user=requests.user,
        now=requests.now,
        k=requests.k,
        seed=requests.seed,
        history=requests.history,
        surface=surface,
        cols=columns,
        exclude=banned,
        given=brought,
    )
    return ids, full


def _context(name: str, value: Any, n: int) -> Array:
    """One value of the context as a query column."""
    if name in RESERVED:
        raise BadRequest(f"The context cannot set '{name}'.", hint="Use another name.", field="context")
    if not isinstance(value, (str, bool, int, float, np.generic)):
        raise BadRequest(f"The context's '{name}' must be a text, number or truth value.", field="context")
    return np.full(n, value, object if isinstance(value, str) else None)


def after(data: Dataset) -> float:
    """A moment after everything that the dataset knows."""
    return float(data.interactions.at.max()) + 1.0 if data.n_events else 1.0


def known_items(data: Dataset, items: Sequence[str], field: str) -> Array:
    """int64[n], indices of items.

    Raises:
        UnknownItem: the first one that the catalogue does not have.
    """
    index = data.items.encode(items)
    if (index < 0).any():
        name = items[int(np.flatnonzero(index < 0)[0])]
        raise UnknownItem(f"There is no item '{name[:80]}'.", hint="Check its id.", field=field)
    return index


def list_frame(data: Dataset, ids: Sequence[str], slates: Slates) -> pl.DataFrame:
    """`user_id, item_id, score, rank` of all slates, rank counted from one."""
    import polars as pl

    from shortlist.core.order import rank_within

    table = slates.candidates
    return pl.DataFrame(
        {
            "user_id": pl.Series(ids, dtype=pl.String).gather(table.row),
            "item_id": pl.Series(data.items.ids, dtype=pl.String).gather(table.item),
            "score": table.cols["score"],
            "rank": rank_within(table.row) + 1,
        },
        schema={"user_id": pl.String, "item_id": pl.String, "score": pl.Float64, "rank": pl.Int64},
    )


def _ragged(data: Dataset, items: Any, n: int, field: str) -> History:
    """The same items for each of n requests; unknown ids are left out."""
    index = data.items.encode(as_ids(items, field))
    return History.of([index[index >= 0].tolist()] * n)
