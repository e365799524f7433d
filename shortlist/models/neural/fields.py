"""Fields: what a column of users, items or context means to a network, and its vocabulary.

A vocabulary is fitted on the training part only and saved with the model, so that serving reads a value exactly as
training did. In every code 0 is padding (or missing) and 1 is a value that was not in the training part.
Cost: one dictionary per field while encoding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from shortlist.core.errors import BadConfig, NotFitted, SchemaMismatch
from shortlist.core.types import Array
from shortlist.models.neural.kernels import find_codes

if TYPE_CHECKING:
    import polars as pl

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Codes with a meaning of their own, and the first code of a real value."""
LARGEST_WHOLE = 2.0**53
"""From here on floats leave out whole numbers."""
FEW_NUMBERS = 65_536
"""Up to this number, and eight times as many as there are labels, codes stand in a table by number."""

Kind = Literal["id", "multi_id", "numeric", "bucket", "vector", "sequence"]
Owner = Literal["user", "item", "context", "action"]


@dataclass(frozen=True)
class Field:
    """One column as a network reads it.

    Attributes:
        name: of the column.
        kind: `id` one label; `multi_id` a set of labels; `sequence` labels in order, latest last; `numeric` a number,
            standardised; `bucket` a number, cut at quantiles; `vector` a fixed list of numbers.
        owner: whose column it is.
        max_len: most labels kept of a multi_id (the first) or a sequence (the last).
        buckets: how many for `bucket`.
        min_count: labels seen less often in training are unknown.
        share: name of another field whose vocabulary and embedding table this one uses.
    """

    name: str
    kind: Kind
    owner: Owner = "item"
    max_len: int = 20
    buckets: int = 16
    min_count: int = 1
    share: str | None = None

    @property
    def is_coded(self) -> bool:
        """Whether its values become codes of a vocabulary (and not numbers)."""
        return self.kind not in ("numeric", "vector")

    @property
    def is_ragged(self) -> bool:
        """Whether one row holds several codes."""
        return self.kind in ("multi_id", "sequence")


class FieldVocab:
    """The fitted reading of one field.

    Attributes:
        labels: known labels, sorted; code = place + 2.
        edges: float64, cuts of a bucketed number.
        centre: mean of a number; `scale` its standard deviation.
        width: length of a vector.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self.labels: list[str] = []
        self.edges: list[float] = []
        self.centre, self.scale, self.width = 0.0, 1.0, 0
        self._codes: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Rows an embedding table needs, padding and unknown included."""
        return FIRST + (len(self.edges) + 1 if self.field.kind == "bucket" else len(self.labels))

    def fit(self, column: Iterable[Any]) -> Self:
        """Learn labels, cuts or scales from training values."""
        kind, values = self.field.kind, _values(column)
        if kind in ("numeric", "bucket"):
            numbers = _numbers(values)
            numbers = numbers[np.isfinite(numbers)]
            if kind == "bucket" and len(numbers):
                cuts = np.quantile(numbers, np.linspace(0, 1, self.field.buckets + 1)[1:-1])
                self.edges = np.unique(cuts).tolist()
            elif len(numbers):
                self.centre, self.scale = float(numbers.mean()), float(numbers.std()) or 1.0
        elif kind == "vector":
            widths = {len(value) for value in values if value is not None}
            if len(widths) > 1:
                raise SchemaMismatch(
                    f"Vectors of column '{self.field.name}' have lengths {sorted(widths)[:3]}.",
                    hint="All vectors of a column need the same length.",
                    field=self.field.name,
                )
            self.width = widths.pop() if widths else 0
        else:
            counts: Counter[str] = Counter()
            if isinstance(values, np.ndarray) and not self.field.is_ragged:
                for value, n in zip(*np.unique(values, return_counts=True), strict=True):
                    counts.update({label: int(n) for label in _labels(value.item(), self.field)})
            else:
                counts.update(label for value in values for label in _labels(value, self.field))
            self.labels = sorted(label for label, n in counts.items() if n >= self.field.min_count)
        return self._indexed()

    def encode(self, column: Iterable[Any]) -> Array:
        """Codes or numbers of a column.

        Returns:
            `id`, `bucket`: int64[n]; `multi_id`, `sequence`: int64[n, max_len], padded on the right with 0; `numeric`:
            float32[n, 2], the standardised number and whether there is one; `vector`: float32[n, width], zero = none.
        """
        field, values = self.field, _values(column)
        if field.kind == "numeric":
            numbers = _numbers(values)
            there = np.isfinite(numbers)
            scaled = np.where(there, (np.where(there, numbers, 0.0) - self.centre) / self.scale, 0.0)
            return np.stack([scaled, there], axis=1).astype(np.float32)
        if field.kind == "bucket":
            numbers = _numbers(values)
            codes = FIRST + np.searchsorted(np.array(self.edges), np.nan_to_num(numbers), side="right")
            return np.where(np.isfinite(numbers), codes, PADDING).astype(np.int64)
        if field.kind == "vector":
            out = np.zeros((len(values), self.width), np.float32)
            for i, value in enumerate(values):
                if value is not None and len(value) == self.width:
                    out[i] = np.nan_to_num(np.asarray(value, np.float32), posinf=0.0, neginf=0.0)
            return out
        if not field.is_ragged:
            if isinstance(values, np.ndarray):
                found, is_huge = None, values.dtype.kind == "b"
                if not is_huge:
                    keys = self._numbers
                    found, is_huge = find_codes(values.astype(np.float64), *keys, PADDING, UNKNOWN, LARGEST_WHOLE)
                if found is not None and not is_huge:
                    return found
                values = values.tolist()
            return np.array([self.code(value) for value in values], np.int64)
        padded = np.zeros((len(values), field.max_len), np.int64)
        for i, value in enumerate(values):
            labels = _labels(value, field)
            kept = labels[-field.max_len :] if field.kind == "sequence" else labels[: field.max_len]
            padded[i, : len(kept)] = [self._codes.get(label, UNKNOWN) for label in kept]
        return padded

    def code(self, value: Any) -> int:
        """Code of one label: 0 for a missing one, 1 for an unknown one."""
        labels = _labels(value, self.field)
        return self._codes.get(labels[0], UNKNOWN) if labels else PADDING

    @cached_property
    def _numbers(self) -> tuple[Array, Array, Array]:
        """Labels that are numbers, ascending, and their codes; and codes by number where that table stays small."""
        found = [(value, code) for label, code in self._codes.items() if (value := _number(label)) is not None]
        found.sort()
        keys = np.array([value for value, _ in found], np.float64)
        codes = np.array([code for _, code in found], np.int64)
        small = len(keys) and keys[0] >= 0 and keys[-1] < FEW_NUMBERS + 8 * len(keys)
        if not small or (keys != np.round(keys)).any():
            return keys, codes, np.empty(0, np.int64)
        at = np.full(int(keys[-1]) + 1, UNKNOWN, np.int64)
        at[keys.astype(np.int64)] = codes
        return keys, codes, at

    def state(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "field": asdict(self.field),
            "labels": self.labels,
            "edges": self.edges,
            "centre": self.centre,
            "scale": self.scale,
            "width": self.width,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read back what `state` gave."""
        out = cls(Field(**state["field"]))
        out.labels, out.edges = list(state["labels"]), list(state["edges"])
        out.centre, out.scale, out.width = state["centre"], state["scale"], state["width"]
        return out._indexed()

    def _indexed(self) -> Self:
        self._codes = {label: place + FIRST for place, label in enumerate(self.labels)}
        self.__dict__.pop("_numbers", None)
        return self


class Schema:
    """Several fields with their vocabularies.

    `fit` reads training rows, `encode` any rows; both take columns by name (a mapping or a polars frame).
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        names = [field.name for field in fields]
        if len(set(names)) < len(names):
            raise BadConfig("Two fields have one name.", hint="Name each column once.", field="fields")
        for field in fields:
            if field.share is not None and field.share not in names:
                raise BadConfig(
                    f"Field '{field.name}' shares the table of '{field.share}', which is no field.", field="fields"
                )
        self.fields = tuple(fields)
        self.vocabs: dict[str, FieldVocab] = {}

    def fit(self, columns: Any) -> Self:
        """Fit every vocabulary on training rows.

        Raises:
            SchemaMismatch: a column is missing.
        """
        for field in self.fields:
            if field.share is None:
                self.vocabs[field.name] = FieldVocab(field).fit(_column(columns, field.name))
        for field in self.fields:
            if field.share is not None:
                state = {**self.vocabs[field.share].state(), "field": asdict(field)}
                self.vocabs[field.name] = FieldVocab.from_state(state)
        return self

    def encode(self, columns: Any) -> dict[str, Array]:
        """Codes of all fields by name; see `FieldVocab.encode`.

        Raises:
            NotFitted, SchemaMismatch.
        """
        if len(self.vocabs) < len(self.fields):
            raise NotFitted("The fields have no vocabulary yet.", hint="Call fit(columns) on training rows first.")
        return {field.name: self.vocabs[field.name].encode(_column(columns, field.name)) for field in self.fields}

    def state(self) -> list[dict[str, Any]]:
        """Everything as JSON values."""
        return [self.vocabs[field.name].state() for field in self.fields]

    @classmethod
    def from_state(cls, state: Sequence[Mapping[str, Any]]) -> Self:
        """Read back what `state` gave."""
        vocabs = [FieldVocab.from_state(each) for each in state]
        out = cls([vocab.field for vocab in vocabs])
        out.vocabs = {vocab.field.name: vocab for vocab in vocabs}
        return out


def fields_of(table: pl.DataFrame, names: Sequence[str], owner: Owner = "item") -> list[Field]:
    """Fields for columns of a table, their kind told by the type: text, lists of text, numbers, lists of numbers.

    Raises:
        SchemaMismatch: a column is missing.
    """
    import polars as pl

    fields = []
    for name in names:
        if name not in table.columns:
            raise SchemaMismatch(
                f"There is no column '{name}'.", hint=f"Columns are {', '.join(table.columns)}.", field=name
            )
        dtype = table.schema[name]
        if isinstance(dtype, pl.List | pl.Array):
            kind: Kind = "vector" if dtype.inner.is_numeric() else "multi_id"
        else:
            kind = "bucket" if dtype.is_numeric() else "id"
        fields.append(Field(name, kind, owner))
    return fields


def _column(columns: Any, name: str) -> Any:
    try:
        return columns[name]
    except Exception as error:
        if type(error).__name__ not in ("KeyError", "ColumnNotFoundError"):
            raise
        raise SchemaMismatch(
            f"There is no column '{name}'.", hint="Give every field of the schema.", field=name
        ) from None


def _labels(value: Any, field: Field) -> list[str]:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return []
    if not field.is_ragged:
        # A code is the same label whether its column holds whole numbers or floats.
        return [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)]
    if isinstance(value, str):
        return [value]
    return [str(label) for label in value if label is not None]


def _number(label: str) -> float | None:
    """The number whose label this is, or None: "1e3" and "007" are no number's label."""
    try:
        value = float(label)
    except ValueError:
        return None
    if not np.isfinite(value) or abs(value) >= LARGEST_WHOLE:
        return None
    return value if label == (str(int(value)) if value.is_integer() else str(value)) else None


def _values(column: Iterable[Any]) -> Any:
    """The column itself if it is an array of numbers, else a list."""
    return (
        column if isinstance(column, np.ndarray) and column.dtype.kind in "biuf" and column.ndim == 1 else list(column)
    )


def _numbers(values: Any) -> Array:
    if isinstance(values, np.ndarray):
        return values.astype(np.float64)
    return np.array([np.nan if value is None else float(value) for value in values], np.float64)
