"""Lists for everybody, written to a file: Parquet, CSV or JSON lines.

Users are answered block by block by the same pipeline that serves them, and each block goes to the file before the next
one is asked, so memory does not grow with the number of users. The file appears under its name only when it is whole:
a job that fails or is stopped leaves what was there before.
Cost: that of the pipeline per user; some microseconds of writing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shortlist.core.errors import BadRequest, BadRow, NoBundle, nearest_hint
from shortlist.pipeline.frames import checked_k

if TYPE_CHECKING:
    import polars as pl

Progress = Callable[[int, int, str], None]
BLOCK = 8192
"""Users answered and written at once."""
FORMATS = (".parquet", ".csv", ".jsonl")
"""Endings of files that can be written."""


def silent(done: int, total: int, label: str) -> None:
    """Progress nobody watches."""


@dataclass(frozen=True)
class Written:
    """What a batch job wrote.

    Attributes:
        path: the file.
        users: lists asked for.
        rows: lines of all lists.
        short: lists with fewer than k items.
        strangers: users that the data does not know; they got what newcomers get.
        seconds: time by the clock.
    """

    path: Path
    users: int
    rows: int
    short: int
    strangers: int
    seconds: float

    @property
    def users_per_second(self) -> float:
        """Lists finished per second."""
        return self.users / max(self.seconds, 1e-9)


def write_lists(
    source: Any,
    out: Path,
    users: Sequence[str] | None = None,
    *,
    k: int = 10,
    context: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Written:
    """Write the lists of many users: columns `user_id, item_id, score, rank`, lists in the order of the users.

    Args:
        source: a fitted `Pipeline` or model.
        out: the file; its ending says the format.
        users: external ids, each answered once; None = everybody the data knows.
        k: list length, 1 to 500.
        context: query columns for all, `now` among them; see `Pipeline.recommend`.
        progress: called with (users done, users in all, "").

    Raises:
        BadRequest: the ending of `out`, or `k`.
        NotFitted: the source was not fitted.
        OSError: the file cannot be written.
    """
    if out.suffix not in FORMATS:
        hint = f"Let it end in {', '.join(FORMATS)}. {nearest_hint(out.suffix, FORMATS)}".strip()
        raise BadRequest(f"'{out.name}' has no ending that says a format.", hint=hint, field="out")
    k = checked_k(k)
    data = _data_of(source)
    wanted = data.users.ids if users is None else list(dict.fromkeys(users))
    tally = _Tally()
    began = time.perf_counter()
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        _sink(_blocks(source, wanted, k, context, tally, progress), part, out.suffix)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    strangers = int((data.users.encode(wanted) < 0).sum()) if users is not None else 0
    return Written(out, tally.users, tally.rows, tally.short, strangers, time.perf_counter() - began)


def from_bundle(root: Path, bundle_id: str = "", surface: str = "home") -> Any:
    """The pipeline of a surface as a published bundle brings it; the current one by default.

    Raises:
        NoBundle: none is current, or none has that id. BadRequest: the bundle has no such surface.
        BundleCorrupt, BundleMismatch: it cannot be used.
    """
    from shortlist import bundles
    from shortlist.pipeline.pipeline import Pipeline

    if bundle_id:
        path = bundles.path_of(root, bundle_id)
    else:
        current = bundles.current(root)
        if current is None:
            raise NoBundle("No bundle is current.", hint="Make one with: shortlist train")
        path = current.path
    bundle = bundles.load(path)
    if surface not in bundle.specs:
        hint = nearest_hint(surface, bundle.specs)
        raise BadRequest(f"Bundle '{bundle.id}' does not serve the surface '{surface}'.", hint=hint, field="surface")
    return Pipeline.assembled(bundle.specs[surface], bundle.data, bundle.models)


def read_users(path: Path) -> list[str]:
    """User ids of a text file, one a line; blank lines are left out.

    Raises:
        BadRow: the file cannot be read as text.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        hint = "Save it as UTF-8 text, one user id a line."
        raise BadRow(f"'{path}' is not UTF-8 text (byte {error.start}).", hint=hint) from None
    except OSError as error:
        raise BadRow(f"'{path}' cannot be read: {error.strerror}.", hint="Check the path.") from None


@dataclass
class _Tally:
    """What went to the file so far."""

    users: int = 0
    rows: int = 0
    short: int = 0


def _data_of(source: Any) -> Any:
    """The dataset behind a pipeline or model. Raises: NotFitted before the first fit."""
    return source.runner and source.data if hasattr(source, "runner") else source._standard().data


def _blocks(
    source: Any, users: Sequence[str], k: int, context: Mapping[str, Any] | None, tally: _Tally, progress: Progress
) -> Iterator[pl.DataFrame]:
    progress(0, len(users), "")
    for start in range(0, len(users), BLOCK):
        asked = users[start : start + BLOCK]
        frame = source.recommend(asked, k, context=context)
        tally.users += len(asked)
        tally.rows += len(frame)
        tally.short += len(asked) - int((frame["rank"] == k).sum())
        progress(tally.users, len(users), "")
        yield frame


def _sink(frames: Iterator[pl.DataFrame], path: Path, suffix: str) -> None:
    """Write frames as they come."""
    import polars as pl
    from polars.io.plugins import register_io_source

    schema = {"user_id": pl.String, "item_id": pl.String, "score": pl.Float64, "rank": pl.Int64}

    def read(columns: Any, predicate: Any, n_rows: Any, batch_size: Any) -> Iterator[pl.DataFrame]:
        yield from frames

    lazy = register_io_source(read, schema=schema)
    if suffix == ".parquet":
        lazy.sink_parquet(path)
    elif suffix == ".csv":
        lazy.sink_csv(path)
    else:
        lazy.sink_ndjson(path)
