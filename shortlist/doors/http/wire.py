"""The JSON that comes in, as strict models.

A number in quotes is not a number, `true` is not 1, an unknown field is an error, and every list and text is bounded.
What goes out are the answers' own plain values: a hot path should not validate what it has just made.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shortlist.app import questions
from shortlist.app.ids import check_id, check_user_id
from shortlist.core.errors import BadRequest

MAX_LIST = 10_000
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,15}", re.ASCII)


def _id(value: str) -> str:
    try:
        return check_id(value, "id")
    except BadRequest as error:
        raise ValueError(error.hint.rstrip(".") or error.message) from None


def _user(value: str) -> str:
    try:
        check_user_id(value)
    except BadRequest as error:
        raise ValueError(error.hint.rstrip(".") or error.message) from None
    return value


def _whole(value: Any) -> Any:
    """Query strings are text: plain ASCII digits become a number, everything else is left to fail."""
    return int(value) if isinstance(value, str) and WHOLE_NUMBER.fullmatch(value) else value


def _truth(value: Any) -> Any:
    return {"true": True, "1": True, "false": False, "0": False}.get(value, value) if isinstance(value, str) else value


def _names(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


ItemId = Annotated[str, AfterValidator(_id), Field(description="External item id: NFC, at most 256 bytes.")]
UserId = Annotated[str, AfterValidator(_user), Field(description="External user id: NFC, at most 256 bytes.")]
SurfaceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="A named place.")]
K = Annotated[int, Field(ge=1, le=questions.MAX_K, description="Items wanted.")]
Expression = Annotated[str, Field(min_length=1, max_length=4096, description="Typed filter over item columns.")]
Cursor = Annotated[str, Field(min_length=1, max_length=8192, description="`next_cursor` of the page before.")]
FieldName = Annotated[str, Field(min_length=1, max_length=64)]
Scalar = str | int | float | bool | None
QueryInt = BeforeValidator(_whole)
QueryBool = BeforeValidator(_truth)
QueryList = BeforeValidator(_names)


class Wire(BaseModel):
    """Base of everything that comes in: closed, strict, finite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class SessionEvent(Wire):
    """One thing a visitor without an id did."""

    item_id: ItemId
    type: Annotated[str, Field(max_length=64)] = "click"
    occurred_at: Annotated[float, Field(ge=0, le=1e11, description="UTC seconds.")] | None = None


class RecommendBody(Wire):
    """Body of `POST /v1/recommend`: a user or a session, and how the list should be."""

    user_id: UserId | None = None
    session: Annotated[list[SessionEvent], Field(max_length=500)] | None = None
    surface: SurfaceName | None = None
    k: K | None = None
    filter: Expression | None = None
    exclude: Annotated[list[ItemId], Field(max_length=MAX_LIST)] = []
    context: Annotated[dict[str, Scalar], Field(max_length=64)] = {}
    cursor: Cursor | None = None
    explain: bool = False
    return_fields: Annotated[list[FieldName], Field(max_length=64)] | None = None

    def question(self) -> questions.Question:
        """The same, as the use case wants it."""
        return _question(self, exclude=tuple(self.exclude), cursor=self.cursor)


class RankBody(Wire):
    """Body of `POST /v1/rank`: bring your own candidates."""

    user_id: UserId | None = None
    session: Annotated[list[SessionEvent], Field(max_length=500)] | None = None
    items: Annotated[list[ItemId], Field(min_length=1, max_length=MAX_LIST)]
    surface: SurfaceName | None = None
    k: K | None = None
    filter: Expression | None = None
    context: Annotated[dict[str, Scalar], Field(max_length=64)] = {}
    explain: bool = False
    return_fields: Annotated[list[FieldName], Field(max_length=64)] | None = None

    def question(self) -> questions.Question:
        """The same, as the use case wants it."""
        return _question(self, candidates=tuple(dict.fromkeys(self.items)))


class RecommendQuery(Wire):
    """Query string of `GET /v1/recommend/{user_id}`."""

    surface: SurfaceName | None = None
    k: Annotated[K, QueryInt] | None = None
    filter: Expression | None = None
    cursor: Cursor | None = None
    explain: Annotated[bool, QueryBool] = False
    return_fields: Annotated[list[FieldName], QueryList] | None = None


class SimilarQuery(Wire):
    """Query string of `GET /v1/similar/{item_id}`."""

    k: Annotated[K, QueryInt] = 10
    surface: SurfaceName | None = None
    filter: Expression | None = None
    explain: Annotated[bool, QueryBool] = False
    return_fields: Annotated[list[FieldName], QueryList] | None = None


class SimilarBody(Wire):
    """Body of `POST /v1/similar`."""

    item_id: ItemId
    k: K = 10
    surface: SurfaceName | None = None
    filter: Expression | None = None
    exclude: Annotated[list[ItemId], Field(max_length=MAX_LIST)] = []
    explain: bool = False
    return_fields: Annotated[list[FieldName], Field(max_length=64)] | None = None


class SearchQuery(Wire):
    """Query string of `GET /v1/search`."""

    q: Annotated[str, Field(min_length=1, max_length=1000, description="Words to look for.")]
    k: Annotated[K, QueryInt] = 10
    filter: Expression | None = None
    return_fields: Annotated[list[FieldName], QueryList] | None = None


class AskBody(Wire):
    """Body of `POST /v1/ask` and of the book's `POST /ask`."""

    query: Annotated[str, Field(min_length=1, max_length=4000, description="A question in words.")]
    k: Annotated[int, Field(ge=1, le=50, description="Items the answer may cite.")] = 5


class FeedbackBody(Wire):
    """Body of the book's `POST /feedback`."""

    user_id: ItemId
    news_id: ItemId
    event: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")] = "click"


class UsersQuery(Wire):
    """Query string of `GET /v1/users`."""

    q: Annotated[str, Field(max_length=256, description="Beginning of the id.")] = ""
    limit: Annotated[int, Field(ge=1, le=500), QueryInt] = 50


class BookQuery(Wire):
    """Query string of the book's `GET /recommend/{user_id}`."""

    k: Annotated[K, QueryInt] = 10


class WhyQuery(Wire):
    """Query string of `GET /v1/why`."""

    request_id: ItemId


class WhyNotQuery(Wire):
    """Query string of `GET /v1/why-not`."""

    request_id: ItemId
    item_id: ItemId


class NoQuery(Wire):
    """A route without a query string."""


class FieldsBody(Wire):
    """Body of `PUT /v1/items/{item_id}` and `PUT /v1/users/{user_id}`."""

    fields: Annotated[dict[str, Any], Field(max_length=256)]


class PromoteBody(Wire):
    """Body of `POST /v1/bundles/promote`."""

    bundle: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Bundle id.")]


class EmptyBody(Wire):
    """A body that must be `{}`."""


def _question(body: RecommendBody | RankBody, **more: Any) -> questions.Question:
    """What both bodies say, and what only one of them does."""
    return questions.Question(
        user_id=body.user_id,
        session=tuple(questions.SessionItem(e.item_id, e.occurred_at) for e in body.session or ()),
        surface=body.surface or "",
        k=body.k,
        filter=body.filter,
        context=body.context,
        explain=body.explain,
        return_fields=None if body.return_fields is None else tuple(body.return_fields),
        **more,
    )
