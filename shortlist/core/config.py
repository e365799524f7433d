"""Component configuration: one frozen class beside each component, unknown keys refused with the nearest name.

A `Config` is the whole of what a component can be told. It is parsed from TOML, from keyword arguments or from a
manifest by the same function, so a typing mistake reads the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from shortlist.core.errors import BadConfig, nearest_hint


class Config(BaseModel):
    """Base of every component's configuration: frozen, typed, closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, where: str) -> Self:
        """Build from plain values.

        Args:
            values: keys are field names.
            where: what is being configured, for the error ("model 'als'", "stage 'max_price'").

        Raises:
            BadConfig: names the key, what is wrong with it and the nearest valid name.
        """
        unknown = sorted(set(values) - set(cls.model_fields))
        if unknown:
            hint = nearest_hint(unknown[0], cls.model_fields)
            raise BadConfig(f"{where} has no setting '{unknown[0]}'.", hint=hint, field=unknown[0])
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "?"
            raise BadConfig(
                f"{where}: setting '{name}' is not valid: {first['msg']}.",
                hint="Correct the value; the reference page lists each setting with its range.",
                field=name,
            ) from None
