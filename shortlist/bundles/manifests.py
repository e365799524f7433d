"""The manifest: what a bundle is made of, with size and checksum of every file, and a checksum over itself.

The file has exactly one spelling for one content, so a change of any single byte of it is found, be it only a space.
Names and paths in it follow narrow patterns and are checked before anything on disk is touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shortlist.core.errors import BadRequest, BundleCorrupt, VersionTooNew

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 * 2**20
ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}", re.ASCII)
LABEL = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
FILE = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,5}$"

Label = Annotated[str, StringConstraints(pattern=LABEL)]
HINT = "Publish it again; until then the current bundle keeps serving."


class Part(BaseModel):
    """Base of the manifest's parts: frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FileEntry(Part):
    """One file."""

    path: Annotated[str, StringConstraints(pattern=FILE)]
    """Relative to the bundle, with forward slashes."""
    size: int = Field(ge=0)
    """Bytes."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Checksum of the content."""


class VocabEntry(Part):
    """The ids a part was made with: the first `size` ids of the bundle's vocabulary, and their hash."""

    size: int = Field(ge=0)
    """How many ids."""
    version: str
    """`Vocab.version` of exactly those ids."""


class DataEntry(Part):
    """The data."""

    name: str
    """What people call it."""
    fingerprint: str
    """`Dataset.fingerprint`."""
    events: int
    """Interactions."""
    users: VocabEntry
    """External user ids."""
    items: VocabEntry
    """External item ids."""


class ModelEntry(Part):
    """One model; its files lie in `models/<label>/`."""

    kind: str
    """Registry kind."""
    name: str
    """Registry name."""
    config: dict[str, Any]
    """Its settings."""
    users: VocabEntry | None
    """The ids its user indices mean, or None if it knows no users."""
    items: VocabEntry | None
    """The ids its item indices mean, or None if it knows no items."""
    columns: tuple[str, ...] = ()
    """Feature columns it reads, in its order."""


class PipelineEntry(Part):
    """One pipeline; its file is `pipelines/<surface>.toml`."""

    name: str
    """What people call it."""
    hash: str
    """Hash of the spec as resolved by the release that published it."""


class CostEntry(Part):
    """What one scorer took when the bundle was published, on the machine that did."""

    surface: str
    """Whose pipeline."""
    stage: str
    """Name of the scorer."""
    rows: int
    """Candidates of one request that it scored."""
    ms: float
    """Wall milliseconds, median."""
    budget_ms: float
    """What it may take."""
    most: int | None = None
    """Rows of a request that are scored at most, or None."""
    affords: int | None = None
    """Rows that the budget affords, where it is exceeded."""


class Manifest(Part):
    """What a bundle is made of."""

    format: int
    """Version of this format."""
    id: Annotated[str, StringConstraints(pattern=ID.pattern)]
    """Opaque; begins with the time of publication, so ids sort by age."""
    created_at: float
    """UTC seconds."""
    package: str
    """Release that published it."""
    data: DataEntry
    """What it was trained on and knows."""
    models: dict[Label, ModelEntry]
    """By label."""
    pipelines: dict[Label, PipelineEntry]
    """By surface."""
    metrics: dict[str, Any]
    """Measured before it was published."""
    seed: int | None
    """Of the training run."""
    protocol: str | None
    """Split protocol behind `metrics`."""
    tags: dict[str, str]
    """Anything people want to find it by."""
    costs: tuple[CostEntry, ...] = ()
    """What scoring costs; absent in bundles from before it was measured, and where no scorer has a model."""
    files: tuple[FileEntry, ...]
    """Every file but the manifest, sorted by path."""


@dataclass(frozen=True, slots=True)
class BundleRef:
    """A published bundle; prints as its id."""

    id: str
    path: Path

    def __str__(self) -> str:
        return self.id


def check_bundle_id(value: str) -> str:
    """The id itself, if it is one; nothing else ever becomes part of a path.

    Raises:
        BadRequest: of another form.
    """
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise BadRequest(
            "Field 'bundle' is not a bundle id.",
            hint="Ids look like 20261122T120301-0a1b2c; list them with: shortlist bundle list",
            field="bundle",
        )
    return value


def spell(values: dict[str, Any]) -> bytes:
    """The one spelling of a manifest, checksum included."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    sealed = {**values, "checksum": hashlib.sha256(text).hexdigest()}
    return (json.dumps(sealed, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a bundle's folder.

    Raises:
        BundleCorrupt: missing, changed, or not of this form.
        VersionTooNew: of a newer format.
    """
    try:
        path = folder / MANIFEST
        if path.is_symlink() or path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ValueError
        raw = path.read_bytes()
        values = json.loads(raw)
        if not isinstance(values, dict) or not isinstance(values.get("format"), int):
            raise ValueError
        if values["format"] > FORMAT:
            raise VersionTooNew(
                f"Bundle '{folder.name}' has format {values['format']}; this release reads up to {FORMAT}.",
                hint="Upgrade shortlist, or publish with this release.",
            )
        values.pop("checksum", None)
        if spell(values) != raw:
            raise ValueError
        return Manifest.model_validate(values)
    except (OSError, ValueError, RecursionError, ValidationError):
        raise BundleCorrupt(f"The manifest of bundle '{folder.name}' is missing or damaged.", hint=HINT) from None
