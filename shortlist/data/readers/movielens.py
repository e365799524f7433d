"""MovieLens in its three shapes: 100K (`u.data`), 1M (`ratings.dat`) and latest (`ratings.csv`).

Ratings become interactions of type "rating" whose value is the stars, in file order. The catalogue is the item file, so
films without ratings count. 1M also comes without a clock, as `ratings_rank.csv` with the order inside each user.
Plots, where a file of them lies beside the set, become the text of the items. Harper and Konstan, "The MovieLens
Datasets", TiiS 2015. Cost: 0.3 s for 100K, 2 s for 1M.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from shortlist.core.errors import BadRow
from shortlist.data.dataset import Dataset
from shortlist.data.origin import Origin
from shortlist.data.readers.files import Folder
from shortlist.data.readers.tables import numbers, read_delimited
from shortlist.data.schema import dataset_from_frames

if TYPE_CHECKING:
    import polars as pl

# Order of the flags in u.item, from the set's own u.genre.
_GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


class MovieLens:
    """Reader of all MovieLens shapes."""

    @staticmethod
    def detects(folder: Folder) -> bool:
        """By the names of the ratings file and its item file."""
        return folder.has("u.data", "u.item") or folder.has("movies.dat") or folder.has("ratings.csv", "movies.csv")

    @staticmethod
    def read(folder: Folder, *, name: str = "movielens") -> Dataset:
        """Read whichever shape is there."""
        if folder.has("u.data"):
            data = _read_100k(folder)
        elif folder.has("movies.dat"):
            data = _read_1m(folder)
        else:
            data = _read_latest(folder)
        return replace(data, name=name)


def _read_100k(folder: Folder) -> Dataset:
    import polars as pl

    columns = ["user_id", "item_id", "rating", "timestamp"]
    events, origin = _table(folder, "u.data", "\t", columns)
    flags = [f"flag {genre}" for genre in _GENRES]
    items, items_origin = _table(
        folder, "u.item", "|", ["item_id", "title", "released", "video", "url", *flags], encoding="latin-1"
    )
    users = None
    users_origin = Origin("u.user")
    if folder.has("u.user"):
        users, users_origin = _table(folder, "u.user", "|", ["user_id", "age", "gender", "occupation", "zip"])
        users = users.with_columns(pl.Series("age", numbers(users, "age", users_origin)).cast(pl.Int64))
    listed = pl.concat_list(
        pl.when(pl.col(flag) == "1").then(pl.lit(genre)) for flag, genre in zip(flags, _GENRES, strict=True)
    )
    items = items.select(
        "item_id", "title", year=_year("title"), genres=listed.list.drop_nulls(), released=pl.col("released")
    )
    items = _with_text(items, folder, "items_info.json", "movielens_id", {"plot": "plot"})
    return _build(events, items, users, origin, items_origin, users_origin)


def _read_1m(folder: Folder) -> Dataset:
    import polars as pl

    clock = "unix"
    if folder.has("ratings.dat"):
        events, origin = _table(folder, "ratings.dat", "::", ["user_id", "item_id", "rating", "timestamp"])
    else:
        events, origin = read_delimited(folder.read("ratings_rank.csv"), folder.where("ratings_rank.csv"))
        events = _renamed(events, origin, {"user_id": "user_id", "movie_id": "item_id", "rank": "timestamp"})
        clock = "rank"
    items, items_origin = _table(folder, "movies.dat", "::", ["item_id", "title", "genres"], encoding="latin-1")
    items = items.with_columns(pl.col("genres").str.split("|"), year=_year("title"))
    users, users_origin = None, Origin("users.dat")
    if folder.has("users.dat"):
        users, users_origin = _table(folder, "users.dat", "::", ["user_id", "gender", "age", "occupation", "zip"])
        users = users.with_columns(pl.Series("age", numbers(users, "age", users_origin)).cast(pl.Int64))
    if folder.has("movies_extrainfos.dat"):
        items = _with_plots(items, folder)
    return _build(events, items, users, origin, items_origin, users_origin, clock)


def _read_latest(folder: Folder) -> Dataset:
    import polars as pl

    events, origin = read_delimited(folder.read("ratings.csv"), folder.where("ratings.csv"))
    events = _renamed(events, origin, {"userId": "user_id", "movieId": "item_id", "timestamp": "timestamp"})
    items, items_origin = read_delimited(folder.read("movies.csv"), folder.where("movies.csv"))
    items = _renamed(items, items_origin, {"movieId": "item_id", "title": "title", "genres": "genres"})
    genres = pl.col("genres").str.split("|").list.filter(pl.element() != "(no genres listed)")
    items = items.select("item_id", "title", year=_year("title"), genres=genres)
    if folder.has("tags.csv"):
        tags, tags_origin = read_delimited(folder.read("tags.csv"), folder.where("tags.csv"))
        tags = _renamed(tags, tags_origin, {"movieId": "item_id", "tag": "tag"})
        lists = tags.group_by("item_id", maintain_order=True).agg(
            tags=pl.col("tag").str.to_lowercase().unique(maintain_order=True)
        )
        items = items.join(lists, on="item_id", how="left", maintain_order="left")
    items = _with_text(items, folder, "tmdb_movies.json", "id", {"overview": "overview"})
    return _build(events, items, None, origin, items_origin, Origin("users"))


def _table(
    folder: Folder, file: str, separator: str, columns: list[str], *, encoding: str = "utf-8"
) -> tuple[pl.DataFrame, Origin]:
    return read_delimited(
        folder.read(file), folder.where(file), separator=separator, header=columns, quote=False, encoding=encoding
    )


def _renamed(frame: pl.DataFrame, origin: Origin, names: dict[str, str]) -> pl.DataFrame:
    """Rename the official columns. Raises: SchemaMismatch when one is missing."""
    for old in names:
        if old not in frame.columns:
            found = ", ".join(frame.columns[:8])
            raise origin.mismatch(f"no column '{old}'", f"Found: {found}. Restore the original file.", old)
    return frame.rename(names)


def _build(
    events: pl.DataFrame,
    items: pl.DataFrame,
    users: pl.DataFrame | None,
    origin: Origin,
    items_origin: Origin,
    users_origin: Origin,
    clock: str = "unix",
) -> Dataset:
    import polars as pl

    stars = numbers(events, "rating", origin, what="a number of stars")
    outside = ((stars < 0.5) | (stars > 5)).nonzero()[0]
    if len(outside):
        raise origin.bad_row(int(outside[0]), "rating", "is outside 0.5 to 5 stars", "Restore the original file.")
    seconds = numbers(events, "timestamp", origin, what="a time in seconds")
    events = events.select("user_id", "item_id", pl.Series("timestamp", seconds), pl.Series("rating", stars))
    origins = {"events": origin, "items": items_origin, "users": users_origin}
    return dataset_from_frames(events, items, users, clock=clock, origins=origins)


def _year(column: str) -> pl.Expr:
    """The year in brackets at the end of a title, or null."""
    import polars as pl

    return pl.col(column).str.extract(r"\((\d{4})(?:[-–]\d{0,4})?\)\s*$").cast(pl.Int64)


def _with_text(items: pl.DataFrame, folder: Folder, file: str, key: str, columns: dict[str, str]) -> pl.DataFrame:
    """Add text columns from a JSON list beside the set, if it is there."""
    import polars as pl

    home = folder if folder.has(file) else folder.parent
    if home is None or not home.has(file):
        return items
    try:
        entries = json.loads(home.read(file))
        rows = [{"item_id": str(one[key]), **{new: one.get(old) for old, new in columns.items()}} for one in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRow(
            f"{home.where(file)}: not a list of entries with '{key}' ({type(error).__name__}).",
            hint="Restore the original file, or remove it: it only adds text.",
        ) from None
    schema = {"item_id": pl.String} | dict.fromkeys(columns.values(), pl.String)
    texts = pl.DataFrame(rows, schema=schema, orient="row").unique("item_id", keep="first", maintain_order=True)
    return items.join(texts, on="item_id", how="left", maintain_order="left")


def _with_plots(items: pl.DataFrame, folder: Folder) -> pl.DataFrame:
    """Plots of 1M; the file has free text in which the separator may occur, so lines are cut by hand."""
    import polars as pl

    plots: dict[str, str] = {}
    for line in folder.read("movies_extrainfos.dat").decode("utf-8", "replace").splitlines():
        parts = line.split("::")
        if len(parts) >= 11 and parts[-2] not in {"", "N/A"}:
            plots[parts[0]] = parts[-2]
    table = pl.DataFrame(
        {"item_id": list(plots), "plot": list(plots.values())}, schema_overrides={"item_id": pl.String}
    )
    return items.join(table, on="item_id", how="left", maintain_order="left")
