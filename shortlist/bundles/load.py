"""A verified bundle as objects a server can use.

Nothing is taken on trust: files are compared with their checksums, the data with its fingerprint, and every model's ids
with the data's, before anything is returned. Models are created by registry name, so a bundle cannot name code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shortlist.bundles.manifests import Manifest, ModelEntry
from shortlist.bundles.verify import verify
from shortlist.bundles.vocabs import check_vocab
from shortlist.core.errors import BadConfig, BadSpec, BundleMismatch, UnknownName
from shortlist.core.registry import load as load_row
from shortlist.data.dataset import Dataset
from shortlist.data.io import load_dataset
from shortlist.models.ranking._served import load_served


@dataclass(frozen=True)
class Bundle:
    """Everything deployed together, in memory.

    Attributes:
        id: what decisions and answers name.
        path: its folder.
        manifest: what it is made of.
        data: the state a server starts from.
        models: fitted models by label.
        specs: pipeline specs by surface.
    """

    id: str
    path: Path
    manifest: Manifest
    data: Dataset
    models: Mapping[str, Any]
    specs: Mapping[str, Any]


def load(path: Path) -> Bundle:
    """Verify and load a published bundle.

    Args:
        path: its folder.

    Raises:
        BundleCorrupt: a file is missing, added, changed or not allowed.
        BundleMismatch: its parts do not belong together, or this release cannot read one of them.
        VersionTooNew: of a newer format.
        MissingExtra: a model needs a package that is not installed.
    """
    path = Path(path)
    manifest = verify(path)
    data = load_dataset(path / "data")
    known = manifest.data
    if data.fingerprint != known.fingerprint:
        raise BundleMismatch(
            f"The data of bundle '{manifest.id}' is not what its manifest says.", hint="Publish again."
        )
    check_vocab(data.users, known.users, what="manifest", ids="user")
    check_vocab(data.items, known.items, what="manifest", ids="item")
    models = {label: _load_model(path, label, entry, data) for label, entry in manifest.models.items()}
    specs = {surface: _load_spec(path, surface) for surface in manifest.pipelines}
    return Bundle(manifest.id, path, manifest, data, models, specs)


def _load_model(path: Path, label: str, entry: ModelEntry, data: Dataset) -> Any:
    what = f"model '{label}'"
    check_vocab(data.users, entry.users, what=what, ids="user")
    check_vocab(data.items, entry.items, what=what, ids="item")
    try:
        model: Any = load_served(entry.name, path / "models" / label)
        if model is None:
            model = load_row(entry.name, entry.kind).load(path / "models" / label)
    except (UnknownName, BadConfig) as error:
        raise BundleMismatch(
            f"The {what} needs another release of this package: {error.message}",
            hint="Train and publish with this release, or install the one named in the manifest.",
        ) from None
    for ours, theirs in (("n_users_", entry.users), ("n_items_", entry.items)):
        size = getattr(model, ours, None)
        if theirs is not None and size is not None and size != theirs.size:
            raise BundleMismatch(f"The {what} has another size than its manifest says.", hint="Publish again.")
    if tuple(getattr(model.config, "columns", None) or ()) != entry.columns:
        raise BundleMismatch(f"The {what} reads other columns than its manifest says.", hint="Publish again.")
    if entry.items is not None:
        # With its data at hand a model answers questions about external ids again, and can be published again.
        model._data = data
    if (path / "models" / label / "index").is_dir():
        model._index_folder = path / "models" / label / "index"
    return model


def _load_spec(path: Path, surface: str) -> Any:
    text = (path / "pipelines" / f"{surface}.toml").read_text(encoding="utf-8")
    try:
        return load_row("parse", "spec_text")(text, where=f"pipeline '{surface}'")
    except BadSpec as error:
        raise BundleMismatch(
            f"The pipeline '{surface}' needs another release of this package: {error.message}",
            hint="Train and publish with this release, or install the one named in the manifest.",
        ) from None
