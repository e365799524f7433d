"""How commands print: tables and progress on the terminal, JSON alone on standard output when asked.

Progress and notes go to standard error, so that `--json` output can be piped.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table


class Terminal(Console):
    """A console that leaves a reader who went away to `main`, which knows that this is no failure."""

    def on_broken_pipe(self) -> None:
        """Raise what the caller would otherwise not see."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


console = Terminal(highlight=False)
notes = Terminal(stderr=True, highlight=False)

Advance = Callable[[int, int, str], None]


def plain(value: Any) -> Any:
    """Numpy numbers, paths and dataclasses as JSON values."""
    import dataclasses

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=1, default=plain, allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; numbers are right-aligned, text from data cannot inject terminal codes."""
    table = Table(title=title, title_justify="left", header_style="bold")
    listed = [list(row) for row in rows]
    for i, column in enumerate(columns):
        numeric = bool(listed) and all(isinstance(row[i], int | float) or row[i] is None for row in listed)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*[_cell(value) for value in row])
    console.print(table)


def note(text: str) -> None:
    """A line for people, on standard error."""
    notes.print(escape(_printable(text)))


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Advance]:
    """A progress bar on standard error, if that is a terminal; files get no bars.

    Yields:
        advance(done, total, label), to be called as work proceeds.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notes, transient=True, disable=quiet or not notes.is_terminal) as bar:
        task = bar.add_task(escape(title), total=None)

        def advance(done: int, total: int, label: str = "") -> None:
            description = f"{title}: {_printable(label)}" if label else title
            bar.update(task, completed=done, total=total, description=escape(description))

        yield advance


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
    return escape(_printable(str(value)))


def _printable(text: str) -> str:
    """Titles come from data: control characters would reach the terminal as commands."""
    return "".join(ch if ch.isprintable() or ch in "\n\t" else "\N{REPLACEMENT CHARACTER}" for ch in text)
