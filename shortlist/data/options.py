"""Keyword options of functions that are chosen by name: unknown ones are refused with the nearest known one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from shortlist.core.errors import BadConfig, nearest_hint


def refuse_unknown(function: Callable[..., Any], options: Iterable[str], where: str) -> None:
    """Check options against a function's keyword-only parameters.

    Args:
        function: what the options are for.
        options: names given.
        where: what is being configured, for the error ("protocol 'global-time'").

    Raises:
        BadConfig: names the option and the nearest known one.
    """
    known = {
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for name in options:
        if name not in known:
            raise BadConfig(f"{where} has no option '{name}'.", hint=nearest_hint(name, known), field=name)
