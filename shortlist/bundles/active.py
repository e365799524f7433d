"""Which bundle is current, which were before, and what else is there.

The pointer is one small file, `current`, with the id and those before it, replaced in one rename: after a crash it says
the old or the new, never half. `promotions.jsonl` beside it is a history for people; nothing is decided by it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shortlist.bundles.load import Bundle, load
from shortlist.bundles.lock import only_one
from shortlist.bundles.manifests import ID, MANIFEST, BundleRef, Manifest, check_bundle_id, read_manifest
from shortlist.bundles.verify import verify
from shortlist.core.errors import BundleCorrupt, NoBundle, StateError, StoreUnavailable, VersionTooNew
from shortlist.data.aside import file_aside

POINTER = "current"
HISTORY = "promotions.jsonl"
KEPT = 50
"""How many earlier bundles the pointer remembers for rolling back."""


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """One line of a list of bundles.

    Attributes:
        id: of the bundle.
        path: its folder.
        is_current: whether it serves.
        created_at: UTC seconds, None if the manifest cannot be read.
        data: name of its data.
        models: labels.
        metrics: as published.
        problem: why the manifest cannot be read; "" if it can. Files are not compared: that is `verify`.
    """

    id: str
    path: Path
    is_current: bool
    created_at: float | None = None
    data: str = ""
    models: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def list_bundles(root: Path) -> list[BundleInfo]:
    """All published bundles, newest first; one with a damaged manifest is listed with its problem."""
    serving = _read_pointer(Path(root))[:1]
    return [_info(path, [path.name] == serving) for path in _folders(Path(root))]


def summaries(root: Path) -> list[dict[str, Any]]:
    """`list_bundles` as plain values for printing: `id, current, created_at, data, models, metrics, problem`."""
    return [
        {
            "id": info.id,
            "current": info.is_current,
            "created_at": info.created_at,
            "data": info.data,
            "models": list(info.models),
            "metrics": dict(info.metrics),
            "problem": info.problem,
        }
        for info in list_bundles(root)
    ]


def path_of(root: Path, bundle_id: str) -> Path:
    """Folder of a published bundle.

    Raises:
        BadRequest: not of the form of an id; nothing on disk was touched.
        NoBundle: no such bundle; names the newest.
    """
    path = Path(root) / check_bundle_id(bundle_id)
    if path.is_symlink() or not (path / MANIFEST).is_file():
        newest = [folder.name for folder in _folders(Path(root))[:3]]
        hint = f"Newest: {', '.join(newest)}." if newest else "None is published; make one with: shortlist train"
        raise NoBundle(f"There is no bundle '{bundle_id}'.", hint=hint)
    return path


def manifest(root: Path, bundle_id: str) -> dict[str, Any]:
    """A bundle's manifest as plain values.

    Raises:
        NoBundle, BundleCorrupt, VersionTooNew, BadRequest.
    """
    return read_manifest(path_of(root, bundle_id)).model_dump(mode="json")


def current(root: Path) -> BundleRef | None:
    """The bundle that serves, or None before the first promotion.

    Raises:
        BundleCorrupt: the pointer file is damaged.
        NoBundle: the bundle it names is gone.
    """
    ids = _read_pointer(Path(root))
    return BundleRef(ids[0], path_of(root, ids[0])) if ids else None


def load_current(root: Path) -> Bundle:
    """Verify and load the bundle that serves.

    Raises:
        NoBundle: nothing was promoted yet. Otherwise as `load`.
    """
    ref = current(root)
    if ref is None:
        raise NoBundle("No bundle is promoted yet.", hint="Make one with: shortlist train, or: shortlist demo")
    return load(ref.path)


def promote(root: Path, bundle_id: str) -> BundleRef:
    """Make a bundle current, after checking every byte of it.

    Raises:
        BadRequest, NoBundle: no such bundle.
        BundleCorrupt, VersionTooNew: it is damaged or unreadable.
        Conflict: another promotion or rollback is under way.
        StoreUnavailable: the pointer cannot be written. In every case the old one stays current.
    """
    root = Path(root)
    path = path_of(root, bundle_id)
    with only_one(root):
        verify(path)
        before = _read_pointer(root)
        if before[:1] != [bundle_id]:
            _point(root, [bundle_id, *before], "promote")
    return BundleRef(bundle_id, path)


def rollback(root: Path) -> BundleRef:
    """Make the bundle that was current before current again; again for the one before that.

    Earlier ones that are gone or damaged are passed over.

    Raises:
        NoBundle: there is no earlier bundle that could serve; the current one stays.
        Conflict: another promotion or rollback is under way.
        StoreUnavailable: the pointer cannot be written; the current one stays.
    """
    root = Path(root)
    if not root.is_dir():
        raise NoBundle("There is no earlier bundle.", hint="Promote one with: shortlist bundle promote ID")
    with only_one(root):
        target, rest = _earlier(root)
        _point(root, rest, "rollback")
        return target


def previous(root: Path) -> BundleRef:
    """The bundle that `rollback` would return to.

    Raises:
        NoBundle: there is no earlier bundle that could serve.
    """
    return _earlier(Path(root))[0]


def read_history(root: Path) -> list[dict[str, Any]]:
    """Promotions and rollbacks, oldest first: `at`, `action`, `id`, `previous`; a torn last line is left out."""
    try:
        lines = (Path(root) / HISTORY).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    out = []
    for line in lines:
        try:
            out.append(json.loads(line))
        except ValueError:
            continue
    return out


# --- private ----------------------------------------------------------------------------------------------------------


def _earlier(root: Path) -> tuple[BundleRef, list[str]]:
    """The newest whole bundle before the current one, and the pointer's ids from it on."""
    ids = _read_pointer(root)
    for n, bundle_id in enumerate(ids[1:], start=1):
        if bundle_id == ids[0]:
            continue
        try:
            path = path_of(root, bundle_id)
            verify(path)
        except StateError:
            continue
        return BundleRef(bundle_id, path), ids[n:]
    raise NoBundle("There is no earlier bundle that could serve.", hint="Promote one: shortlist bundle promote ID")


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]
    return sorted(found, key=lambda path: path.name, reverse=True)


def _info(path: Path, is_current: bool) -> BundleInfo:
    try:
        read: Manifest = read_manifest(path)
    except (BundleCorrupt, VersionTooNew) as error:
        return BundleInfo(path.name, path, is_current, problem=str(error))
    return BundleInfo(
        id=path.name,
        path=path,
        is_current=is_current,
        created_at=read.created_at,
        data=read.data.name,
        models=tuple(read.models),
        metrics=read.metrics,
    )


def _read_pointer(root: Path) -> list[str]:
    """The current id and those before it, newest first; empty before the first promotion."""
    try:
        raw = (root / POINTER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        raw = ""
    try:
        values = json.loads(raw)
        ids = [values["id"], *values["previous"]]
        if not all(isinstance(one, str) and ID.fullmatch(one) for one in ids):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise BundleCorrupt(
            "The file that names the current bundle is damaged.",
            hint="Delete the file 'current' in the bundle folder, then: shortlist bundle promote ID",
        ) from None
    return ids


def _point(root: Path, ids: list[str], action: str) -> None:
    previous = _read_pointer(root)[:1]
    try:
        with file_aside(root / POINTER) as file:
            file.write(json.dumps({"id": ids[0], "previous": ids[1 : KEPT + 1]}, indent=1).encode() + b"\n")
        line = {"at": time.time(), "action": action, "id": ids[0], "previous": previous[0] if previous else None}
        with open(root / HISTORY, "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreUnavailable(
            f"The pointer to the current bundle could not be written ({type(error).__name__}).",
            hint="Check space and permissions of the bundle folder.",
        ) from error
