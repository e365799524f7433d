"""Write the reference pages from the code: `python docs/generate.py` (or `make docs`).

Models, stages, metrics, data sets and protocols come from the registry, settings from their `Config` classes, errors,
events and commands from where they are defined. A test fails when a page is not current.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from shortlist.core import errors, registry
from shortlist.core.errors import MissingExtra, ShortlistError
from shortlist.core.settings import Settings

HERE = Path(__file__).parent / "reference"
HEAD = "<!-- Written by docs/generate.py; change the code, then run `make docs`. -->\n"
STAGE_KINDS: Mapping[str, str] = {
    "query_hydrator": "Query: what is looked up about the user",
    "source": "Sources: where candidates come from",
    "merger": "Merging: how the sources' lists become one",
    "hydrator": "Hydrators: columns added to candidates",
    "filter": "Filters: what must not be shown",
    "scorer": "Scorers: who gives the score",
    "selector": "Selectors: how the list is cut",
    "reranker": "Rerankers: how the list is arranged",
    "effect": "Effects: what happens after the answer",
}
MODEL_KINDS: Mapping[str, str] = {"retriever": "Retrievers", "ranker": "Rankers", "embedder": "Embedders"}
SECTIONS: Mapping[str, str] = {"query_hydrator": "query", "merger": "merge"}
"""Sections of a spec that are not called like their registry kind."""
COMMON: Mapping[str, str] = {
    "enabled": "`false` leaves the stage out",
    "name": "label in traces and columns, the registry name when empty",
    "when": "what must exist, or the stage is left out: `category` a catalogue column, `title|abstract` any of "
    "several, `model:ranker` a fitted model, `profile:age` a user column",
    "seed": "source of randomness; without it the fit's own",
}
"""Settings that every component of a page shares; said once, at its head."""
FEATURE_COMMON = ("name", "kind", "type", "unit", "owner", "default", "ttl", "scale")
"""Settings that every feature shares; said once, at the head of their page."""
LABELS = r"(Papers?|Ideas?|Cost[^:.]{0,40}|Symbols|Defaults|In symbols[^:]*)"
"""Beginnings of docstring lines that start a paragraph of their own."""


def pages() -> dict[str, str]:
    """Every page by its path under docs/reference."""
    return {
        "README.md": index(),
        "models.md": models(),
        "stages.md": stages(),
        "features.md": features(),
        "metrics.md": metrics(),
        "data.md": data(),
        "events.md": events(),
        "settings.md": settings(),
        "errors.md": error_tree(),
        "cli.md": commands(),
        "openapi.json": openapi(),
    }


def index() -> str:
    """What the other pages hold."""
    rows = [
        ("models.md", "retrievers and rankers with their settings"),
        ("stages.md", "what a pipeline is made of"),
        ("features.md", "what columns can be declared about users, items and the moment"),
        ("metrics.md", "how lists and predictions are judged"),
        ("data.md", "data sets, formats, protocols"),
        ("events.md", "the four kinds of events"),
        ("cli.md", "every command with its options"),
        ("settings.md", "what differs between machines"),
        ("errors.md", "every error with its HTTP status and exit code"),
        ("openapi.json", "the HTTP interface"),
    ]
    return _page(
        "Reference", "Written from the code.", _table(("page", "what it holds"), [(_link(n), t) for n, t in rows])
    )


# --- components -----------------------------------------------------------------------------------------------------


def models() -> str:
    """Retrievers and rankers."""
    about = (
        "What `use` in a pipeline, `sl.models.create` and a board accept. Every model also takes `seed`: "
        f"{COMMON['seed']}. `None` as a default means that the setting is left out."
    )
    return _page("Models", about, *_components(MODEL_KINDS))


def stages() -> str:
    """What a pipeline is made of."""
    shared = "".join(f"\n- `{name}`: {COMMON[name]}" for name in ("name", "enabled", "when"))
    about = (
        "What a pipeline is made of, in running order; each stands in the section of that name in its TOML file. "
        f"Every stage also takes:\n{shared}\n\n"
        "`None` as a default means that the setting is left out."
    )
    return _page("Stages", about, *_components(STAGE_KINDS))


def features() -> str:
    """Kinds of features."""
    from shortlist.features.base import FeatureConfig

    about = (
        "What a `[[feature]]` table of a pipeline spec can be; [how to declare and use one](../how-to/features.md). "
        "Every feature also takes the settings of the first table. `None` as a default means that the setting is left "
        "out. A window begins at a whole multiple of its grain: 5 minutes for `1h`, an hour for `24h`, six hours for "
        "`7d`, a day for `28d`, so that a state of bounded size answers exactly what the whole log answers."
    )
    shared = [
        (f"`{name}`", _default(info), _takes(FeatureConfig.model_json_schema()["properties"][name]),
         _line(info.description))
        for name, info in FeatureConfig.model_fields.items()
    ]  # fmt: skip
    everywhere = "## What every feature says\n\n" + _table(("setting", "default", "takes", "what it does"), shared)
    return _page("Features", about, everywhere, *_components({"feature": "Kinds"}))


def _components(kinds: Mapping[str, str]) -> Iterator[str]:
    """For each kind a table of names, then every component with its settings."""
    for kind, title in kinds.items():
        rows = registry.rows(kind)
        yield f"## {title}\n"
        if kind in STAGE_KINDS:
            yield f"Section `{SECTIONS.get(kind, kind)}`.\n"
        yield _table(("name", "in a phrase"), [(_anchored(row), row.about) for row in rows])
        for row in rows:
            yield _heading(row)
            if row.extra:
                yield f"Needs the extra `{row.extra}`.\n"
            try:
                found = registry.load(row.name, kind)
            except MissingExtra:
                continue
            yield _prose(inspect.getdoc(sys.modules[found.__module__]))
            yield _columns(found)
            yield _settings_of(found.Config)


def _columns(stage: Any) -> str:
    """Which columns a stage reads and adds, where that is fixed."""
    said = []
    for verb, name in (("Reads", "requires"), ("Adds", "provides")):
        fixed = getattr(stage, name, ())
        if isinstance(fixed, tuple) and fixed:
            said.append(f"{verb} {', '.join(f'`{column}`' for column in fixed)}.")
    return " ".join(said) + "\n" if said else ""


def _settings_of(config: Any) -> str:
    """The settings of one component as a table."""
    shapes = config.model_json_schema().get("properties", {})
    rows = [
        (f"`{name}`", _default(info), _takes(shapes[name]), _line(info.description))
        for name, info in config.model_fields.items()
        if name not in COMMON and name not in (FEATURE_COMMON if "kind" in config.model_fields else ())
    ]
    return _table(("setting", "default", "takes", "what it does"), rows) if rows else "No settings of its own.\n"


def _takes(shape: Mapping[str, Any]) -> str:
    """The values that a JSON schema allows, in words."""
    if "anyOf" in shape:
        options = [_takes(one) for one in shape["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(options))
    if "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape["enum"])
    if "const" in shape:
        return f"`{shape['const']}`"
    kind = str(shape.get("type", "any value"))
    words = {"integer": "whole number", "string": "text", "boolean": "true or false", "object": "table"}
    if kind == "array":
        inner = shape.get("items", {})
        return f"list of {words.get(str(inner.get('type')), 'value')}s" if inner else "list"
    limits = [
        f"{word} {shape[key]:,}"
        for key, word in (
            ("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"), ("exclusiveMaximum", "below"),
        )
        if key in shape
    ]  # fmt: skip
    return " ".join([words.get(kind, kind), *limits])


# --- metrics, data, events ------------------------------------------------------------------------------------------


def metrics() -> str:
    """Every metric with its docstring, by what it judges."""
    groups: dict[str, list[tuple[Any, Any]]] = {"Accuracy of lists": [], "Lists beyond accuracy": [], "Single rows": []}
    for row in registry.rows("metric"):
        measure = registry.load(row.name, "metric")
        asks = inspect.signature(measure).parameters
        judged = (
            "Single rows" if "slates" not in asks else "Accuracy of lists" if "k" in asks else "Lists beyond accuracy"
        )
        groups[judged].append((row, measure))
    out = []
    for title, found in groups.items():
        out.append(f"## {title}\n")
        out.append(_table(("name", "in a phrase"), [(_anchored(row), row.about) for row, _ in found]))
        for row, measure in found:
            out += [_heading(row), _prose(inspect.getdoc(measure))]
    about = (
        "Letters in shapes: B requests, K list length, M items, N rows. `NaN` means that nothing can be said about a "
        "user; such users are left out of means, never counted as zero."
    )
    return _page("Metrics", about, *out)


def data() -> str:
    """Data sets, readers and protocols."""
    sets = [(f"`{row.name}`", row.about) for row in registry.rows("dataset")]
    out = [
        "## Data sets\n",
        "Known to `sl.load`, to `--data` and, unless bundled, to `shortlist data get`.\n",
        _table(("name", "what it is"), sets),
        "## Formats\n",
        "Found out from file names; files may be gzipped or lie in a zip archive.\n",
    ]
    for row in registry.rows("reader"):
        found = registry.load(row.name, "reader")
        out += [f"### {row.name}\n", _prose(inspect.getdoc(sys.modules[found.__module__]))]
    rows = [(f"`{row.name}`", row.about) for row in registry.rows("labelled")]
    out += [
        "## Labelled rows\n",
        "Tables without a catalogue, for click models: `shortlist.data.labelled.load_rows`, `shortlist data load`, "
        "`python -m benchmarks.ctr --data`. Read where they lie; none is downloaded.\n",
        _table(("name", "what it is"), rows),
    ]
    out += ["## Protocols\n", "Named ways to split data, for `sl.split` and `--protocol`.\n"]
    out.append(_table(("name", "in a phrase"), [(f"`{row.name}`", row.about) for row in registry.rows("protocol")]))
    for row in registry.rows("protocol"):
        doc = (inspect.getdoc(registry.load(row.name, "protocol")) or "").replace("    data: what to divide.\n", "")
        out += [f"### `{row.name}`\n", _prose(doc)]
    return _page("Data", "What can be read, and how it is divided.", *out)


def events() -> str:
    """The four kinds, their fields and their limits."""
    from shortlist.app.ingest import MAX_BATCH
    from shortlist.stores import events as spec

    out = ["## Fields\n"]
    common = _attributes(spec.Event)
    wire = {"stated_at": "occurred_at"}
    for kind, cls in sorted(spec.KINDS.items()):
        said = {**common, **_attributes(cls)}
        rows = []
        for one in dataclasses.fields(cls):
            if one.name == "received_at":
                continue
            needed = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
            name = wire.get(one.name, one.name)
            rows.append((f"`{name}`", "yes" if needed else "", _line(said.get(one.name, ""))))
        out += [f"### `{kind}`\n", _prose((inspect.getdoc(cls) or "").split("\n\n")[0])]
        out.append(_table(("field", "needed", "what it is"), [("`event`", "yes", f'"{kind}"'), *rows]))
    out += [
        "Each entry of an impression's `items` has `item_id`, `position` and, if known, `propensity`.\n",
        "## Rules\n",
    ]
    ranges = ", ".join(f"`{name}` {low:g} to {high:g}" for name, (low, high) in spec.VALUE_RANGE.items())
    no_ids = ", ".join(f"`{word}`" for word in sorted(spec.NOT_AN_ID))
    rules = [
        f"Ids are text in Unicode NFC of 1 to {spec.MAX_ID_BYTES} bytes, without control or invisible characters, and "
        f"not one of the words that clients send when they have none: {no_ids}.",
        "`occurred_at` is UTC seconds or ISO 8601 text with a zone; without it the time of receipt counts. A sender's "
        f"clock may be {spec.MAX_SKEW_S:g} seconds ahead and is then taken for now; milliseconds are refused by name.",
        "`type` is a plain name in lower case, such as `click`, `purchase`, `rating`, `dwell`. `value` is a finite "
        f"number; its range is fixed for {ranges}.",
        "The same `event_id` with the same content counts once; with other content it is refused, and the first stays.",
        "A null in `fields` forgets that field; fields that are not named stay. `available` set to false hides an "
        "item.",
        f"One event has at most {spec.MAX_EVENT_BYTES:,} bytes, one impression at most {spec.MAX_SHOWN} items, one "
        f"batch at most {MAX_BATCH:,} events.",
        "In a log file `event_id` may be missing, and a line without `event` is an interaction whose fields may have "
        "any of the names that columns of tables may have. A shown item counts as clicked when an interaction with "
        "its `request_id` and `item_id` is in the log.",
    ]
    out += [f"- {rule}" for rule in rules]
    about = (
        "What a product may tell: what is known of items and users, what was shown, what was done. The same form is "
        "taken by `POST /v1/events` and by log files with one JSON object per line."
    )
    return _page("Events", about, *out, "")


def _attributes(cls: Any) -> dict[str, str]:
    """Descriptions in the `Attributes:` section of a docstring, by name."""
    text = (inspect.getdoc(cls) or "").partition("Attributes:\n")[2].split("\n\n")[0]
    return {
        name: re.sub(r",? or None.*", ".", _line(said)).replace("..", ".")
        for name, said in re.findall(r"^    (\w+): (.*(?:\n      .*)*)", text, flags=re.M)
    }


# --- settings, errors, commands, HTTP -------------------------------------------------------------------------------


def settings() -> str:
    """Every setting of the process, nested ones by dotted name."""
    rows = [
        (f"`{name}`", _default(info), f"`SHORTLIST_{name.upper().replace('.', '__')}`", _line(info.description))
        for name, info in _flat(Settings)
    ]
    about = (
        "What differs between machines. An environment variable counts before `shortlist.toml` in the working folder, "
        "and that before the default. In the file, `serving.port` is `port` in the table `[serving]`. "
        "`shortlist init` writes a file to start from. Keys and other secrets belong into the environment."
    )
    return _page("Settings", about, _table(("setting", "default", "environment", "what it is"), rows))


def error_tree() -> str:
    """Every error code with what it means and how each door says it."""
    from shortlist.doors.cli.main import EXIT_CODES
    from shortlist.doors.http import errors as http

    def row(kind: type[ShortlistError], *, shell: bool = True) -> tuple[str, ...]:
        code = next((str(code) for family, code in EXIT_CODES if issubclass(kind, family)), "1")
        first = _line((inspect.getdoc(kind) or "").split("\n\n")[0])
        return (f"`{kind.code}`", f"`{kind.__name__}`", first, str(http.status_of(kind)), *([code] if shell else []))

    out = []
    head = ("code", "class", "meaning", "HTTP", "exit")
    for family in ShortlistError.__subclasses__():
        out.append(f"## {family.__name__}\n")
        out.append(_table(head, [row(family), *(row(kind) for kind in _subclasses(family, errors.__name__))]))
    out += ["## Of the HTTP door alone\n"]
    out.append(_table(head[:-1], [row(kind, shell=False) for kind in _subclasses(ShortlistError, http.__name__)]))
    about = (
        "Every error says what was wrong and what to do; who is to blame is part of its type. Over HTTP it is "
        "`application/problem+json` with `code`, `detail`, `hint`, `field` and `request_id`; on the command line it is "
        "two lines and an exit code; in Python it has `.message`, `.hint` and `.field`."
    )
    return _page("Errors", about, *out)


def commands() -> str:
    """Synopsis, help and options of every command."""
    import typer.main

    from shortlist.doors.cli.main import app

    out = []
    for path, command in _leaves(typer.main.get_command(app), "shortlist"):
        arguments = [_argument(one) for one in command.params if one.param_type_name == "argument"]
        rows = [_option(one) for one in command.params if one.name != "help"]
        out += [f"## `{' '.join([path, *arguments])}`\n", f"{_line(inspect.cleandoc(command.help or ''))}\n"]
        if rows:
            out.append(_table(("option", "default", "what it does"), rows))
    about = "Exit codes: 0 done, 1 our failure, 2 usage or set-up, 3 bad data, 4 something we depend on is unavailable."
    return _page("Command line", about, *out)


def _argument(parameter: Any) -> str:
    name = parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _option(parameter: Any) -> tuple[str, str, str]:
    is_argument = parameter.param_type_name == "argument"
    names = parameter.name.upper() if is_argument else ", ".join(parameter.opts)
    value = parameter.default
    default = "" if value is None or value is False or value == "" or callable(value) else f"`{value}`"
    return f"`{names}`", default, _line(getattr(parameter, "help", ""))


def openapi() -> str:
    """The HTTP interface as OpenAPI."""
    from shortlist.app.service import Service
    from shortlist.doors.http.app import create_app

    return json.dumps(create_app(Service()).openapi(), indent=1, sort_keys=True) + "\n"


# --- private --------------------------------------------------------------------------------------------------------


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield path, command
        return
    for name, child in inner.items():
        yield from _leaves(child, f"{path} {name}")


def _flat(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, info in model.model_fields.items():
        inner = info.annotation
        if hasattr(inner, "model_fields"):
            yield from _flat(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", info


def _subclasses(kind: type[ShortlistError], module: str) -> Iterator[type[ShortlistError]]:
    for child in kind.__subclasses__():
        if child.__module__ == module:
            yield child
        yield from _subclasses(child, module)


def _page(title: str, about: str, *parts: str) -> str:
    return "\n".join([HEAD, f"# {title}\n", f"{about}\n", *(part for part in parts if part)]).rstrip("\n") + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def _anchored(row: Any) -> str:
    return f"[`{row.name}`](#{row.kind}-{row.name})"


def _heading(row: Any) -> str:
    return f'### <a id="{row.kind}-{row.name}"></a>`{row.name}`\n'


def _link(name: str) -> str:
    return f"[{name}]({name})"


def _prose(doc: str | None) -> str:
    """A docstring as Markdown: sections become lists, `Paper:` and the like paragraphs, stars stay stars."""
    out: list[str] = []
    section = False
    for line in (doc or "").splitlines():
        heading = re.fullmatch(r"(Args|Returns|Raises|Attributes):", line)
        entry = re.match(r"    (\w+(?:, \w+)*): (.*)", line)
        if heading:
            words = {"Args": "Takes", "Returns": "Returns", "Raises": "Raises", "Attributes": "Has"}
            out += [*([""] if out and out[-1] else []), f"{words[heading[1]]}:", ""]
            section = True
        elif section and entry:
            out.append(f"- `{entry[1]}`: {_escape(entry[2])}")
        elif section and line.startswith("    "):
            text = _escape(line.strip())
            out.append(f"  {text}" if out[-1].strip().startswith("-") or out[-1].startswith("  ") else f"- {text}")
        else:
            section = section and not line.strip()
            if re.match(LABELS + ":", line) and out and out[-1]:
                out.append("")
            out.append(_escape(line))
    return "\n".join(out).strip() + "\n"


def _escape(text: str) -> str:
    """Stars and angle brackets of formulas, kept from being read as Markdown; code stays as it is."""
    parts = text.split("`")
    for number in range(0, len(parts), 2):
        parts[number] = parts[number].replace("*", r"\*").replace("<", r"\<").replace("_{", r"\_{")
    return "`".join(parts)


def _default(info: Any) -> str:
    if info.is_required():
        return "needed"
    value = info.get_default(call_default_factory=True)
    if value is None or value in ((), {}, ""):
        return "`None`" if value is None else ""
    if isinstance(value, (bool, tuple, str)):
        # A table within a setting shows only what differs from its own defaults.
        return f"`{json.dumps(value, default=lambda table: table.model_dump(exclude_defaults=True))}`"
    return f"`{value}`"


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def main() -> None:
    """Write every page."""
    HERE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
