"""What a Feast repo declares: `feature_store.yaml` and the registry file that `feast apply` wrote.

The registry is a protocol buffer; of it are read the names, types, keys, ages and files of feature views and what
feature services list. On-demand views are Python functions in a pickle: they are named in `left_out` and never loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shortlist.core.errors import BadSpec, nearest_hint
from shortlist.core.lazy import import_extra
from shortlist.core.protobuf import collect, signed, text
from shortlist.features.feast.values import NAMES, check_version

MAX_BYTES = 256 << 20
"""Of a registry file; a larger one is no registry of a repo."""
DUMMY = "__dummy_id"
"""Join key that Feast gives to views that have none."""
PLACES: Mapping[str, tuple[int, int, int, int]] = {
    "feature_views": (6, 6, 12, 7),
    "stream_feature_views": (14, 9, 5, 10),
}
"""Field numbers: of the list in the registry; of ttl, key columns and batch source in a view."""


@dataclass(frozen=True, slots=True)
class FeastField:
    """One feature or join key.

    Attributes:
        name: of the column.
        kind: Feast's number of its type.
        description: what whoever declared it said.
    """

    name: str
    kind: int
    description: str = ""

    @property
    def type(self) -> str:
        """Name of the type."""
        return NAMES.get(self.kind, str(self.kind))


@dataclass(frozen=True, slots=True)
class FeastSource:
    """The table behind a view.

    Attributes:
        path: as declared, relative to the repo; "" where the table is no file.
        at: column of the time from which a row holds.
        created: column of the time at which a row was written, or "".
        renamed: names of features by column of the table, where they differ.
    """

    path: str
    at: str
    created: str
    renamed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FeastView:
    """One feature view.

    Attributes:
        name: as others refer to it.
        keys: join keys with their types; empty where one value holds for everybody.
        features: in declared order.
        ttl_s: seconds for which a value holds; None for ever.
        source: the table behind it.
        online: whether it is kept in the online store.
        version: of its schema.
        description: what whoever declared it said.
    """

    name: str
    keys: tuple[FeastField, ...]
    features: tuple[FeastField, ...]
    ttl_s: float | None
    source: FeastSource
    online: bool
    version: int
    description: str

    def feature(self, name: str) -> FeastField:
        """The feature of that name. Raises: BadSpec with the nearest name."""
        for one in self.features:
            if one.name == name:
                return one
        hint = nearest_hint(name, [one.name for one in self.features])
        raise BadSpec(f"The feature view '{self.name}' has no feature '{name[:80]}'.", hint=hint, field=name[:80])


@dataclass(frozen=True)
class FeastRepo:
    """What a repo declares.

    Attributes:
        root: its folder.
        project: name.
        views: by name.
        services: references (`view:feature`) by name of a feature service.
        left_out: what is not read, with the reason.
        online_path: the SQLite file; None where the online store is another.
        key_version: how keys are packed.
        versioned: whether tables of the online store carry the version of their view.
    """

    root: Path
    project: str
    views: Mapping[str, FeastView]
    services: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    online_path: Path | None = None
    key_version: int = 3
    versioned: bool = False

    @classmethod
    def open(cls, path: str | Path) -> FeastRepo:
        """Read a repo.

        Args:
            path: the folder with `feature_store.yaml`, or that file.

        Raises:
            BadSpec: no such file, or one that is not what it should be. MissingExtra: no PyYAML.
        """
        given = Path(path)
        file = given if given.suffix in (".yaml", ".yml") else given / "feature_store.yaml"
        said = _settings(file)
        registry = said.get("registry")
        settings = registry if isinstance(registry, Mapping) else {"path": registry}
        where = str(settings.get("path") or "")
        if not where or "://" in where or settings.get("registry_type", "file") != "file":
            hint = "Only registries in a file of this machine are read."
            raise BadSpec(f"{file.name} names no registry file.", hint=hint, field="registry")
        root = file.parent
        project = str(said.get("project", ""))
        views, services, left_out = _registry(root / where, project)
        online = said.get("online_store")
        return cls(
            root, project, views, services, left_out,
            _online_path(root, online), check_version(said.get("entity_key_serialization_version", 3)),
            bool(settings.get("enable_online_feature_view_versioning", False)),
        )  # fmt: skip

    def view(self, name: str) -> FeastView:
        """The view of that name. Raises: BadSpec with the nearest name, or the reason why it is not read."""
        if name in self.views:
            return self.views[name]
        if name in self.left_out:
            raise BadSpec(f"The feature view '{name}' is not read: {self.left_out[name]}.", field=name)
        hint = nearest_hint(name, self.views)
        raise BadSpec(f"This Feast repo has no feature view '{name[:80]}'.", hint=hint, field=name[:80])

    def resolve(self, references: str | list[str] | tuple[str, ...]) -> list[tuple[FeastView, FeastField]]:
        """Views and features of references `view:feature`, or of a feature service by its name.

        Raises:
            BadSpec: one that does not exist, with the nearest name, or of a type that is no column.
        """
        if isinstance(references, str):
            if references not in self.services:
                hint = nearest_hint(references, self.services)
                raise BadSpec(f"This Feast repo has no feature service '{references[:80]}'.", hint=hint)
            references = self.services[references]
        out = []
        for reference in references:
            view, _, name = reference.partition(":")
            if not name:
                raise BadSpec(f"'{reference[:80]}' is no reference to a feature.", hint="Write 'view:feature'.")
            held = self.view(view)
            out.append((held, held.feature(name)))
        return out


def _settings(file: Path) -> dict[str, Any]:
    yaml = import_extra("yaml", "feast")
    try:
        # Feast itself fills in variables of the environment before it reads the file.
        said = yaml.safe_load(os.path.expandvars(file.read_text(encoding="utf-8")))
    except OSError:
        hint = "Give the folder of a Feast repo, in which feature_store.yaml lies."
        raise BadSpec(f"There is no {file.name} in '{file.parent.name}'.", hint=hint) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise BadSpec(f"{file.name} is no YAML.", hint="Check it with: feast configuration.") from None
    if not isinstance(said, dict) or not isinstance(said.get("project"), str):
        raise BadSpec(f"{file.name} names no project.", hint="Write: project: my_project", field="project")
    return said


def _online_path(root: Path, said: Any) -> Path | None:
    """The SQLite file of the online store, None where it is of another kind."""
    settings = said if isinstance(said, Mapping) else {"type": said or "sqlite"}
    if settings.get("type", "sqlite") != "sqlite":
        return None
    return root / str(settings.get("path", "data/online.db"))


def _registry(file: Path, project: str) -> tuple[dict[str, FeastView], dict[str, tuple[str, ...]], dict[str, str]]:
    """Views, services and what is left out."""
    hint = "Run: feast apply"
    try:
        if file.stat().st_size > MAX_BYTES:
            raise BadSpec(f"The registry '{file.name}' has more than {MAX_BYTES >> 20} MiB.", hint=hint)
        held = file.read_bytes()
    except OSError:
        raise BadSpec(f"There is no registry '{file.name}'.", hint=hint) from None
    try:
        return _read(held, project)
    except (ValueError, TypeError, IndexError, AttributeError):
        raise BadSpec(f"'{file.name}' is no registry of Feast.", hint=hint) from None


def _read(held: bytes, project: str) -> tuple[dict[str, FeastView], dict[str, tuple[str, ...]], dict[str, str]]:
    registry = collect(held)
    entities: dict[str, FeastField] = {}
    for message in registry.get(1, []):
        spec = _spec(message)
        if _mine(spec, 9, project):
            entities[_text(spec, 1)] = FeastField(_text(spec, 4) or _text(spec, 1), int(spec.get(2, [2])[-1]))
    views: dict[str, FeastView] = {}
    left_out: dict[str, str] = {}
    for number, *places in PLACES.values():
        for message in registry.get(number, []):
            spec = _spec(message)
            if _mine(spec, 2, project):
                view = _view(spec, _meta(message), entities, *places)
                views[view.name] = view
                if not view.source.path:
                    left_out[f"{view.name}, historical"] = "its table is no file"
    for message in registry.get(8, []):
        spec = _spec(message)
        if _mine(spec, 2, project):
            left_out[_text(spec, 1)] = "an on-demand view is Python code in a pickle, which is never loaded"
    for message in registry.get(19, []):
        left_out[_text(_spec(message), 1)] = "label views are not read"
    services: dict[str, tuple[str, ...]] = {}
    for message in registry.get(7, []):
        spec = _spec(message)
        if not _mine(spec, 2, project):
            continue
        name, found = _text(spec, 1), []
        for part in spec.get(3, []):
            chosen = collect(part)
            if 4 in chosen or _text(chosen, 3):
                left_out[f"service {name}"] = "it renames views or join keys"
            found += [f"{_text(chosen, 1)}:{_text(collect(one), 1)}" for one in chosen.get(2, [])]
        services[name] = tuple(ref for ref in found if ref.partition(":")[0] in views)
        if f"service {name}" in left_out:
            del services[name]
    return views, services, left_out


def _view(
    spec: dict[int, list[Any]], meta: dict[int, list[Any]], entities: dict[str, FeastField], ttl: int, columns: int,
    source: int,
) -> FeastView:  # fmt: skip
    keys = [_field(part) for part in spec.get(columns, [])]
    if not keys:
        names = [text(part) for part in spec.get(3, [])]
        keys = [entities[name] for name in names if name in entities]
    span = _seconds(spec[ttl][-1]) if ttl in spec else 0.0
    table = collect(spec[source][-1]) if source in spec else {}
    options = collect(table[11][-1]) if 11 in table else {}
    renamed = {_text(pair, 1): _text(pair, 2) for pair in map(collect, table.get(2, []))}
    return FeastView(
        name=_text(spec, 1),
        keys=tuple(key for key in keys if key.name != DUMMY),
        features=tuple(_field(part) for part in spec.get(4, [])),
        ttl_s=span or None,
        source=FeastSource(_text(options, 2), _text(table, 3), _text(table, 5), renamed),
        online=bool(spec.get(8 if source == 7 else 12, [0])[-1]),
        version=int(meta.get(4, [0])[-1]),
        description=_text(spec, 10 if source == 7 else 6),
    )


def _spec(message: memoryview) -> dict[int, list[Any]]:
    return collect(collect(message)[1][-1])


def _meta(message: memoryview) -> dict[int, list[Any]]:
    held = collect(message)
    return collect(held[2][-1]) if 2 in held else {}


def _mine(spec: dict[int, list[Any]], number: int, project: str) -> bool:
    """Whether it belongs to the project; several may share a registry."""
    return _text(spec, number) in ("", project)


def _field(message: memoryview) -> FeastField:
    held = collect(message)
    return FeastField(_text(held, 1), int(held.get(2, [0])[-1]), _text(held, 4))


def _text(held: dict[int, list[Any]], number: int) -> str:
    return text(held[number][-1]) if number in held else ""


def _seconds(message: memoryview) -> float:
    held = collect(message)
    return signed(held.get(1, [0])[-1]) + float(held.get(2, [0])[-1]) / 1e9
