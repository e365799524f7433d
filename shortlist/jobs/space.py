"""Where to look for settings: a range or a list of choices for each.

A space can be read off any component's `Config`: numbers are searched a tenth to ten times around their default on a
logarithmic scale, inside what the setting allows; choices and switches are tried as they are. What a person gives for a
setting ("factors=16:256:log", "solver=cg|cholesky") takes the place of that guess.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from shortlist.core.config import Config
from shortlist.core.errors import BadConfig, nearest_hint

AROUND = 10.0
"""Numbers are searched from their default divided by this to their default times this."""
LEFT_ALONE = ("batch_size", "columns", "device", "predict_threads", "seed")
"""Settings that are about the machine or the data, not about the model; so are all that begin with `max_`."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: smallest value.
        high: largest value.
        log: whether ratios count, not differences.
        whole: whether only integers are tried.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, trial: Any, name: str) -> Any:
        """A value, suggested by an Optuna trial."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    def draw(self, trial: Any, name: str) -> Any:
        """A value, suggested by an Optuna trial."""
        return trial.suggest_categorical(name, list(self.values))

    def __contains__(self, value: Any) -> bool:
        return value in self.values


Space = Mapping[str, Range | Choice]


def space_of(config: type[Config], only: Iterable[str] = ()) -> dict[str, Range | Choice]:
    """What can be searched of a component's settings.

    Args:
        config: the component's `Config`.
        only: settings to search; none means all that have a scale.

    Raises:
        BadConfig: a setting of `only` does not exist or has no scale to search; the hint says how to give one.
    """
    names = list(only)
    for name in names:
        if name not in config.model_fields:
            raise BadConfig(f"There is no setting '{name}'.", hint=nearest_hint(name, config.model_fields), field=name)
    found = {}
    for name, field in config.model_fields.items():
        asked = name in names if names else name not in LEFT_ALONE and not name.startswith("max_")
        if not asked:
            continue
        dimension = _dimension(field)
        if dimension is not None:
            found[name] = dimension
        elif names:
            hint = f"Give its range: {name}=1:100:log, or its choices: {name}=a|b."
            raise BadConfig(f"The setting '{name}' has no scale of its own to search.", hint=hint, field=name)
    return found


def parse_dimension(text: str, config: type[Config]) -> tuple[str, Range | Choice]:
    """Read "name=low:high", "name=low:high:log" or "name=a|b|c".

    Raises:
        BadConfig: the text, the setting or a bound is at fault.
    """
    name, equals, rest = text.partition("=")
    name = name.strip()
    if not equals or not rest:
        raise BadConfig(f"'{text}' is not a search range.", hint="Write name=low:high[:log] or name=a|b.", field="set")
    if name not in config.model_fields:
        raise BadConfig(f"There is no setting '{name}'.", hint=nearest_hint(name, config.model_fields), field=name)
    if ":" in rest:
        low, high, *scale = rest.split(":")
        try:
            bounds = float(low), float(high)
        except ValueError:
            raise BadConfig(f"'{rest}' is not a range of numbers.", hint="Write low:high[:log].", field=name) from None
        log = scale == ["log"]
        if scale not in ([], ["log"]) or not bounds[0] < bounds[1] or (log and bounds[0] <= 0):
            hint = "Write low:high, or low:high:log with low above zero."
            raise BadConfig(f"'{rest}' is not a range.", hint=hint, field=name)
        return name, Range(*bounds, log=log, whole=int in _types(config.model_fields[name]))
    return name, Choice(tuple(_value(part) for part in rest.split("|")))


def checked(space: Space, config: type[Config], fixed: Mapping[str, Any]) -> Space:
    """The space, once every end of it is known to be a possible setting.

    Raises:
        BadConfig: nothing is left to search, a setting is both fixed and searched, or an end is impossible.
    """
    if not space:
        raise BadConfig("There is nothing to search.", hint="Give ranges: factors=16:256:log.", field="set")
    both = sorted(set(space) & set(fixed))
    if both:
        raise BadConfig(f"'{both[0]}' is fixed and searched.", hint="Leave one of the two out.", field=both[0])
    for name, dimension in space.items():
        ends = dimension.values if isinstance(dimension, Choice) else (dimension.low, dimension.high)
        for end in ends:
            value = int(end) if isinstance(dimension, Range) and dimension.whole else end
            try:
                config.parse({**fixed, name: value}, where=f"search of '{name}'")
            except BadConfig as error:
                if error.field == name:  # else two settings do not go together, which a trial may find out
                    raise
    return space


def _dimension(field: FieldInfo) -> Range | Choice | None:
    """A guess from a setting's type, default and bounds; None where there is none to make."""
    default = field.default
    allowed = _types(field)
    choices = [value for kind in allowed if get_origin(kind) is Literal for value in get_args(kind)]
    if choices:
        return Choice(tuple(choices))
    if bool in allowed:
        return Choice((False, True))
    if not isinstance(default, int | float) or not {int, float} & set(allowed):
        return None
    whole = int in allowed and float not in allowed
    low, high = _bounds(field, whole)
    if low is not None and high is not None and high <= 1.0:
        return Range(low, high)
    if default <= 0:
        return None
    ends = max(default / AROUND, low or 0.0), min(default * AROUND, high or math.inf)
    first, last = (math.ceil(ends[0]), math.floor(ends[1])) if whole else ends
    first = max(first, 1) if whole else first
    return Range(first, last, log=True, whole=whole) if 0 < first < last else None


def _bounds(field: FieldInfo, whole: bool) -> tuple[float | None, float | None]:
    """Smallest and largest allowed value; open ends are moved inside by one, or by a thousandth of the range."""
    low = high = None
    open_low = open_high = False
    for rule in field.metadata:
        if hasattr(rule, "ge"):
            low = float(rule.ge)
        if hasattr(rule, "gt"):
            low, open_low = float(rule.gt), True
        if hasattr(rule, "le"):
            high = float(rule.le)
        if hasattr(rule, "lt"):
            high, open_high = float(rule.lt), True
    step = 1.0 if whole else 1e-3 * ((high - low) if low is not None and high is not None else 0.0)
    if open_low and low is not None:
        low += step
    if open_high and high is not None:
        high -= step
    return low, high


def _types(field: FieldInfo) -> list[Any]:
    """The types a setting may have, None left out."""
    kind = field.annotation
    parts = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    out = []
    for part in parts:
        while get_origin(part) is not None and get_origin(part) is not Literal and hasattr(part, "__origin__"):
            part = part.__origin__
        if part is not type(None):
            out.append(part)
    return out


def _value(text: str) -> Any:
    """A choice as the number, switch or word it looks like."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
