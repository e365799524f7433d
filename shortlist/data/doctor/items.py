"""Checks of items: never used, not described, used by everybody."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shortlist.data.dataset import Dataset
from shortlist.data.doctor.finding import MANY_EXAMPLES, Finding, pair_codes


def items(data: Dataset, now: float) -> Iterator[Finding]:
    """Are they used and known?"""
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
                tuple(data.items.decode(np.flatnonzero(used)[:MANY_EXAMPLES])),
            )
    users = len(np.unique(events.user))
    if users >= 30:
        pairs = np.unique(pair_codes(data))
        reach = np.bincount(pairs % max(data.n_items, 1), minlength=data.n_items)
        known = np.flatnonzero(reach > 0.9 * users)
        if len(known):
            yield Finding(
                "item_of_everybody",
                "info",
                f"{len(known)} items were used by more than 90 % of all users.",
                "Is it a home page, a default or a sign-up step? Such events say nothing about taste.",
                len(known),
                tuple(data.items.decode(known[:MANY_EXAMPLES])),
            )
