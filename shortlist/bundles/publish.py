"""Publish: everything that is deployed together, written aside, flushed, checksummed, and renamed into place.

Readers see a bundle whole or not at all: it is built in a sibling folder with a hidden name, every file and folder is
flushed to disk, the manifest comes last, and one rename makes it visible. Whatever fails on the way leaves no bundle;
folders left by a killed publisher are removed by a later one.

Cost: the size of data and models on disk, twice for a moment if the disk is slow to free space.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shortlist._version import __version__
from shortlist.bundles.contents import check_content, refuse_non_finite
from shortlist.bundles.manifests import (
    FORMAT,
    LABEL,
    MANIFEST,
    BundleRef,
    DataEntry,
    FileEntry,
    Manifest,
    ModelEntry,
    PipelineEntry,
    spell,
)
from shortlist.bundles.verify import checksum, walk
from shortlist.bundles.vocabs import check_vocab, entry_of
from shortlist.core.errors import BadConfig, BundleMismatch, OperatorError, StoreUnavailable
from shortlist.core.registry import load as load_row
from shortlist.core.registry import rows
from shortlist.data.aside import sync_folder
from shortlist.data.dataset import Dataset
from shortlist.data.io import save_dataset
from shortlist.models.neural.half_tables import halve_tables
from shortlist.models.neural.served_net import GRAPH
from shortlist.models.ranking._served import ServedRanker, load_served, write_served

MODEL_KINDS = ("retriever", "ranker")
ORPHAN_AFTER_S = 86_400.0
"""Age at which a hidden folder surely belongs to a publisher that died."""


def publish(
    root: Path,
    *,
    data: Dataset,
    models: Mapping[str, Any],
    specs: Mapping[str, Any],
    metrics: Mapping[str, Any] | None = None,
    seed: int | None = None,
    protocol: str | None = None,
    tags: Mapping[str, str] | None = None,
    half_tables: bool = False,
) -> BundleRef:
    """Write a bundle.

    Args:
        root: folder of all bundles; made if needed.
        data: what a server starts from, and the vocabularies of everything else.
        models: fitted models by label; each one's class has a registry row.
        specs: pipeline specs by surface, as objects or TOML text. A scorer above its budget is logged, and where its
            settings say so its cap is written into the published spec.
        metrics: measured before publication, finite numbers.
        seed: of the training run.
        protocol: id of the split behind `metrics`.
        tags: anything people want to find it by.
        half_tables: whether served graphs keep their embedding tables in half precision (`neural/half_tables.py`).

    Returns:
        Id and folder. It is not current before `promote`.

    Raises:
        BundleMismatch: a model was fitted with other ids, or a spec names another model than the one given.
        NotFitted: a model has nothing to save.
        StageError: a model holds numbers that are not finite, a ranker's scores order nothing, or half precision would
            change them too much.
        BadConfig: an impossible label or metric.
        StoreUnavailable: the disk is full, read-only or failing. In every case nothing is published.
    """
    root = Path(root)
    for label in [*models, *specs]:
        _check_label(label)
    work = root / f".publish-{os.getpid()}-{secrets.token_hex(8)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _remove_orphans(root)
        work.mkdir()
        save_dataset(data, work / "data")
        entries = {label: _write_model(work, label, model, data) for label, model in models.items()}
        for label in models if half_tables else ():
            if (work / "models" / label / GRAPH).exists():
                halve_tables(work / "models" / label)
        specs = {surface: _as_spec(surface, spec) for surface, spec in specs.items()}
        load_row("save", "model_index")(models, specs.values(), work / "models")
        served = {label: _as_served(work / "models", label, entries[label], model) for label, model in models.items()}
        specs, costs = load_row("fix", "scorer_costs")(specs, data, served)
        pipelines = {surface: _write_spec(work, surface, spec, entries) for surface, spec in specs.items()}
        files = [_entry(name, path) for name, path in sorted(walk(work))]
        created_at = time.time()
        values: dict[str, Any] = {
            "format": FORMAT,
            "created_at": created_at,
            "package": __version__,
            "data": _data_entry(data).model_dump(mode="json"),
            "models": {label: entry.model_dump(mode="json") for label, entry in entries.items()},
            "pipelines": {surface: entry.model_dump(mode="json") for surface, entry in pipelines.items()},
            "metrics": _plain_metrics(metrics or {}),
            "seed": seed,
            "protocol": protocol,
            "tags": dict(tags or {}),
            **({"costs": [cost.to_dict() for cost in costs]} if costs else {}),
            "files": [entry.model_dump(mode="json") for entry in files],
        }
        return _make_visible(root, work, values, created_at)
    except OSError as error:
        raise StoreUnavailable(
            f"{root} cannot be written to ({error.strerror or type(error).__name__}); nothing was published.",
            hint="Check space and permissions of that folder, or choose another with --home.",
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def as_served(models: Mapping[str, Any]) -> dict[str, Any]:
    """Fitted models by label, rankers as a server will run them.

    Raises:
        OperatorError: a model has no registry row. NotFitted: it has nothing to save.
    """
    with tempfile.TemporaryDirectory() as name:
        out = {}
        for label, model in models.items():
            kind, row = _row_of(model, label)
            out[label] = model
            if kind == "ranker":
                folder = Path(name) / label
                model.save(folder)
                write_served(model, folder)
                out[label] = load_served(row, folder) or model
        return out


# --- private: the parts -----------------------------------------------------------------------------------------------


def _write_model(work: Path, label: str, model: Any, data: Dataset) -> ModelEntry:
    kind, name = _row_of(model, label)
    folder = work / "models" / label
    folder.mkdir(parents=True)
    model.save(folder)
    write_served(model, folder)
    refuse_non_finite(folder, label)
    n_users, n_items = getattr(model, "n_users_", None), getattr(model, "n_items_", None)
    # What the model was fitted on (or loaded with) says what its indices mean; without it nothing can be proved.
    known = getattr(model, "_data", None)
    if known is None and n_items is not None:
        raise BundleMismatch(
            f"Model '{label}' does not say which ids it was fitted with.",
            hint="Publish the fitted object itself, or one that came from a bundle.",
        )
    entry = ModelEntry(
        kind=kind,
        name=name,
        config=model.config.model_dump(mode="json"),
        users=None if known is None or n_users is None else entry_of(known.users, n_users),
        items=None if known is None or n_items is None else entry_of(known.items, n_items),
        columns=tuple(getattr(model.config, "columns", None) or ()),
    )
    check_vocab(data.users, entry.users, what=f"model '{label}'", ids="user")
    check_vocab(data.items, entry.items, what=f"model '{label}'", ids="item")
    return entry


def _as_served(folder: Path, label: str, entry: ModelEntry, model: Any) -> Any:
    """What a server will make of a model that has been written."""
    return (load_served(entry.name, folder / label) if entry.kind == "ranker" else None) or model


def _row_of(model: Any, label: str) -> tuple[str, str]:
    """(kind, name) under which the registry finds the model's class again."""
    if isinstance(model, ServedRanker):
        return "ranker", model.name
    target = f"{type(model).__module__}:{type(model).__qualname__}"
    for kind in MODEL_KINDS:
        for row in rows(kind):
            if row.target == target or (
                row.target.endswith(f":{type(model).__qualname__}") and load_row(row.name, kind) is type(model)
            ):
                return kind, row.name
    raise OperatorError(
        f"Model '{label}' of class {type(model).__name__} has no registry row, so no server could load it.",
        hint="Add a row of kind 'retriever' or 'ranker', here or by the entry point 'shortlist.plugins'.",
    )


def _as_spec(surface: str, spec: Any) -> Any:
    # Reached through the registry: bundles and pipeline are neighbours that do not import each other.
    return load_row("parse", "spec_text")(spec, where=f"pipeline '{surface}'") if isinstance(spec, str) else spec


def _write_spec(work: Path, surface: str, spec: Any, models: Mapping[str, ModelEntry]) -> PipelineEntry:
    for part in spec.model:
        entry = models.get(part.label)
        if entry is not None and entry.name != part.use:
            raise BundleMismatch(
                f"Pipeline '{surface}' wants the model '{part.label}' to be '{part.use}', but it is '{entry.name}'.",
                hint="Publish the models that were fitted for this pipeline.",
            )
    folder = work / "pipelines"
    folder.mkdir(exist_ok=True)
    (folder / f"{surface}.toml").write_text(load_row("dump", "spec_text")(spec), encoding="utf-8")
    return PipelineEntry(name=spec.name, hash=spec.hash)


def _data_entry(data: Dataset) -> DataEntry:
    return DataEntry(
        name=data.name,
        fingerprint=data.fingerprint,
        events=data.n_events,
        users=entry_of(data.users, data.n_users),
        items=entry_of(data.items, data.n_items),
    )


def _plain_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(metrics), allow_nan=False, default=float))
    except (TypeError, ValueError):
        raise BadConfig("A metric is no finite number.", hint="Leave out what could not be measured.") from None
    return plain


def _check_label(label: str) -> None:
    import re

    if not re.fullmatch(LABEL, label, re.ASCII):
        raise BadConfig(f"'{label}' cannot name a model or surface in a bundle.", hint="Letters, digits, '_' and '-'.")


def _entry(name: str, path: Path) -> FileEntry:
    check_content(path, name)
    return FileEntry(path=name, size=path.stat().st_size, sha256=checksum(path))


# --- private: making it visible ---------------------------------------------------------------------------------------


def _make_visible(root: Path, work: Path, values: dict[str, Any], created_at: float) -> BundleRef:
    content = hashlib.sha256(spell(values)).hexdigest()[:6]
    for later_s in range(60):
        bundle_id = f"{datetime.fromtimestamp(created_at + later_s, UTC):%Y%m%dT%H%M%S}-{content}"
        target = root / bundle_id
        if target.exists():
            continue
        sealed = {**values, "id": bundle_id}
        Manifest.model_validate(sealed)
        (work / MANIFEST).write_bytes(spell(sealed))
        _flush(work)
        os.rename(work, target)
        sync_folder(root)
        return BundleRef(bundle_id, target)
    raise StoreUnavailable("No free bundle id was found.", hint="Publish again in a minute.")


def _flush(folder: Path) -> None:
    """Flush every file, then every folder, innermost first. An error here is never tried again."""
    paths = sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True)
    for path in [*(p for p in paths if p.is_file()), *(p for p in paths if p.is_dir()), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_orphans(root: Path) -> None:
    for path in root.glob(".publish-*"):
        if time.time() - path.stat().st_mtime > ORPHAN_AFTER_S:
            shutil.rmtree(path, ignore_errors=True)
