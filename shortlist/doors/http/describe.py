"""What `/openapi.json` says: shapes in, shapes out, errors; and a page of it that needs no network.

Routes read bodies themselves (duplicate keys, limits, deadlines), so the framework cannot infer their shapes; each
route states them beside its code with `described`, and `openapi` gathers them once.
"""

from __future__ import annotations

import html
import inspect
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from shortlist._version import __version__
from shortlist.core import errors as core
from shortlist.doors.http import errors as door_errors
from shortlist.doors.http import shapes, wire

REF = "#/components/schemas/{model}"
ABOUT = (
    "Recommendations, ranking, similar items, search, events and explanations. Errors are problem+json with a code, a "
    "hint and the field at fault. An unknown user is not an error: the list is flagged `cold_start`."
)


def described(
    summary: str,
    out: type[shapes.Shape] | None,
    *,
    body: type[wire.Wire] | dict[str, Any] | None = None,
    query: type[wire.Wire] | None = None,
    write: bool = False,
) -> dict[str, Any]:
    """Keyword arguments for a route's decorator.

    Args:
        summary: one line.
        out: shape of the 200 answer; None for text.
        body: shape of the JSON body, or a schema.
        query: shape of the query string.
        write: whether it needs the key.
    """
    extra: dict[str, Any] = {}
    if body is not None:
        schema = body if isinstance(body, dict) else {"$ref": REF.format(model=body.__name__)}
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if query is not None:
        extra["parameters"] = _parameters(query)
    if write:
        extra["security"] = [{"key": []}]
    problem = {"content": {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}}
    good: dict[str, Any] = {"description": "The answer."}
    if out is not None:
        good["content"] = {"application/json": {"schema": {"$ref": REF.format(model=out.__name__)}}}
    codes = {400: "Unreadable.", 404: "No such thing.", 422: "A field is not valid.", 503: "Busy or not ready."}
    codes |= {401: "The key is missing or wrong."} if write else {}
    codes |= {413: "Too large.", 415: "Not JSON."} if body is not None else {}
    extra["responses"] = {"200": good} | {str(c): {"description": text, **problem} for c, text in sorted(codes.items())}
    return {"summary": summary, "response_model": None, "openapi_extra": extra}


def openapi(app: FastAPI) -> dict[str, Any]:
    """The whole description, made once."""
    if app.openapi_schema is None:
        found = get_openapi(title="Shortlist", version=__version__, description=ABOUT, routes=app.routes)
        _, schemas = models_json_schema(
            [(shape, "validation") for shape in _shapes()], ref_template=REF, title="Shortlist"
        )
        parts = found.setdefault("components", {})
        parts["schemas"] = schemas["$defs"]
        parts["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
        for operation in (one for path in found["paths"].values() for one in path.values()):
            _only_ours(operation)
        app.openapi_schema = found
    return app.openapi_schema


def docs_page(description: dict[str, Any]) -> str:
    """A self-contained page: every route with its shapes, every error code; no script, no network."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Shortlist: HTTP</title><style>", STYLE]
    parts += [f"</style><h1>Shortlist {html.escape(__version__)}</h1><p>{html.escape(ABOUT)}</p>"]
    parts += ['<p>The same for machines: <a href="/openapi.json">/openapi.json</a></p><h2>Routes</h2>']
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            parts.append(_operation(method.upper(), path, operation))
    parts.append("<h2>Errors</h2><dl>")
    for kind in sorted(_errors(), key=lambda kind: kind.code):
        said = html.escape(inspect.getdoc(kind) or "")
        parts.append(f'<dt id="error-{kind.code}"><code>{kind.code}</code> {door_errors.status_of(kind)}')
        parts.append(f"<dd>{said}")
    parts.append("</dl><h2>Shapes</h2>")
    for name, schema in sorted(description["components"]["schemas"].items()):
        text = html.escape(orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode())
        parts.append(f'<details id="{name}"><summary>{name}</summary><pre>{text}</pre></details>')
    return "\n".join(parts)


STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto}dt{margin-top:1rem}"
    "li{margin:.3rem 0}b{display:inline-block;min-width:4rem}"
)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    good = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    names = ", ".join(p["name"] for p in operation.get("parameters", []) if p["in"] == "query")
    said = f"<p><b>{method}</b><code>{html.escape(path)}</code> {html.escape(operation.get('summary', ''))}"
    said += f" Query: <code>{html.escape(names)}</code>." if names else ""
    said += f" Body: {_link(body)}." if body else ""
    return said + (f" Answer: {_link(good)}.</p>" if good else "</p>")


def _link(schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f'<a href="#{name}">{name}</a>' if name else "see /openapi.json"


def _parameters(query: type[wire.Wire]) -> list[dict[str, Any]]:
    schema = query.model_json_schema(ref_template=REF)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": part}
        for name, part in schema.get("properties", {}).items()
    ]


def _only_ours(operation: dict[str, Any]) -> None:
    """Drop what the framework adds for validations that it does not do here."""
    answers = operation.get("responses", {})
    for status, answer in list(answers.items()):
        if "HTTPValidationError" in orjson.dumps(answer).decode():
            del answers[status]


def _shapes() -> list[type[Any]]:
    found = [*vars(wire).values(), *vars(shapes).values()]
    bases = (wire.Wire, shapes.Shape)
    models = {one for one in found if isinstance(one, type) and issubclass(one, bases) and one not in bases}
    return sorted([*models, shapes.Problem], key=lambda one: one.__name__)


def _errors() -> set[type[core.ShortlistError]]:
    found = [*vars(core).values(), *vars(door_errors).values()]
    return {e for e in found if isinstance(e, type) and issubclass(e, core.ShortlistError)}
