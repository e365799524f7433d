"""The one error tree: who is to blame is part of the type.

    ShortlistError
    ├─ CallerError       BadRequest · UnknownItem · UnknownUser · UnknownSurface · UnknownRequest · BadExpression
    │                    TooMany · Conflict
    ├─ OperatorError     BadConfig · BadSpec · MissingExtra · UnknownName · TooLarge · UnsafeBinding
    ├─ DataError         SchemaMismatch · EmptyTraining · Incomplete · LeakDetected · BadRow
    ├─ StateError        NotFitted · BundleMismatch · BundleCorrupt · VersionTooNew · NoBundle
    ├─ DependencyError   StoreUnavailable · StoreTimeout · DeadlineExceeded · Overloaded
    └─ StageError        a stage broke its contract: a bug in a stage

Every class has a stable `code`; every instance a `message` that names the thing at fault (never personal data) and a
`hint` that says what to do. Core knows nothing of HTTP or of exit codes: each door has one table from type to status.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class ShortlistError(Exception):
    """Root of every error this package raises on purpose."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "", field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class CallerError(ShortlistError):
    """The request is at fault."""

    code = "caller"


class BadRequest(CallerError):
    """A value of the request is out of range or of the wrong kind; `field` names it."""

    code = "bad_request"


class UnknownItem(CallerError):
    """An item id that the catalogue does not have."""

    code = "unknown_item"


class UnknownUser(CallerError):
    """A user id nobody has seen, asked for with `on_unknown="raise"`."""

    code = "unknown_user"


class UnknownSurface(CallerError):
    """A surface that the bundle does not serve."""

    code = "unknown_surface"


class UnknownRequest(CallerError):
    """A request id whose decision is not (or no longer) recorded."""

    code = "unknown_request"


class BadExpression(CallerError):
    """A filter expression that does not parse or names a column that does not exist."""

    code = "bad_expression"


class TooMany(CallerError):
    """More rows or bytes than one call may carry."""

    code = "too_many"


class Conflict(CallerError):
    """Contradicts what is stored, or another change of the same thing is under way."""

    code = "conflict"


class OperatorError(ShortlistError):
    """The set-up is at fault: a configuration, a spec, a missing extra."""

    code = "operator"


class BadConfig(OperatorError):
    """A component's configuration has an unknown key or an impossible value."""

    code = "bad_config"


class BadSpec(OperatorError):
    """A pipeline or board spec cannot be built; names the stage and what it lacks."""

    code = "bad_spec"


class MissingExtra(OperatorError):
    """An optional dependency is not installed."""

    code = "missing_extra"

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"This needs the package '{module}', which is not installed.",
            hint=f"Install it with: pip install 'shortlist[{extra}]'",
        )


class UnknownName(OperatorError):
    """A registry, data set or protocol name that does not exist; suggests the nearest."""

    code = "unknown_name"

    def __init__(self, kind: str, name: str, known: Iterable[str], *, field: str | None = None) -> None:
        names = sorted(known)
        super().__init__(f"There is no {kind} named '{name}'.", hint=nearest_hint(name, names), field=field)


class TooLarge(OperatorError):
    """A method would need more memory than its stated bound; names those that scale."""

    code = "too_large"


class UnsafeBinding(OperatorError):
    """A server was asked to listen beyond loopback without a key."""

    code = "unsafe_binding"


class DataError(ShortlistError):
    """The data is at fault."""

    code = "data"


class SchemaMismatch(DataError):
    """A table lacks a column or has one of the wrong type; names file and column."""

    code = "schema_mismatch"


class BadRow(DataError):
    """A row cannot be read; names file, line and column."""

    code = "bad_row"


class EmptyTraining(DataError):
    """Nothing to learn from."""

    code = "empty_training"


class Incomplete(DataError):
    """The log has not reached the moment up to which it was to be used."""

    code = "incomplete"


class LeakDetected(DataError):
    """A training row knows its own future or its own label."""

    code = "leak_detected"


class StateError(ShortlistError):
    """The object is not in a state in which it can answer."""

    code = "state"


class NotFitted(StateError):
    """A model was asked before it was fitted."""

    code = "not_fitted"


class BundleMismatch(StateError):
    """Parts of a bundle do not belong together."""

    code = "bundle_mismatch"


class BundleCorrupt(StateError):
    """A bundle's file is missing or differs from its checksum."""

    code = "bundle_corrupt"


class VersionTooNew(StateError):
    """Written by a newer version of the format."""

    code = "version_too_new"


class NoBundle(StateError):
    """No bundle is published or promoted yet."""

    code = "no_bundle"


class DependencyError(ShortlistError):
    """Something we depend on did not answer; trying again later makes sense."""

    code = "dependency"


class StoreUnavailable(DependencyError):
    """A store cannot be reached."""

    code = "store_unavailable"


class StoreTimeout(DependencyError):
    """A store did not answer in time."""

    code = "store_timeout"


class DeadlineExceeded(DependencyError):
    """The request's time budget ran out."""

    code = "deadline_exceeded"


class Overloaded(DependencyError):
    """More work than may wait; the caller should come back."""

    code = "overloaded"


class StageError(ShortlistError):
    """A stage returned a wrong shape, a wrong type or an undeclared column: a bug in the stage."""

    code = "stage"


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the closest known name, or lists them when nothing is close."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{close[0]}'?"
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"Known: {shown}." if names else "None exist yet."
