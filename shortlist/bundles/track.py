"""A record of every training run: JSON always, MLflow as well where the `track` extra is installed and switched on.

The JSON log needs nothing and cannot fail for anybody else's reasons; it is written first. With `tracking_uri` set, the
same run goes to MLflow, the bundle becomes a version of the registered model "shortlist", and a promotion moves the
alias `production`. MLflow is never on the way of a request: a failure there is reported in the record, not raised.

When not to use MLflow: on a machine that others reach, unless it listens on loopback only; it has no users of its own.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from shortlist._version import __version__
from shortlist.bundles.manifests import BundleRef, check_bundle_id, read_manifest
from shortlist.core.errors import BadConfig, ShortlistError
from shortlist.core.lazy import import_extra
from shortlist.data.aside import file_aside

FORMAT = 1
REGISTERED = "shortlist"
"""Name of the registered model."""
ALIAS = "production"
EXPERIMENT = "shortlist"
MODEL_CODE = Path(__file__).with_name("mlflow_model.py")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A recorded run.

    Attributes:
        id: begins with the time, so ids sort by age.
        path: the JSON file.
        mlflow_run: id of the MLflow run, or None.
        version: of the registered model, or None.
        problem: why MLflow has no record although it was asked for; "" otherwise.
    """

    id: str
    path: Path
    mlflow_run: str | None = None
    version: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Run:
    name: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    started_at: float
    ended_at: float
    bundle: BundleRef | None = field(default=None)


def record_run(
    home: Path,
    *,
    name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    bundle: BundleRef | None = None,
    tags: Mapping[str, str] | None = None,
    started_at: float | None = None,
    tracking_uri: str | None = None,
) -> RunRecord:
    """Record one run.

    Args:
        home: `settings().home`; the JSON goes to its folder `runs`.
        name: what was done ("train home").
        params: settings, nested or flat.
        metrics: numbers, nested or flat; what is not finite is left out.
        bundle: what came out, the run's artifact.
        tags: anything else; the data's fingerprint, spec hashes, package version and git commit are added.
        started_at: UTC seconds, or None if not known.
        tracking_uri: `settings().tracking_uri`; None records JSON alone, "mlflow" means SQLite under `home`.

    Raises:
        MissingExtra: MLflow was asked for and is not installed.
        BadConfig: an MLflow URI that cannot work.
    """
    if tracking_uri is not None:
        _import_mlflow()
        tracking_uri = mlflow_uri(home, tracking_uri)
    ended_at = time.time()
    run = _Run(
        name=name,
        params={key: str(value)[:500] for key, value in _flat(params)},
        metrics={key: float(value) for key, value in _flat(metrics) if _is_finite(value)},
        tags={**_own_tags(bundle), **(tags or {})},
        started_at=ended_at if started_at is None else started_at,
        ended_at=ended_at,
        bundle=bundle,
    )
    run_id = f"{datetime.fromtimestamp(ended_at, UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    record = RunRecord(run_id, Path(home) / "runs" / f"{run_id}.json")
    _write(record, run)
    if tracking_uri is not None:
        record = _to_mlflow(record, run, tracking_uri)
        _write(record, run)
    return record


def list_runs(home: Path) -> list[dict[str, Any]]:
    """Recorded runs as plain values, newest first; files that cannot be read are left out."""
    out = []
    for path in sorted((Path(home) / "runs").glob("*.json"), reverse=True):
        try:
            out.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
    return out


def mark_production(home: Path, bundle_id: str, tracking_uri: str) -> str | None:
    """Move the alias `production` to the version made of a bundle; call it after `promote` and `rollback`.

    Args:
        home: `settings().home`.
        bundle_id: the bundle that serves now.
        tracking_uri: as for `record_run`.

    Returns:
        The version, or None if the bundle was never recorded there.

    Raises:
        MissingExtra, BadConfig, BadRequest. Errors of MLflow pass through: the promotion itself has happened already.
    """
    check_bundle_id(bundle_id)
    mlflow = _import_mlflow()
    uri = mlflow_uri(home, tracking_uri)
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    found = client.search_model_versions(f"name='{REGISTERED}' and tags.bundle='{bundle_id}'")
    if not found:
        return None
    version = str(max(int(one.version) for one in found))
    client.set_registered_model_alias(REGISTERED, ALIAS, version)
    return version


def mlflow_uri(home: Path, tracking_uri: str) -> str:
    """The URI for MLflow; "mlflow" becomes a SQLite file under `home`.

    Raises:
        BadConfig: a plain folder, which MLflow no longer takes.
    """
    if tracking_uri == "mlflow":
        return f"sqlite:///{(Path(home) / 'mlflow.db').absolute()}"
    if "://" not in tracking_uri or tracking_uri.startswith("file:"):
        raise BadConfig(
            "Setting 'tracking_uri' names a folder, which the registry of MLflow cannot use.",
            hint="Write mlflow (a SQLite file under home), sqlite:///PATH, or http://127.0.0.1:5000.",
            field="tracking_uri",
        )
    return tracking_uri


def metric_name(name: str) -> str:
    """The name MLflow accepts: `ndcg@10` becomes `ndcg_at_10`."""
    return name.replace("@", "_at_")


# --- private: JSON ----------------------------------------------------------------------------------------------------


def _write(record: RunRecord, run: _Run) -> None:
    values = {
        "format": FORMAT,
        "id": record.id,
        "name": run.name,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "params": run.params,
        "metrics": run.metrics,
        "tags": run.tags,
        "bundle": None if run.bundle is None else run.bundle.id,
        "artifact": None if run.bundle is None else str(run.bundle.path),
        "mlflow": {"run": record.mlflow_run, "version": record.version, "problem": record.problem},
    }
    with file_aside(record.path) as file:
        file.write(json.dumps(values, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n")


def _own_tags(bundle: BundleRef | None) -> dict[str, str]:
    tags = {"package": __version__}
    commit = _git_commit()
    if commit:
        tags["git_commit"] = commit
    if bundle is not None:
        manifest = read_manifest(bundle.path)
        tags |= {"bundle": bundle.id, "data": manifest.data.name, "data_fingerprint": manifest.data.fingerprint}
        tags |= {f"spec_hash.{surface}": entry.hash for surface, entry in manifest.pipelines.items()}
    return tags


def _git_commit() -> str:
    """Commit of the working directory, "" where there is none."""
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [git, "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool | str) and math.isfinite(value)
    except TypeError:
        return False


# --- private: MLflow --------------------------------------------------------------------------------------------------


def _import_mlflow() -> ModuleType:
    # Nothing about a run leaves the machine unasked.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    return import_extra("mlflow", "track")


def _to_mlflow(record: RunRecord, run: _Run, uri: str) -> RunRecord:
    mlflow = _import_mlflow()
    mlflow_run = version = None
    try:
        with _pointed_at(mlflow, uri):
            client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
            mlflow_run = _start(client, record, run, uri)
            client.log_batch(
                mlflow_run,
                metrics=[
                    mlflow.entities.Metric(metric_name(key), value, int(run.ended_at * 1000), 0)
                    for key, value in run.metrics.items()
                ],
                params=[mlflow.entities.Param(metric_name(key), value) for key, value in run.params.items()],
            )
            if run.bundle is not None:
                version = _register(mlflow, client, mlflow_run, run.bundle)
            client.set_terminated(mlflow_run, end_time=int(run.ended_at * 1000))
    except ShortlistError:
        raise
    except Exception as error:
        problem = f"MLflow did not record the run: {type(error).__name__}: {error}"[:500]
        return RunRecord(record.id, record.path, mlflow_run, version, problem)
    return RunRecord(record.id, record.path, mlflow_run, version)


@contextmanager
def _pointed_at(mlflow: ModuleType, uri: str) -> Iterator[None]:
    """Logging a model works through MLflow's global state only; put it back afterwards."""
    tracking, registry = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(tracking)
        mlflow.set_registry_uri(registry)


def _start(client: Any, record: RunRecord, run: _Run, uri: str) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        # A database keeps no files: theirs go beside our runs, unless a server has a place of its own.
        place = (
            (record.path.parent.parent / "mlflow-artifacts").absolute().as_uri() if uri.startswith("sqlite") else None
        )
        experiment_id = client.create_experiment(EXPERIMENT, artifact_location=place)
    else:
        experiment_id = experiment.experiment_id
    started = client.create_run(
        experiment_id, start_time=int(run.started_at * 1000), tags={**run.tags, "run": record.id}, run_name=run.name
    )
    return str(started.info.run_id)


def _register(mlflow: ModuleType, client: Any, mlflow_run: str, bundle: BundleRef) -> str:
    """The bundle as a model whose code is a file of ours: nothing is pickled."""
    with mlflow.start_run(run_id=mlflow_run):
        logged = mlflow.pyfunc.log_model(
            name="bundle",
            python_model=str(MODEL_CODE),
            artifacts={"bundle": str(bundle.path)},
            pip_requirements=[f"shortlist=={__version__}"],
            signature=_signature(mlflow),
            registered_model_name=REGISTERED,
        )
    version = str(logged.registered_model_version)
    client.set_model_version_tag(REGISTERED, version, "bundle", bundle.id)
    return version


def _signature(mlflow: ModuleType) -> Any:
    """What `mlflow_model` takes; parameters that are not declared here never reach it."""
    types = import_extra("mlflow.types", "track")
    return mlflow.models.ModelSignature(
        inputs=types.Schema([types.ColSpec("string", "user_id")]),
        params=types.ParamSchema([types.ParamSpec("k", "integer", 10), types.ParamSpec("model", "string", "")]),
    )
