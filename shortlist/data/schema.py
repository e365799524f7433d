"""Tables in, a dataset out: which column is what, ids as text, times as UTC seconds.

Users bring tables with the column names of the tool they come from. A column is recognised by its letters alone, so
`user_id`, `userId`, `UserId` and `USER_ID` are one name; after that, the aliases below count in their order. Nothing is
repaired silently: a cell that cannot be read is an error that names file, line and column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import SchemaMismatch
from shortlist.core.lazy import import_extra
from shortlist.core.types import Floats, Ints, offsets_of
from shortlist.data.dataset import Dataset, Impressions, Interactions
from shortlist.data.ids import id_problem
from shortlist.data.origin import Origin
from shortlist.data.times import to_seconds
from shortlist.data.vocab import Vocab

if TYPE_CHECKING:
    import polars as pl

# Role -> names by their letters and digits; the first that is present wins.
ALIASES: dict[str, tuple[str, ...]] = {
    "user_id": ("userid", "user", "uid", "visitorid", "customerid", "reviewerid"),
    "item_id": ("itemid", "item", "movieid", "newsid", "articleid", "productid", "bookid", "iid", "asin"),
    "timestamp": (
        "timestamp",
        "datetime",
        "occurredat",
        "time",
        "at",
        "ts",
        "unixtime",
        "createdat",
        "date",
        "unixreviewtime",
    ),
    "value": ("value", "weight", "rating", "eventvalue", "stars", "overall"),
    "event": ("event", "eventtype", "feedbacktype", "interactiontype", "type"),
}
KINDS = frozenset({"item", "user", "impression", "interaction"})
# Value columns that say how much somebody liked something; without a type column the events are ratings.
RATINGS = frozenset({"rating", "stars", "overall"})
# Item and user columns that hold several values in one cell.
LISTS = frozenset({"genres", "categories", "tags", "labels", "keywords"})
_ID_HINT = "Ids are text of 1 to 256 bytes in Unicode NFC without control or invisible characters."


def dataset_from_frames(
    events: Any,
    items: Any = None,
    users: Any = None,
    name: str = "frames",
    *,
    impressions: Any = None,
    clock: str | None = None,
    time_unit: str = "s",
    origins: dict[str, Origin] | None = None,
) -> Dataset:
    """Build a dataset from polars, pandas or Arrow tables (or dicts of columns).

    Args:
        events: `user_id, item_id[, timestamp, event, value]` or aliases, one row per interaction, in log order.
        items: `item_id` and any further columns; ids without events are kept and count as catalogue.
        users: `user_id` and any further columns.
        name: what people call the data.
        impressions: `user_id, timestamp, item_id` (list), `clicked` (list of bool), one row per shown list; or one row
            per shown item with `request_id` and, if known, `position` and `clicked`.
        clock: "unix", "rank" or "none"; None means "unix" with a time column and "none" without.
        time_unit: unit of numeric times: s, ms, us or ns.
        origins: where the tables ("events", "items", "users", "impressions") came from, for errors.

    Returns:
        Vocabularies list the ids of the item (user) table first, in its order, then new ids as they appear.

    Raises:
        SchemaMismatch: a column is missing, ambiguous or of the wrong type.
        BadRow: a cell cannot be read.
    """
    known = {key: Origin(f"the {key} table") for key in ("events", "items", "users", "impressions")} | (origins or {})
    log = to_polars(events, known["events"])
    roles = {role: find_column(log.columns, role, known["events"]) for role in ALIASES}
    for role in ("user_id", "item_id"):
        if roles[role] is None:
            raise known["events"].mismatch(
                f"no column for '{role}' among {_listed(log.columns)}",
                f"Name it '{role}' (or one of its aliases: {', '.join(ALIASES[role][:4])}).",
                role,
            )
    at: Floats
    value: Floats
    type_names: tuple[str, ...]
    item_table = _entity_table(items, "item_id", known["items"])
    user_table = _entity_table(users, "user_id", known["users"])
    shown = None if impressions is None else _impression_table(impressions, known["impressions"], time_unit)

    log, types = _types(log, roles)
    user_text = id_column(log[roles["user_id"] or ""], known["events"])
    item_text = id_column(log[roles["item_id"] or ""], known["events"])
    extra_users, extra_items = [], []
    if shown is not None:
        extra_users, extra_items = [shown["user_id"]], [shown["item_id"].explode(empty_as_null=False)]
    user, user_ids = encode([user_text, *extra_users], None if user_table is None else user_table["user_id"])
    item, item_ids = encode([item_text, *extra_items], None if item_table is None else item_table["item_id"])

    when = roles["timestamp"]
    if when is None:
        at = np.arange(log.height, dtype=np.float64)
    else:
        at = to_seconds(log[when], known["events"], column=when, unit=time_unit)
    value_column = roles["value"]
    if value_column is None:
        value = np.ones(log.height, np.float32)
    else:
        value = _values(log[value_column], value_column, known["events"])
    if types is None:
        named = _letters(value_column or "") in RATINGS
        kind: Ints = np.zeros(log.height, np.int16)
        type_names = ("rating" if named else "interaction",)
    else:
        codes, type_names_list = encode([types], None)
        kind, type_names = codes[0].astype(np.int16), tuple(type_names_list)
    return Dataset(
        name=name,
        interactions=Interactions(user[0], item[0], at, value, kind, type_names),
        users=Vocab(user_ids),
        items=Vocab(item_ids),
        item_table=align(item_table, "item_id", item_ids),
        user_table=align(user_table, "user_id", user_ids),
        impressions=None if shown is None else _impressions(shown, user[1], item[1]),
        clock=clock or ("none" if when is None else "unix"),
    )


def to_polars(table: Any, origin: Origin) -> pl.DataFrame:
    """A polars frame of a polars, pandas or Arrow table, a dict of columns or a list of rows.

    Raises:
        SchemaMismatch: it is none of these.
        MissingExtra: a pandas frame without pyarrow.
    """
    import polars as pl

    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if isinstance(table, pl.DataFrame):
        return table
    module = type(table).__module__.split(".", maxsplit=1)[0]
    if module == "pandas":
        import_extra("pyarrow", "pandas")
        try:
            return pl.from_pandas(table, nan_to_null=False)
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            raise _mixed(table, origin) from None
    if hasattr(table, "__arrow_c_stream__") or isinstance(table, dict | list):
        try:
            return pl.DataFrame(table, strict=True)
        except (pl.exceptions.PolarsError, TypeError) as error:
            raise origin.mismatch(
                f"the columns do not form a table ({type(error).__name__})", "Give columns of one length and type."
            ) from None
    raise origin.mismatch(
        f"a {type(table).__name__} is not a table",
        "Give a polars, pandas or Arrow table or a dict of columns.",
    )


def _mixed(table: Any, origin: Origin) -> SchemaMismatch:
    """The error for a pandas frame that cannot be converted: its first column that holds several types."""
    import polars as pl

    for column in table.columns:
        try:
            pl.from_pandas(table[[column]], nan_to_null=False)
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            return origin.mismatch(
                f"column '{column}' holds values of several types",
                "Give it one type: ids are text, or whole numbers without gaps.",
                str(column),
            )
    return origin.mismatch("the columns do not form a table", "Give every column a name of its own.")


def find_column(columns: Sequence[str], role: str, origin: Origin) -> str | None:
    """The column that plays a role of `ALIASES`, or None.

    Raises:
        SchemaMismatch: two columns are spellings of the same name.
    """
    if role in columns:
        return role
    by_letters: dict[str, list[str]] = {}
    for column in columns:
        by_letters.setdefault(_letters(column), []).append(column)
    for alias in ALIASES[role]:
        found = by_letters.get(alias, [])
        if len(found) > 1:
            raise origin.mismatch(
                f"columns {_listed(found)} are both '{role}'", "Keep one of them or rename it.", found[0]
            )
        if found:
            return found[0]
    return None


def id_column(values: pl.Series, origin: Origin) -> pl.Series:
    """Ids as text.

    Raises:
        SchemaMismatch: floating numbers, booleans or structures: their text would not be the id that was meant.
        BadRow: an id is missing, empty, too long or not in NFC.
    """
    import polars as pl

    kind = values.dtype
    if not (kind.is_integer() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise origin.mismatch(
            f"column '{values.name}' holds {kind}, which cannot be an id",
            "Ids are text or whole numbers; a missing value may have turned whole numbers into floating ones.",
            values.name,
        )
    text = values.cast(pl.String)
    if text.null_count():
        raise origin.bad_row(int(text.is_null().arg_max() or 0), values.name, "has no id", _ID_HINT)
    # All the rules hold for plain printable text without blanks at once; only other ids are looked at one by one.
    distinct = text.unique()
    odd = distinct.filter(~distinct.str.contains(r"^[!-~]{1,256}$"))
    for external in odd.to_list():
        problem = id_problem(external)
        if problem:
            raise origin.bad_row(int((text == external).arg_max() or 0), values.name, problem, _ID_HINT)
    return text


def encode(columns: Sequence[pl.Series], first: pl.Series | None) -> tuple[list[Ints], list[str]]:
    """Dense codes of text columns that share one vocabulary.

    Args:
        columns: text without nulls.
        first: ids that come first in the vocabulary, or None.

    Returns:
        int64 codes per column, and the ids by code.
    """
    import polars as pl

    parts = [column.alias("id") for column in ([first] if first is not None else []) + list(columns)]
    ids = pl.concat([part.cast(pl.String) for part in parts]).unique(maintain_order=True)
    if len(ids) == 0:
        return [np.empty(0, np.int64) for _ in columns], []
    words = pl.Enum(ids)
    codes = [column.cast(words).to_physical().cast(pl.Int64).to_numpy() for column in columns]
    return [np.array(code, np.int64) for code in codes], ids.to_list()


def align(table: pl.DataFrame | None, key: str, ids: Sequence[str]) -> pl.DataFrame | None:
    """The table with one row per id, in their order; ids it lacks get nulls."""
    import polars as pl

    if table is None:
        return None
    spine = pl.DataFrame({key: pl.Series(ids, dtype=pl.String)})
    return spine.join(table, on=key, how="left", maintain_order="left")


def snake(name: str) -> str:
    """`ItemId`, `ITEM_ID` and `item id` as `item_id`."""
    if not name.isupper():
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")


def split_lists(table: pl.DataFrame) -> pl.DataFrame:
    """Text of the several-valued columns ("Drama|War") as lists; other columns stay."""
    import polars as pl

    columns = [name for name in table.columns if name in LISTS and table[name].dtype == pl.String]
    empty = pl.lit([], dtype=pl.List(pl.String))
    return table.with_columns(
        pl.when(pl.col(name) == "").then(empty).otherwise(pl.col(name).str.split("|")).alias(name) for name in columns
    )


def _letters(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in list(names)[:12])
    return shown + (", ..." if len(names) > 12 else "")


def _types(log: pl.DataFrame, roles: dict[str, str | None]) -> tuple[pl.DataFrame, pl.Series | None]:
    """Interactions only, and their type names; a column of event kinds chooses rows, it is not a type."""
    import polars as pl

    column = roles["event"]
    if column is None or log.height == 0:
        return log, None
    types = log[column].cast(pl.String)
    if set(types.unique().drop_nulls().to_list()) <= KINDS:
        log = log.filter(types.fill_null("interaction") == "interaction")
        second = next((name for name in log.columns if name != column and _letters(name) == "type"), None)
        if second is None:
            return log, None
        types = log[second].cast(pl.String)
    return log, types.fill_null("interaction").replace("", "interaction")


def _values(values: pl.Series, column: str, origin: Origin) -> Floats:
    import polars as pl

    hint = "Give a finite number."
    kind = values.dtype
    if kind == pl.Boolean or kind.is_numeric() or kind == pl.Null:
        number = values.cast(pl.Float64)
        empty = values.is_null()
    elif kind == pl.String:
        empty = values.is_null() | (values == "")
        number = values.cast(pl.Float64, strict=False)
    else:
        raise origin.mismatch(f"column '{column}' is of type {kind}, not a number", hint, column)
    if _letters(column) not in RATINGS:
        # A log of several event types carries a value only where it has one.
        number = pl.select(pl.when(empty).then(1.0).otherwise(number)).to_series()
    wide = number.fill_null(np.nan).to_numpy()
    bad = np.flatnonzero(~(np.abs(wide) < 3.4e38))
    if len(bad):
        why = "is empty" if empty[int(bad[0])] else "is not a finite number"
        raise origin.bad_row(int(bad[0]), column, why, hint)
    return wide.astype(np.float32)


def _entity_table(table: Any, key: str, origin: Origin) -> pl.DataFrame | None:
    """Item or user table: key first as text, names in snake case, lists split."""
    import polars as pl

    if table is None:
        return None
    frame = to_polars(table, origin)
    column = find_column(frame.columns, key, origin)
    if column is None:
        raise origin.mismatch(f"no column for '{key}' among {_listed(frame.columns)}", f"Name it '{key}'.", key)
    ids = id_column(frame[column], origin)
    twice = ids.is_duplicated()
    if twice.any():
        row = int((twice & ~ids.is_first_distinct()).arg_max() or 0)
        raise origin.bad_row(row, column, "repeats an id of an earlier row", "Keep one row per id.")
    rest = [name for name in frame.columns if name != column]
    new = {name: snake(name) for name in rest}
    clash = [name for name in rest if list(new.values()).count(new[name]) > 1 or new[name] in {key, ""}]
    if clash:
        raise origin.mismatch(f"column '{clash[0]}' has no name of its own in snake case", "Rename it.", clash[0])
    plain = [pl.col(name).cast(pl.String) for name in rest if frame[name].dtype in (pl.Categorical, pl.Enum)]
    frame = frame.with_columns(plain).select(ids.alias(key), *[pl.col(old).alias(new[old]) for old in rest])
    return split_lists(frame)


def _impression_table(table: Any, origin: Origin, unit: str) -> pl.DataFrame:
    """One row per impression: `user_id, at, item_id` (list), `clicked` (list)."""
    import polars as pl

    frame = to_polars(table, origin)
    roles = {role: find_column(frame.columns, role, origin) for role in ("user_id", "item_id", "timestamp")}
    for role, column in roles.items():
        if column is None:
            raise origin.mismatch(f"no column for '{role}' among {_listed(frame.columns)}", f"Name it '{role}'.", role)
    frame = frame.rename({old: new for new, old in roles.items() if old is not None})
    frame = frame.with_columns(
        pl.Series("user_id", id_column(frame["user_id"], origin)),
        pl.Series("at", to_seconds(frame["timestamp"], origin, column=roles["timestamp"] or "", unit=unit)),
    )
    if frame["item_id"].dtype != pl.List:
        if "request_id" not in frame.columns:
            raise origin.mismatch(
                "one row per shown item needs 'request_id' to tell the lists apart",
                "Add it, or give item_id as a list.",
                "request_id",
            )
        frame = frame.with_columns(pl.Series("item_id", id_column(frame["item_id"], origin)))
        if "position" in frame.columns:
            frame = frame.sort("position", maintain_order=True)
        if "clicked" not in frame.columns:
            frame = frame.with_columns(clicked=pl.lit(False))
        flat = frame.group_by("request_id", maintain_order=True)
        frame = flat.agg(pl.col("user_id", "at").first(), pl.col("item_id", "clicked"))
    if "clicked" not in frame.columns:
        frame = frame.with_columns(clicked=pl.col("item_id").list.eval(pl.lit(False)))
    frame = frame.with_columns(pl.col("item_id").cast(pl.List(pl.String)), pl.col("clicked").cast(pl.List(pl.Boolean)))
    uneven = frame["item_id"].list.len() != frame["clicked"].list.len()
    if uneven.any():
        raise origin.bad_row(int(uneven.arg_max() or 0), "clicked", "is not as long as the list of items", "Repair it.")
    request = pl.col("request_id").cast(pl.String).fill_null("") if "request_id" in frame.columns else pl.lit("")
    return frame.select("user_id", "at", "item_id", "clicked", request_id=request)


def _impressions(shown: pl.DataFrame, user: Ints, item: Ints) -> Impressions:
    import polars as pl

    lengths = shown["item_id"].list.len().cast(pl.Int64).to_numpy()
    clicked = shown["clicked"].explode(empty_as_null=False).cast(pl.Boolean).to_numpy()
    request = np.array(shown["request_id"].to_list(), object) if (shown["request_id"] != "").any() else None
    return Impressions(user, shown["at"].to_numpy(), offsets_of(lengths), item, np.array(clicked, bool), request)
