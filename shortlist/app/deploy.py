"""Which bundle serves: list, promote, roll back. The pointer on disk moves only when the new state can answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from shortlist import bundles as store
from shortlist.core.errors import Conflict, NoBundle, UnknownName

if TYPE_CHECKING:
    from shortlist.app.service import Service


def bundles(service: Service) -> dict[str, Any]:
    """`{bundles: [{id, is_current, created_at, metrics}], serving}`, newest first."""
    found = store.list_bundles(service.root) if service.root is not None else []
    rows = [
        {"id": one.id, "is_current": one.is_current, "created_at": one.created_at, "metrics": dict(one.metrics)}
        for one in found
    ]
    return {"bundles": rows, "serving": service.bundle_id}


def promote(service: Service, bundle_id: str) -> str:
    """Serve a published bundle and make it current.

    Returns:
        Its id.

    Raises:
        UnknownName: no such bundle. BadRequest: not an id.
        BundleCorrupt, BundleMismatch: it cannot serve; the old one keeps serving and stays current.
        Conflict: another change is under way.
    """
    root = _root(service)
    try:
        path = store.path_of(root, bundle_id)
    except NoBundle:
        raise UnknownName("bundle", bundle_id, [one.id for one in store.list_bundles(root)], field="bundle") from None
    service.swap(store.load(path), before=lambda: store.promote(root, bundle_id))
    return bundle_id


def rollback(service: Service) -> str:
    """Serve the bundle that was current before.

    Returns:
        Its id.

    Raises:
        Conflict: there is none, or another change is under way.
        BundleCorrupt, BundleMismatch: it cannot serve; the one that served keeps serving and stays current.
    """
    root = _root(service)
    try:
        target = store.previous(root)
    except NoBundle as error:
        raise Conflict(error.message, hint=error.hint) from None
    service.swap(store.load(target.path), before=lambda: store.rollback(root))
    return target.id


def promoted(service: Service) -> str | None:
    """Id of the bundle that is current on disk, whether it serves here or not."""
    held = None if service.root is None else store.current(service.root)
    return None if held is None else held.id


def follow(service: Service, refused: str = "") -> str | None:
    """Serve the current bundle if another process has promoted one since (`shortlist train`, `bundle promote`).

    Args:
        service: state.
        refused: a bundle that could not serve at an earlier look, not to be tried again.

    Returns:
        Id of the bundle that serves from now on, or None if nothing changed.

    Raises:
        BundleCorrupt, BundleMismatch: it cannot serve; the old one keeps serving.
        Conflict: another change is under way.
    """
    found = promoted(service)
    if found is None or found in {service.bundle_id, refused}:
        return None
    service.swap(store.load(store.path_of(_root(service), found)))
    return found


def _root(service: Service) -> Path:
    if service.root is None:
        raise Conflict("This server was started without a folder of bundles.", hint="Start it with: shortlist serve")
    return service.root
