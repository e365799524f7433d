"""Putting together what was worked out in parts: blocks of requests, wider rounds, traces of several passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shortlist.core.types import Candidates, History, Requests, Slates, StageTrace, Trace, offsets_of


def join(parts: list[tuple[Requests, Slates]]) -> Slates:
    """One batch of slates out of several blocks, each with its requests."""
    if len(parts) == 1:
        requests, slates = parts[0]
        return replace(slates, requests=requests)
    tables = [slates.candidates for _, slates in parts]
    starts = np.cumsum([0, *(table.n_requests for table in tables)])
    row = np.concatenate([table.row + start for table, start in zip(tables, starts[:-1], strict=True)])
    common = [name for name in tables[0].cols if all(name in table.cols for table in tables)]
    cols = {name: np.concatenate([table.cols[name] for table in tables]) for name in common}
    item = np.concatenate([table.item for table in tables])
    table = Candidates(row.astype(np.int32), item, int(starts[-1]), cols)
    propensity = np.concatenate([slates.propensity for _, slates in parts])
    requests = join_requests([requests for requests, _ in parts])
    return replace(parts[0][1], candidates=table, propensity=propensity, requests=requests)


def apart(slates: Slates) -> list[Slates]:
    """The slates of a run that counted apart, one by one, as if each request had been asked alone.

    Rows of the trace are the request's own; milliseconds are its share of the batch.
    """
    assert slates.requests is not None
    n = slates.candidates.n_requests
    offsets = slates.candidates.offsets
    return [
        Slates(
            candidates=slates.candidates.one(b),
            propensity=slates.propensity[offsets[b] : offsets[b + 1]],
            source_names=slates.source_names,
            trace=Trace(slates.trace.spec_hash, tuple(_share(stage, b, n) for stage in slates.trace.stages)),
            requests=slates.requests.take(np.array([b])),
        )
        for b in range(n)
    ]


def _share(stage: StageTrace, b: int, n: int) -> StageTrace:
    if stage.by_request is None:
        return replace(stage, ms=stage.ms / n)
    into, out, lost = stage.by_request[:, b].tolist()
    return replace(stage, rows_in=into, rows_out=out, ms=stage.ms / n, without_score=lost, by_request=None)


def _both(one: Any, other: Any) -> Any:
    return one if other is None else other if one is None else one + other


def join_requests(parts: Sequence[Requests]) -> Requests:
    """One batch out of several with the same columns."""
    first = parts[0]
    return Requests(
        user=np.concatenate([part.user for part in parts]),
        now=np.concatenate([part.now for part in parts]),
        k=np.concatenate([part.k for part in parts]),
        seed=np.concatenate([part.seed for part in parts]),
        history=_join_ragged([part.history for part in parts]),
        surface=first.surface,
        cols={name: np.concatenate([part.cols[name] for part in parts]) for name in first.cols},
        exclude=None if first.exclude is None else _join_ragged([part.exclude for part in parts]),
        given=None if first.given is None else _join_ragged([part.given for part in parts]),
    )


def splice(table: Candidates, more: Candidates, short: Any, n: int) -> Candidates:
    """Replace the rows of the requests `short` by those of `more`."""
    old = table.take(~np.isin(table.row, short))
    row = np.concatenate([old.row, more.row])
    order = np.argsort(row, kind="stable")
    cols = {name: np.concatenate([old.cols[name], more.cols[name]])[order] for name in old.cols}
    return Candidates(row[order], np.concatenate([old.item, more.item])[order], n, cols)


def summed(stages: list[StageTrace], most_dropped: int) -> tuple[StageTrace, ...]:
    """One entry per stage over all blocks."""
    out: dict[tuple[str, str], StageTrace] = {}
    for stage in stages:
        key = (stage.kind, stage.stage)
        held = out.get(key)
        if held is not None:
            dropped = held.dropped
            if dropped is not None and stage.dropped is not None:
                dropped = np.concatenate([dropped, stage.dropped])[:most_dropped]
            stage = replace(
                stage,
                rows_in=held.rows_in + stage.rows_in,
                rows_out=held.rows_out + stage.rows_out,
                ms=held.ms + stage.ms,
                failed=held.failed or stage.failed,
                dropped=dropped,
                without_score=held.without_score + stage.without_score,
                by_request=_both(held.by_request, stage.by_request),
            )
        out[key] = stage
    return tuple(out.values())


def _join_ragged(parts: Sequence[Any]) -> Any:
    lengths = np.concatenate([part.lengths for part in parts])
    item = np.concatenate([part.item for part in parts])
    return History(item, np.concatenate([part.at for part in parts]), offsets_of(lengths))
