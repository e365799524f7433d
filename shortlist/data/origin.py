"""Where the rows of a table came from, so that an error can name file, line and column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shortlist.core.errors import BadRow, SchemaMismatch


@dataclass(frozen=True)
class Origin:
    """A table's place of birth.

    Attributes:
        file: how the table is called in messages: a file name, or "the events table".
        line_of: line number (from 1) of a row number (from 0); None for tables that have rows but no lines.
    """

    file: str
    line_of: Callable[[int], int] | None = None

    def at(self, row: int) -> str:
        """Place of a row, for the start of a sentence."""
        if self.line_of is None:
            return f"{self.file}, row {row}"
        return f"{self.file}, line {self.line_of(row)}"

    def bad_row(self, row: int, column: str, why: str, hint: str) -> BadRow:
        """An error for one cell; the value itself stays out of it, because it may be personal."""
        return BadRow(f"{self.at(row)}: column '{column}' {why}.", hint=hint, field=column)

    def mismatch(self, why: str, hint: str, column: str | None = None) -> SchemaMismatch:
        """An error for the table as a whole."""
        return SchemaMismatch(f"{self.file}: {why}.", hint=hint, field=column)
