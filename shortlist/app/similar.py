"""Items like a given one: the list of a visitor who just looked at it, on a surface made for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shortlist.app.answers import Slate
from shortlist.app.ids import check_id
from shortlist.app.questions import Question
from shortlist.app.recommend import answer
from shortlist.core.errors import UnknownItem
from shortlist.core.types import History

if TYPE_CHECKING:
    from shortlist.app.service import Service
    from shortlist.app.state import State


def similar(
    service: Service,
    item_id: str,
    *,
    k: int | None = None,
    surface: str = "",
    filter: str | None = None,
    exclude: tuple[str, ...] = (),
    explain: bool = False,
    return_fields: tuple[str, ...] | None = None,
) -> Slate:
    """Items like `item_id`; the item itself never comes back.

    Raises:
        UnknownItem: the catalogue does not have it. Otherwise as `recommend`.
    """
    state = service.state
    item = known_item(state, item_id)
    question = Question(
        surface=state.surface(surface, "similar"),
        k=k,
        filter=filter,
        exclude=(*exclude, item_id),
        explain=explain,
        return_fields=return_fields,
    )
    return answer(service, state, question, history=History.of([[item]], [[state.clock.now() - 1.0]]))


def known_item(state: State, item_id: str) -> int:
    """Dense index of an item.

    Raises:
        BadRequest: not an id. UnknownItem: the catalogue does not have it.
    """
    item = state.items.get(check_id(item_id, "item_id"))
    if item < 0:
        raise UnknownItem(
            "The catalogue has no such item.", hint='Send it first: {"event": "item", ...}.', field="item_id"
        )
    return item
