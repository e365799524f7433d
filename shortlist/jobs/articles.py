"""Recommend lines of a text file to somebody who read some of them: the content model without a server or a log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.errors import BadRequest, BadRow, EmptyTraining
from shortlist.core.types import History, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.vocab import Vocab

MAX_BYTES = 50_000_000
"""Larger files are refused: one line is one article, and all of them are held in memory."""


def read_lines(path: Path) -> list[str]:
    """The articles of a file, one a line; blank lines are left out.

    Raises:
        BadRow: the file cannot be read as text.
        EmptyTraining: no article in it.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadRow(
                f"'{path}' is larger than {MAX_BYTES // 1_000_000} MB.", hint="Give a file with fewer articles."
            )
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        hint = "Save the file as UTF-8 text, one article a line."
        raise BadRow(f"'{path}' is not UTF-8 text (byte {error.start}).", hint=hint) from None
    except OSError as error:
        raise BadRow(f"'{path}' cannot be read: {error.strerror}.", hint="Check the path.") from None
    if not lines:
        raise EmptyTraining(f"'{path}' holds no article.", hint="Write one article a line.")
    return lines


def recommend_lines(lines: Sequence[str], read: Sequence[int], *, k: int, half_life: float) -> dict[str, Any]:
    """The unread lines closest to what was read, or the most representative ones when nothing was.

    Args:
        lines: the articles.
        read: line numbers, oldest first.
        k: list length.
        half_life: reads after which a read counts half.

    Returns:
        `{"cold_start": bool, "history": [...], "items": [{"line", "score", "text"}]}`, best first; a score is a cosine.

    Raises:
        BadRequest: a line number that the file does not have.
    """
    from shortlist.core.order import keep_best
    from shortlist.models.retrieval.content import Content

    for line in read:
        if not 0 <= line < len(lines):
            raise BadRequest(
                f"There is no article number {line}.", hint=f"Count from 0 to {len(lines) - 1}.", field="history"
            )
    model = Content(half_life=half_life).fit(_dataset(lines))
    if read:
        requests = Requests.of([-1], history=History.of([list(read)]))
        score = model.score_block(requests)[0]
    else:
        score = model.representative()
    score = np.where(np.isin(np.arange(len(lines)), list(read)), np.nan, score)
    best = keep_best(np.zeros(len(lines), np.int64), score, np.arange(len(lines)), k)
    items = [{"line": int(i), "score": float(score[i]), "text": lines[i]} for i in best if np.isfinite(score[i])]
    return {"cold_start": not read, "history": list(read), "items": items}


def _dataset(lines: Sequence[str]) -> Dataset:
    """A catalogue of the lines; the one event in it only says that somebody exists."""
    import polars as pl

    event = Interactions(
        np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1), np.ones(1, np.float32), np.zeros(1, np.int16)
    )
    ids = [str(i) for i in range(len(lines))]
    table = pl.DataFrame({"item_id": ids, "title": list(lines)})
    return Dataset("articles", event, Vocab(["reader"]), Vocab(ids), item_table=table)
