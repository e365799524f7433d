"""Delimited text to a frame of strings: fast when the file is sound, exact about the line when it is not.

Everything is read as text, so `007` and `1e5` stay ids; numbers are recognised per column afterwards, where a table is
known to hold them. A file is parsed by polars; if that fails, or gives fewer fields than the header promises, it is
read again slowly to name the first broken line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import BadRow, SchemaMismatch
from shortlist.data.origin import Origin

if TYPE_CHECKING:
    import polars as pl

_MAX_COLUMNS = 10_000
_WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$"


def read_text(raw: bytes, where: str, *, encoding: str = "utf-8") -> str:
    """Text of a file, every line end a line feed.

    Raises:
        BadRow: names the line with bytes that are not text in this encoding, or with a NUL.
    """
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadRow(
            f"{where}, line {line}: bytes that are not {encoding} text.", hint="Save the file as UTF-8."
        ) from None
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise BadRow(f"{where}, line {line}: a NUL character.", hint="The file is damaged or not a text file.")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def read_delimited(
    raw: bytes,
    where: str,
    *,
    separator: str = ",",
    header: Sequence[str] | None = None,
    quote: bool = True,
    encoding: str = "utf-8",
) -> tuple[pl.DataFrame, Origin]:
    """A table of strings.

    Args:
        raw: content of the file.
        where: its label in messages.
        separator: one or more characters.
        header: column names of a file without a header line.
        quote: whether `"` quotes fields; without, quotes are ordinary text.
        encoding: of the file.

    Returns:
        Frame of text columns (empty field = ""), and its origin for later errors.

    Raises:
        SchemaMismatch: no header, or two columns of one name.
        BadRow: a line has too few or too many fields, or an open quote.
    """
    import polars as pl

    text = read_text(raw, where, encoding=encoding)
    # A control character nobody types stands in for separators of several characters.
    one = separator if len(separator) == 1 else "\x1f"
    if one != separator:
        text = text.replace(separator, one)
    if header is None:
        header = _header(text, where, one, quote)
        first_line = 2
    else:
        first_line = 1
    body = text.encode()
    origin = Origin(where, lambda row: _line_of(text, one, quote, row, first_line))
    if not text.strip():
        return pl.DataFrame(schema=dict.fromkeys(header, pl.String)), origin
    if quote and text.count('"') % 2:
        raise _diagnose(text, where, one, quote, len(header), first_line)
    try:
        frame = pl.read_csv(
            body,
            separator=one,
            has_header=first_line == 2,
            new_columns=list(header),
            quote_char='"' if quote else None,
            infer_schema=False,
            truncate_ragged_lines=False,
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        raise _diagnose(text, where, one, quote, len(header), first_line) from None
    if frame.width != len(header):
        raise _diagnose(text, where, one, quote, len(header), first_line)
    # Polars fills a short line with nulls, like empty fields; only a count of the fields tells them apart. A blank line
    # is a row of nulls as well.
    if frame.height and frame.select(pl.last().is_null().any()).item():
        short = _first_ragged(text, one, quote, len(header), first_line)
        if short is not None:
            raise _wrong_width(where, *short, len(header))
        if frame.select(pl.all_horizontal(pl.all().is_null()).any()).item():
            records = list(_records(text, one, quote))[first_line - 1 :]
            frame = frame.filter(pl.Series([bool(record) for record in records][: frame.height]))
    return frame.with_columns(pl.all().fill_null("")), origin


def infer_columns(frame: pl.DataFrame, *, keep: Sequence[str] = ()) -> pl.DataFrame:
    """Columns whose every filled cell is a number become numbers; empty cells become nulls, text stays text.

    A column with leading zeros stays text: it is a code, not a quantity.
    """
    import polars as pl

    out = []
    for column in frame.iter_columns():
        if column.dtype != pl.String or column.name in keep:
            out.append(column)
            continue
        filled = column.replace("", None)
        present = filled.drop_nulls()
        if len(present) and present.str.contains(_WHOLE).all():
            out.append(filled.cast(pl.Int64))
        elif len(present) and present.str.contains(_NUMBER).all():
            out.append(filled.cast(pl.Float64))
        elif len(present) and present.str.to_lowercase().is_in(["true", "false"]).all():
            out.append(filled.str.to_lowercase() == "true")
        else:
            out.append(filled)
    return pl.DataFrame(out)


def numbers(frame: pl.DataFrame, column: str, origin: Origin, *, what: str = "a number") -> np.ndarray:
    """float64[n] of a text column. Raises: BadRow, naming the first line that is not a finite number."""
    import polars as pl

    out = frame[column].str.strip_chars().cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    bad = np.flatnonzero(~np.isfinite(out))
    if len(bad):
        raise origin.bad_row(int(bad[0]), column, f"is not {what}", "Correct the line or restore the original file.")
    return np.array(out, np.float64)


def _records(text: str, separator: str, quote: bool) -> Any:
    stream = io.StringIO(text)
    if not quote:
        return csv.reader(stream, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(stream, delimiter=separator, strict=True)


def _header(text: str, where: str, separator: str, quote: bool) -> list[str]:
    first = text.split("\n", 1)[0]
    if not first.strip():
        raise SchemaMismatch(f"{where}: no header line.", hint="The first line must name the columns.")
    if first.count(separator) >= _MAX_COLUMNS:
        raise SchemaMismatch(f"{where}: more than {_MAX_COLUMNS} columns.", hint="Keep only the columns needed.")
    try:
        names = [name.strip() for name in next(_records(first, separator, quote))]
    except csv.Error:
        raise SchemaMismatch(f"{where}, line 1: the header has an open quote.", hint="Close it.") from None
    for name in names:
        if not name:
            raise SchemaMismatch(f"{where}, line 1: a column has no name.", hint="Name every column.")
        if names.count(name) > 1:
            raise SchemaMismatch(f"{where}, line 1: column '{name}' appears twice.", hint="Rename one.", field=name)
    return names


def _first_ragged(text: str, separator: str, quote: bool, width: int, first_line: int) -> tuple[int, int] | None:
    """(line, fields) of the first record that is not `width` wide."""
    reader = _records(text, separator, quote)
    for number, record in enumerate(reader):
        if len(record) != width and record and number >= first_line - 1:
            return reader.line_num, len(record)
    return None


def _wrong_width(where: str, line: int, fields: int, width: int) -> BadRow:
    return BadRow(
        f"{where}, line {line}: {fields} fields where {width} are expected.",
        hint="Check the separator and the quotes of that line.",
    )


def _diagnose(text: str, where: str, separator: str, quote: bool, width: int, first_line: int) -> BadRow:
    reader = _records(text, separator, quote)
    try:
        ragged = _first_ragged(text, separator, quote, width, first_line)
    except csv.Error:
        line = 1
        try:
            for _ in reader:
                line = reader.line_num + 1
        except csv.Error:
            pass
        return BadRow(f"{where}, line {line}: a quote is opened and never closed.", hint="Close or double the quote.")
    if ragged is not None:
        return _wrong_width(where, *ragged, width)
    return BadRow(f"{where}: cannot be read as delimited text.", hint="Check the separator and the quotes.")


def _line_of(text: str, separator: str, quote: bool, row: int, first_line: int) -> int:
    """Line on which record `row` of the body starts; blank lines are skipped as the fast parser does."""
    reader = _records(text, separator, quote)
    seen, start = -(first_line - 1), 1
    try:
        for record in reader:
            if record or seen < 0:
                if seen == row:
                    return start
                seen += 1
            start = reader.line_num + 1
    except csv.Error:
        pass
    return start
