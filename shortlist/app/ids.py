"""External ids at the edge of the package: one rule for events, requests and paths."""

from __future__ import annotations

from shortlist.core.errors import BadRequest
from shortlist.stores.events import NOT_AN_ID, check_id

__all__ = ["check_id", "check_user_id"]


def check_user_id(value: str | None, name: str = "user_id") -> str | None:
    """A user id for reading: words that mean "no id" are nobody, so that they never become one giant user.

    Raises:
        BadRequest: the id breaks the rule of `check_id`; names the field.
    """
    if value is None or value.casefold() in NOT_AN_ID:
        return None
    try:
        return check_id(value, name)
    except BadRequest as error:
        raise BadRequest(error.message, hint=error.hint, field=name) from None
