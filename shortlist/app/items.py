"""What the catalogue knows about an item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shortlist.app.fields import fields_of, shown_columns
from shortlist.app.similar import known_item

if TYPE_CHECKING:
    from shortlist.app.service import Service


def item(service: Service, item_id: str) -> dict[str, Any]:
    """`{item_id, fields}` with all known columns.

    Raises:
        UnknownItem: the catalogue does not have it. BadRequest: not an id. NoBundle: nothing is served yet.
    """
    state = service.state
    index = known_item(state, item_id)
    return {"item_id": item_id, "fields": fields_of(state.catalogue, index, state.catalogue.names())}


def columns(service: Service) -> tuple[str, ...]:
    """Columns that can be shown.

    Raises:
        NoBundle: nothing is served yet.
    """
    return shown_columns(service.state.catalogue)
