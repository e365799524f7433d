"""Filter expressions: a small typed language over item columns, parsed here and never evaluated as Python.

    category == "news" and price < 20 and not ("adult" in tags)

Values are numbers, "text", true, false and lists of numbers or texts; operators are == != < <= > >=, `in`, `not in`,
`and`, `or`, `not` and brackets. Parsing gives a small tree; `check` compares its types with the catalogue's columns;
`evaluate` works on whole columns at once. Nesting and length are limited, so no input can exhaust the machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.core.errors import BadExpression, nearest_hint
from shortlist.core.types import Array

MAX_LENGTH = 4096
"""Characters of an expression."""
MAX_DEPTH = 32
"""Levels of brackets and `not`."""
MAX_NODES = 256
"""Comparisons, values and connectives together."""
KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false"})

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<name>[^\W\d]\w*(?:\.\w+)*)
    | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    Attributes:
        text: what was written.
        columns: names it reads, sorted.
    """

    text: str
    columns: tuple[str, ...]
    _root: _Node

    def check(self, kinds: Mapping[str, str]) -> None:
        """Compare the expression with the kinds of the columns ("number", "text", "truth value", "list").

        Raises:
            BadExpression: names the unknown column with the nearest one, or the comparison that cannot be made.
        """
        for name in self.columns:
            if name not in kinds:
                raise BadExpression(
                    f"The filter names the column '{name}', which items do not have.",
                    hint=nearest_hint(name, kinds),
                    field="filter",
                )
        kind = self._root.kind(kinds)
        if kind != "truth value":
            raise _bad(f"The filter is a {kind}, not a condition", "Compare it with something.")

    def evaluate(self, column: Callable[[str], Array], n: int) -> Array:
        """bool[n] over columns of length `n`; a comparison with a missing value is false."""
        found = self._root.value(column)
        return np.full(n, found) if np.ndim(found) == 0 else np.asarray(found, bool)


def parse_expression(text: str) -> Expression:
    """Parse one expression.

    Raises:
        BadExpression: too long, too deep, or not understood; says where.
    """
    if not isinstance(text, str) or not text.strip():
        raise _bad("A filter must be a text that is not empty", 'Write, say: category == "news" and price < 20')
    if len(text) > MAX_LENGTH:
        raise _bad(f"The filter is longer than {MAX_LENGTH} characters", "Use `in [...]` or several requests.")
    parser = _Parser(_tokens(text))
    root = parser.either(0)
    parser.end()
    return Expression(text, tuple(sorted(parser.columns)), root)


def kinds_of(columns: Mapping[str, Array]) -> dict[str, str]:
    """What kind of values each column holds."""
    return {name: kind_of(column) for name, column in columns.items()}


def kind_of(column: Array) -> str:
    """One of "number", "truth value", "text" and "list"."""
    if column.dtype == bool:
        return "truth value"
    if column.dtype.kind in "fiu":
        return "number"
    return "list" if len(column) and isinstance(column[0], tuple) else "text"


# --- the tree ------------------------------------------------------------------------------------------------------


class _Node:
    """One node: what kind of value it gives, and the value over whole columns."""

    def kind(self, kinds: Mapping[str, str]) -> str:
        raise NotImplementedError

    def value(self, column: Callable[[str], Array]) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _Literal(_Node):
    held: Any

    def kind(self, kinds: Mapping[str, str]) -> str:
        if isinstance(self.held, bool):
            return "truth value"
        if isinstance(self.held, tuple):
            parts = {"number" if isinstance(part, float) else "text" for part in self.held}
            return f"list of {parts.pop()}s" if len(parts) == 1 else "list"
        return "number" if isinstance(self.held, float) else "text"

    def value(self, column: Callable[[str], Array]) -> Any:
        return self.held


@dataclass(frozen=True, slots=True)
class _Column(_Node):
    name: str

    def kind(self, kinds: Mapping[str, str]) -> str:
        return kinds[self.name]

    def value(self, column: Callable[[str], Array]) -> Any:
        return column(self.name)


@dataclass(frozen=True, slots=True)
class _Compare(_Node):
    sign: str
    left: _Node
    right: _Node

    def kind(self, kinds: Mapping[str, str]) -> str:
        left, right = self.left.kind(kinds), self.right.kind(kinds)
        if left.startswith("list") or right.startswith("list"):
            raise _bad(f"A list cannot be compared with '{self.sign}'", 'Use "value" in column.')
        if left != right:
            raise _bad(f"A {left} cannot be compared with a {right} ({self._words()})", "Compare equal kinds.")
        if left == "truth value" and self.sign not in {"==", "!="}:
            raise _bad(f"Truth values have no order ({self._words()})", "Use == or !=.")
        return "truth value"

    def value(self, column: Callable[[str], Array]) -> Any:
        left, right = self.left.value(column), self.right.value(column)
        with np.errstate(invalid="ignore"):
            found = _COMPARE[self.sign](left, right)
        # A missing number is NaN and equals nothing; it must not pass `!=` either.
        if self.sign == "!=":
            for side in (left, right):
                if isinstance(side, np.ndarray) and side.dtype.kind == "f":
                    found = found & ~np.isnan(side)
        if isinstance(found, np.ndarray) and found.dtype != bool:
            found = found.astype(bool)
        return found

    def _words(self) -> str:
        sides = [side.name if isinstance(side, _Column) else "a value" for side in (self.left, self.right)]
        return f"{sides[0]} {self.sign} {sides[1]}"


@dataclass(frozen=True, slots=True)
class _In(_Node):
    left: _Node
    right: _Node

    def kind(self, kinds: Mapping[str, str]) -> str:
        left, right = self.left.kind(kinds), self.right.kind(kinds)
        if isinstance(self.left, _Literal) and isinstance(self.right, _Column):
            if right not in {"list", "text"} or (right == "text" and left != "text") or left.startswith("list"):
                raise _bad(f"A {left} cannot be looked for in the {right} '{self.right.name}'", "Use a list column.")
        elif isinstance(self.left, _Column) and isinstance(self.right, _Literal) and right.startswith("list"):
            if right not in {f"list of {left}s", "list"} or (right == "list" and self.right.held):
                raise _bad(f"The {left} column '{self.left.name}' cannot be in a {right}", "List values of its kind.")
        else:
            raise _bad("`in` needs a column and a value, or a column and a [list]", 'Write: "adult" in tags')
        return "truth value"

    def value(self, column: Callable[[str], Array]) -> Any:
        if isinstance(self.left, _Literal):
            wanted = self.left.held
            cells = self.right.value(column)
            return np.fromiter((wanted in cell for cell in cells.tolist()), bool, len(cells))
        values = self.left.value(column)
        held = self.right.value(column)
        if values.dtype == object:
            listed = frozenset(held)
            return np.fromiter((cell in listed for cell in values.tolist()), bool, len(values))
        return np.isin(values, np.array(held, np.float64))


@dataclass(frozen=True, slots=True)
class _Not(_Node):
    inner: _Node

    def kind(self, kinds: Mapping[str, str]) -> str:
        _condition(self.inner, kinds, "not")
        return "truth value"

    def value(self, column: Callable[[str], Array]) -> Any:
        return np.logical_not(self.inner.value(column))


@dataclass(frozen=True, slots=True)
class _Join(_Node):
    word: str
    parts: tuple[_Node, ...]

    def kind(self, kinds: Mapping[str, str]) -> str:
        for part in self.parts:
            _condition(part, kinds, self.word)
        return "truth value"

    def value(self, column: Callable[[str], Array]) -> Any:
        join = np.logical_and if self.word == "and" else np.logical_or
        found = self.parts[0].value(column)
        for part in self.parts[1:]:
            found = join(found, part.value(column))
        return found


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _condition(node: _Node, kinds: Mapping[str, str], word: str) -> None:
    kind = node.kind(kinds)
    if kind != "truth value":
        raise _bad(f"'{word}' joins conditions, not a {kind}", "Compare the value with something first.")


# --- the parser ----------------------------------------------------------------------------------------------------


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """(kind, text, place) of each token, and an end mark."""
    out = []
    place = 0
    length = len(text.rstrip())
    while place < length:
        match = _TOKEN.match(text, place)
        if match is None or match.end() == place:
            where = place + len(text[place:]) - len(text[place:].lstrip())
            hint = "Close the quotation mark." if text[where] in "\"'" else "See the reference of filter expressions."
            if text[where] == "=":
                hint = "Use == to compare."
            raise _bad(f"The filter is not understood at character {where + 1}", hint)
        kind = match.lastgroup or ""
        out.append((kind, match.group(kind), match.start(kind) + 1))
        place = match.end()
    out.append(("end", "", length + 1))
    return out


class _Parser:
    """Recursive descent: or < and < not < comparison < value."""

    def __init__(self, tokens: Iterable[tuple[str, str, int]]) -> None:
        self._tokens = list(tokens)
        self._at = 0
        self._nodes = 0
        self.columns: set[str] = set()

    def either(self, depth: int) -> _Node:
        return self._joined("or", lambda: self._joined("and", lambda: self._negated(depth)))

    def end(self) -> None:
        kind, text, place = self._tokens[self._at]
        if kind != "end":
            raise _bad(f"The filter goes on unexpectedly with '{text[:20]}' at character {place}", "Use and / or.")

    def _joined(self, word: str, part: Callable[[], _Node]) -> _Node:
        parts = [part()]
        while self._take("name", word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else self._count(_Join(word, tuple(parts)))

    def _negated(self, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise _bad(f"The filter is nested more than {MAX_DEPTH} levels deep", "Simplify it.")
        if self._take("name", "not"):
            return self._count(_Not(self._negated(depth + 1)))
        return self._comparison(depth)

    def _comparison(self, depth: int) -> _Node:
        left = self._value(depth)
        kind, text, _ = self._tokens[self._at]
        if kind == "sign" and text in _COMPARE:
            self._at += 1
            return self._count(_Compare(text, left, self._value(depth)))
        if self._take("name", "in"):
            return self._count(_In(left, self._value(depth)))
        if (kind, text) == ("name", "not") and self._tokens[self._at + 1][:2] == ("name", "in"):
            self._at += 2
            return self._count(_Not(self._count(_In(left, self._value(depth)))))
        return left

    def _value(self, depth: int) -> _Node:
        if self._take("sign", "("):
            inner = self.either(depth + 1)
            self._need(")")
            return inner
        if self._take("sign", "["):
            return self._count(_Literal(self._list()))
        kind, text, place = self._tokens[self._at]
        if kind == "name" and text not in KEYWORDS:
            self._at += 1
            self.columns.add(text)
            return self._count(_Column(text))
        return self._count(_Literal(self._literal(kind, text, place)))

    def _list(self) -> tuple[Any, ...]:
        parts: list[Any] = []
        while not self._take("sign", "]"):
            parts.append(self._literal(*self._tokens[self._at]))
            self._nodes += 1
            if not self._take("sign", ","):
                self._need("]")
                break
        return tuple(parts)

    def _literal(self, kind: str, text: str, place: int) -> Any:
        self._at += 1
        if kind == "number":
            number = float(text)
            if not np.isfinite(number):
                raise _bad(f"The number at character {place} is too large", "Use one that fits 64 bits.")
            return number
        if kind == "text":
            return _ESCAPE.sub(r"\1", text[1:-1])
        if kind == "name" and text in {"true", "false"}:
            return text == "true"
        found = "ends too early" if kind == "end" else f"has '{text[:20]}' at character {place} where a value belongs"
        raise _bad(f"The filter {found}", 'Values are columns, numbers, "text", true and false.')

    def _take(self, kind: str, text: str) -> bool:
        if self._tokens[self._at][:2] == (kind, text):
            self._at += 1
            return True
        return False

    def _need(self, sign: str) -> None:
        kind, text, place = self._tokens[self._at]
        if not self._take("sign", sign):
            found = "the end" if kind == "end" else f"'{text[:20]}'"
            raise _bad(f"The filter lacks '{sign}' before {found} at character {place}", "Close what was opened.")

    def _count(self, node: _Node) -> _Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _bad(f"The filter has more than {MAX_NODES} parts", "Simplify it.")
        return node


def _bad(message: str, hint: str) -> BadExpression:
    return BadExpression(f"{message}.", hint=hint, field="filter")
