"""Whether a bundle is exactly what was published: every file's size and checksum, nothing missing, nothing added.

Costs one read of everything; links, foreign kinds of file, pickles and paths that lead elsewhere are refused before
any content is parsed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from shortlist.bundles.contents import check_content
from shortlist.bundles.manifests import HINT, ID, MANIFEST, Manifest, read_manifest
from shortlist.core.errors import BundleCorrupt


def verify(path: Path) -> Manifest:
    """Check a published bundle.

    Args:
        path: its folder, named by its id.

    Returns:
        The manifest.

    Raises:
        BundleCorrupt: names the first file that is missing, added, changed or not allowed.
        VersionTooNew: of a newer format.
    """
    path = Path(path)
    if path.is_symlink() or not path.is_dir():
        raise BundleCorrupt(f"There is no bundle folder '{path.name}'.", hint=HINT)
    manifest = read_manifest(path)
    if ID.fullmatch(path.name) and path.name != manifest.id:
        raise BundleCorrupt(
            f"Folder '{path.name}' holds the bundle '{manifest.id}'.", hint="Give it its own name back."
        )
    expected = {entry.path: entry for entry in manifest.files}
    found = dict(walk(path))
    for missing in sorted(set(expected) - set(found)):
        raise BundleCorrupt(f"File '{missing}' of bundle '{path.name}' is missing.", hint=HINT)
    for extra in sorted(set(found) - set(expected)):
        raise BundleCorrupt(f"Bundle '{path.name}' has a file that was not published: '{extra}'.", hint=HINT)
    for name, entry in expected.items():
        if found[name].stat().st_size != entry.size or checksum(found[name]) != entry.sha256:
            raise BundleCorrupt(f"File '{name}' of bundle '{path.name}' differs from its checksum.", hint=HINT)
    for name in expected:
        check_content(found[name], name)
    return manifest


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """(relative name, path) of every file but the manifest.

    Raises:
        BundleCorrupt: a link, a device or a folder that cannot be read.
    """
    pending = [folder]
    while pending:
        place = pending.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            raise BundleCorrupt(
                f"A folder of bundle '{folder.name}' cannot be read ({type(error).__name__}).", hint=HINT
            ) from None
        for entry in entries:
            name = Path(entry.path).relative_to(folder).as_posix()
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                raise BundleCorrupt(f"'{name}' of bundle '{folder.name}' is a link or no plain file.", hint=HINT)
            elif name != MANIFEST:
                yield name, Path(entry.path)


def checksum(path: Path) -> str:
    """SHA-256 of a file's content, in hex.

    Raises:
        BundleCorrupt: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleCorrupt(f"File '{path.name}' cannot be read ({type(error).__name__}).", hint=HINT) from None
