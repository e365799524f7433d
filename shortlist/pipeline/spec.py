"""A pipeline as data: which models, which stages, which settings; hashed, so that every decision says what made it.

A spec is read from TOML, checked against the registry (unknown stages and settings are refused with the nearest name)
and never holds logic: only `enabled`, `when` and settings. Experiments change it by dotted paths, which gives a new
hash. The hash is taken over the resolved form, with every default filled in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from shortlist.core.config import Config
from shortlist.core.errors import BadSpec, ShortlistError, nearest_hint
from shortlist.core.registry import load as load_row
from shortlist.core.specfile import read_spec, shipped, toml_values

MODEL_KINDS = ("retriever", "ranker")
KINDS: Mapping[str, str] = {
    "query": "query_hydrator",
    "source": "source",
    "merge": "merger",
    "hydrator": "hydrator",
    "filter": "filter",
    "scorer": "scorer",
    "selector": "selector",
    "reranker": "reranker",
    "effect": "effect",
}
"""Sections of a spec in the order in which they run, and the registry kind of each."""
SINGLE = ("merge", "selector")
"""Sections that hold one stage."""


class ModelSpec(Config):
    """One model of the pipeline."""

    label: str
    """What stages call it."""
    use: str
    """Registry name."""
    when: tuple[str, ...] = ()
    """What the data must have for it to be fitted: a catalogue column, `impressions`, or `a|b` for any of several."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Settings of the model."""


class StageSpec(Config):
    """One stage: a registry name and its settings."""

    use: str
    """Registry name within the section's kind."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Settings of the stage."""

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """Take the flat form of TOML, where settings stand beside `use`."""
        if isinstance(value, Mapping) and not set(value) <= {"use", "config"}:
            rest = {key: val for key, val in value.items() if key != "use"}
            return {"use": value["use"], "config": rest} if "use" in value else value
        return value


class LabelSpec(Config):
    """A label beside the click: what a user did later with an item they were shown."""

    events: tuple[str, ...] = Field(min_length=1)
    """Types of events that count, as the log names them."""
    within_s: float = Field(86_400.0, gt=0)
    """Seconds after the showing in which they count. Until then, what has not happened is not known."""
    at_least: float | None = None
    """Smallest value of an event that counts; none means that any does."""
    amount: bool = False
    """Whether the label is the sum of the events' values (seconds watched, money spent) and not whether there was one;
    it is known when the wait is over."""
    after: str = ""
    """A label declared before (or `click`) without which this one is 0: the step before in a funnel."""


class TrainingSpec(Config):
    """How the rankers of the pipeline are taught."""

    holdout: float = Field(0.4, gt=0, lt=1)
    """Share of the log, at its end, whose impressions teach rankers; the scores they see come from models fitted on
    what lies before."""
    max_impressions: int = Field(20_000, ge=1)
    """At most so many impressions, the latest ones."""
    candidates: int = Field(50, ge=2)
    """Rows per made-up impression where the data has no impressions."""
    asked: Literal["time", "last"] = "time"
    """What is asked for in made-up impressions: all events after the held-out part's beginning, or the last events of
    every user, for logs whose users come and go (many public sets hold one sitting per user)."""
    last_events: int = Field(1, ge=1, le=50)
    """How many of every user with `asked = "last"`; every model is fitted once more for each."""
    labels: dict[str, LabelSpec] = Field(default_factory=dict)
    """Labels beside `click` for rankers of several tasks, by name, in order."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """A label's step before is declared before it."""
        known = ["click"]
        for name, label in self.labels.items():
            if name in known:
                raise ValueError("labels cannot hold 'click': impressions bring it")
            if label.after and label.after not in known:
                raise ValueError(f"label '{name}' comes after '{label.after}', which is not declared before it")
            known.append(name)
        return self


class PipelineSpec(Config):
    """A whole pipeline."""

    name: str
    """What people call it."""
    surface: str = ""
    """Place in the product that it answers; its name when empty."""
    about: str = ""
    """One sentence for people who choose."""
    k: int = Field(10, ge=1, le=500)
    """List length when the caller does not say."""
    training: TrainingSpec = TrainingSpec()
    """How rankers are taught."""
    model: tuple[ModelSpec, ...] = ()
    """Models, by label."""
    feature: tuple[dict[str, Any], ...] = ()
    """What is computed about users, items and the moment; a `features` hydrator adds it."""
    query: tuple[StageSpec, ...] = ()
    """What is looked up about the user."""
    source: tuple[StageSpec, ...]
    """Where candidates come from."""
    merge: StageSpec = StageSpec(use="union")
    """How the sources' lists become one."""
    hydrator: tuple[StageSpec, ...] = ()
    """Columns added to candidates."""
    filter: tuple[StageSpec, ...] = ()
    """What must not be shown."""
    scorer: tuple[StageSpec, ...] = ()
    """Who gives the score; the last one that can decides."""
    selector: StageSpec = StageSpec(use="top")
    """How the list is cut."""
    reranker: tuple[StageSpec, ...] = ()
    """How the list is arranged."""
    effect: tuple[StageSpec, ...] = ()
    """What happens after the answer."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "pipeline spec") -> Self:
        """Build from plain values and check every name and setting against the registry.

        Raises:
            BadSpec: names the section, the stage and the setting at fault, with the nearest valid name.
        """
        values = dict(values)
        values["surface"] = values.get("surface") or values.get("name", "")
        try:
            spec = cls.parse(values, where=where)
            _ = spec.resolved
        except BadSpec:
            raise
        except ShortlistError as error:
            raise BadSpec(f"{where}: {error.message}", hint=error.hint, field=error.field) from None
        return spec

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, without what was worked out about the original."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("resolved", "hash"):
            copied.__dict__.pop(name, None)
        return copied

    def stages(self, section: str) -> tuple[StageSpec, ...]:
        """The stages of one section; single ones as a tuple of one."""
        held = getattr(self, section)
        return (held,) if section in SINGLE else held

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The spec with every default filled in, as plain values.

        Raises:
            BadSpec: an unknown stage, model or setting.
        """
        out: dict[str, Any] = self.model_dump(mode="json", exclude={"model", "feature", *KINDS})
        if not self.training.labels:
            del out["training"]["labels"]  # specs without them keep the hash that decisions carry
        if self.training.asked == "time":
            # Specs that do not say it keep the hash that decisions carry.
            out["training"] = {k: v for k, v in out["training"].items() if k not in {"asked", "last_events"}}
        labels = [model.label for model in self.model]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise BadSpec(f"Two models are labelled '{twice[0]}'.", hint="Give each [[model]] its own label.")
        out["model"] = [
            {
                **model.model_dump(mode="json"),
                "config": _settings(model.use, model.config, MODEL_KINDS, f"model '{model.label}'"),
            }
            for model in self.model
        ]
        if self.feature:
            # Imported here: listing pipelines needs no features.
            from shortlist.features.spec import make_features, resolved

            make_features(self.feature)
            out["feature"] = [resolved(table) for table in self.feature]
            if not any(stage.use == "features" for stage in self.hydrator):
                raise BadSpec(
                    f"Pipeline '{self.name}' declares features that no stage adds.",
                    hint='Add: [[hydrator]] use = "features".',
                    field="feature",
                )
        for section, kind in KINDS.items():
            rows = []
            for number, stage in enumerate(self.stages(section)):
                place = section if section in SINGLE else f"{section} {number}"
                settings = _settings(stage.use, stage.config, (kind,), f"{place} ('{stage.use}')")
                label = settings.get("model")
                # A spec without models takes them from the world it is built in.
                if isinstance(label, str) and label and labels and label not in labels:
                    raise BadSpec(
                        f"{place} ('{stage.use}') names the model '{label}', which the spec does not have.",
                        hint=nearest_hint(label, labels),
                        field="model",
                    )
                rows.append({"use": stage.use, **settings})
            out[section] = rows[0] if section in SINGLE else rows
        return out

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits over the resolved form; equal behaviour settings give equal hashes."""
        told = {**self.resolved, "scorer": [_behaviour(stage) for stage in self.resolved["scorer"]]}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def with_overrides(self, changes: Mapping[str, Any]) -> Self:
        """A spec with settings changed by dotted path: `{"source.0.k": 100, "reranker.mmr.lam": 0.5}`.

        A list's element is named by its number, or by a stage's `name`, `model` or `use`, or a model's `label`.

        Raises:
            BadSpec: the path leads nowhere, or the value is impossible.
        """
        values: dict[str, Any] = self.model_dump(mode="json")
        for path, value in changes.items():
            _set(values, path, value)
        return type(self).from_dict(values, where=f"pipeline '{self.name}' with overrides")


def describe(spec: PipelineSpec) -> list[dict[str, Any]]:
    """The resolved spec as rows `kind, name, requires, provides, settings`, in the order of its sections."""
    rows: list[dict[str, Any]] = []
    for model in spec.resolved["model"]:
        settings = {key: value for key, value in model["config"].items() if value not in (None, [], {}, "")}
        settings |= {"when": model["when"]} if model["when"] else {}
        rows.append(_row("model", f"{model['label']} ({model['use']})", (), (), settings))
    for feature in spec.resolved.get("feature", ()):
        settings = {key: value for key, value in feature.items() if key != "name" and value not in (None, [], "")}
        rows.append(_row("feature", feature["name"], (), (feature["name"],), settings))
    for section, kind in KINDS.items():
        for stage in spec.stages(section):
            declared = declare(stage, section)
            changed = {key: value for key, value in stage.config.items() if key != "name"}
            name = declared.name if declared.name == stage.use else f"{declared.name} ({stage.use})"
            requires = (*_read(declared, "requires"), *_read(declared, "uses"))
            rows.append(_row(kind, name, requires, provided(declared, section), changed))
    return rows


def declare(stage: StageSpec, section: str) -> Any:
    """The stage without its world: enough to ask what it requires and provides, not to run."""
    cls = load_row(stage.use, KINDS[section])
    shell = object.__new__(cls)
    shell.config = cls.Config.parse(stage.config, where=f"{section} '{stage.use}'")
    shell.name = shell.config.name or label_of(section, stage.use, getattr(shell.config, "model", ""))
    return shell


def provided(stage: Any, section: str) -> tuple[str, ...]:
    """Columns that a stage brings; a source brings its score."""
    return (f"score.{stage.name}",) if section == "source" else _read(stage, "provides")


def label_of(section: str, use: str, model: str) -> str:
    """What a stage without a name of its own is called: sources after their model, hydrators after both."""
    if section == "source":
        return model or use
    return f"{use}.{model}" if section == "hydrator" and model else use


def _read(stage: Any, what: str) -> tuple[str, ...]:
    try:
        return tuple(getattr(stage, what))
    except AttributeError:
        # It depends on something learned, such as a ranker's columns.
        return ()


def _row(kind: str, name: str, requires: Any, provides: Any, settings: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "requires": list(requires),
        "provides": list(provides),
        "settings": settings,
    }


def parse_toml(text: str, *, where: str = "pipeline spec") -> PipelineSpec:
    """Read a spec from TOML text.

    Raises:
        BadSpec: not TOML, or an unknown name or setting.
    """
    return PipelineSpec.from_dict(toml_values(text, where=where), where=where)


def load_spec(source: str | Path) -> PipelineSpec:
    """Read a spec from a file, or a shipped one by its name ("home").

    Raises:
        BadSpec: no such file or name, or its content is at fault.
    """
    path, text = read_spec(source, "pipeline")
    return parse_toml(text, where=f"pipeline file '{path.name}'")


def shipped_specs() -> dict[str, Path]:
    """Files of the pipelines that come with the package, by name."""
    return shipped("pipeline")


def dump_toml(spec: PipelineSpec) -> str:
    """The spec as TOML that `parse_toml` reads back to the same hash."""
    lines = [f"{key} = {_toml(getattr(spec, key))}" for key in ("name", "surface", "about", "k")]
    rules = spec.training.model_dump(exclude={"labels"} if not spec.training.labels else set())
    lines += ["", "[training]", *(f"{key} = {_toml(value)}" for key, value in rules.items())]
    for model in spec.model:
        lines += ["", "[[model]]", f"label = {_toml(model.label)}", f"use = {_toml(model.use)}"]
        lines += [f"when = {_toml(list(model.when))}"] if model.when else []
        lines += [f"config = {_toml(model.config)}"] if model.config else []
    for feature in spec.feature:
        settings = {key: value for key, value in feature.items() if value is not None}
        lines += ["", "[[feature]]", *(f"{_key(k)} = {_toml(v)}" for k, v in settings.items())]
    for section in KINDS:
        head = f"[{section}]" if section in SINGLE else f"[[{section}]]"
        for stage in spec.stages(section):
            settings = {key: value for key, value in stage.config.items() if value is not None}
            lines += ["", head, f"use = {_toml(stage.use)}", *(f"{_key(k)} = {_toml(v)}" for k, v in settings.items())]
    return "\n".join(lines) + "\n"


def _settings(name: str, config: Mapping[str, Any], kinds: tuple[str, ...], where: str) -> dict[str, Any]:
    parsed = load_row(name, *kinds).Config.parse(config, where=where)
    settings: dict[str, Any] = parsed.model_dump(mode="json")
    return settings


def _behaviour(scorer: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a stage may cost.

    Budgets change no list, and a cap that publishing measured belongs to the bundle as weights do, so that decisions of
    two bundles of one spec carry one hash.
    """
    measured = scorer.get("over_budget") == "cap" or scorer.get("most") is None
    left_out = {"budget_ms", "over_budget", *(("most",) if measured else ())}
    return {key: value for key, value in scorer.items() if key not in left_out}


def _set(values: Any, path: str, value: Any) -> None:
    """Change one setting in place."""
    parts = path.split(".")
    where = values
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(where, list):
            index = _element(where, part, path)
            if last:
                raise BadSpec(f"The override '{path}' names a whole stage.", hint=f"Name a setting: '{path}.enabled'.")
            where = where[index]
            continue
        # Settings of a stage stand beside `use` in TOML, so the path does not mention `config`.
        if "use" in where and part not in where:
            where = where["config"]
        if last:
            where[part] = value
        elif part in where:
            where = where[part]
        else:
            raise BadSpec(f"The override '{path}' leads nowhere at '{part}'.", hint=nearest_hint(part, where))


def _element(rows: list[Any], part: str, path: str) -> int:
    if part.isdigit() and int(part) < len(rows):
        return int(part)
    names = [
        row.get("label")
        or row.get("name")
        or row.get("config", {}).get("name")
        or row.get("config", {}).get("model")
        or row.get("use", "")
        for row in rows
    ]
    if part in names:
        return names.index(part)
    raise BadSpec(f"The override '{path}' leads nowhere at '{part}'.", hint=nearest_hint(part, filter(None, names)))


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if plain else json.dumps(name, ensure_ascii=False)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items() if v is not None)
        return "{ " + inside + " }" if inside else "{}"
    raise BadSpec(f"A spec cannot hold a {type(value).__name__}.", hint="Use text, numbers, lists and tables.")
