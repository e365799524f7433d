"""A data set as a place with named files: a directory, a zip archive or a single file, each file perhaps gzipped.

Readers ask for `u.data` and do not care whether it lies in a folder, as `u.data.gz`, or as `ml-100k/u.data` in a zip.
Reading is bounded, so an archive that expands without end is refused.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

from shortlist.core.errors import SchemaMismatch
from shortlist.data.dataset import Dataset

MAX_BYTES = 4 << 30
"""A file that unpacks to more than this is refused."""
_MAX_FILES = 10_000


class Reader(Protocol):
    """What each reader module offers, as a class of static methods."""

    @staticmethod
    def detects(folder: Folder) -> bool:
        """Whether the folder holds this format, judged by file names."""
        ...

    @staticmethod
    def read(folder: Folder, *, name: str, **options: Any) -> Dataset:
        """Read it. Raises: SchemaMismatch, BadRow."""
        ...


@dataclass(frozen=True)
class Folder:
    """Files by their base name, without `.gz`.

    Attributes:
        label: how the place is called in messages, as the user gave it.
        files: name -> (label of the file, opener).
        parent: the folder around a zip archive, or None.
    """

    label: str
    files: Mapping[str, tuple[str, Callable[[], IO[bytes]]]]
    parent: Folder | None = None

    def has(self, *names: str) -> bool:
        """Whether all of these files are here."""
        return all(name in self.files for name in names)

    def first(self, *names: str) -> str | None:
        """The first of these files that is here."""
        return next((name for name in names if name in self.files), None)

    def where(self, name: str) -> str:
        """The file's label for messages."""
        return self.files[name][0]

    def read(self, name: str) -> bytes:
        """The whole content, unpacked.

        Raises:
            SchemaMismatch: the file is missing, damaged or unpacks beyond `MAX_BYTES`.
        """
        if name not in self.files:
            raise SchemaMismatch(
                f"{self.label} has no file '{name}'.", hint=f"Found: {', '.join(sorted(self.files)[:12]) or 'nothing'}."
            )
        label, opener = self.files[name]
        try:
            with opener() as file:
                raw = file.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise SchemaMismatch(
                f"{label} cannot be unpacked ({type(error).__name__}).", hint="Download or copy the file again."
            ) from None
        if len(raw) > MAX_BYTES:
            raise SchemaMismatch(f"{label} unpacks to more than {MAX_BYTES >> 30} GiB.", hint="Split the file.")
        return raw


def places(path: Path) -> list[Folder]:
    """The places a path may mean: the file or folder itself, zips in it, folders in it (one level).

    Raises:
        SchemaMismatch: nothing is there, or a zip is damaged.
    """
    label = str(path)
    if path.is_file():
        return [_zip(path, label, None)] if path.suffix.lower() == ".zip" else [Folder(label, _entry(path, label))]
    if not path.is_dir():
        raise SchemaMismatch(f"There is no file or folder '{label}'.", hint="Check the path.")
    inside = sorted(path.iterdir())[:_MAX_FILES]
    here = Folder(label, _entries([child for child in inside if child.is_file()]))
    found = [here]
    found += [_zip(child, str(child), here) for child in inside if child.suffix.lower() == ".zip" and child.is_file()]
    for child in inside:
        if child.is_dir() and not child.name.startswith("."):
            found.append(Folder(str(child), _entries(sorted(child.iterdir())[:_MAX_FILES]), here))
    return found


def _entries(paths: list[Path]) -> dict[str, tuple[str, Callable[[], IO[bytes]]]]:
    found: dict[str, tuple[str, Callable[[], IO[bytes]]]] = {}
    for path in paths:
        if path.is_file() and not path.name.startswith("."):
            for name, value in _entry(path, str(path)).items():
                # The plain file wins over its compressed twin.
                if name not in found or path.suffix.lower() != ".gz":
                    found[name] = value
    return found


def _entry(path: Path, label: str) -> dict[str, tuple[str, Callable[[], IO[bytes]]]]:
    name, packed = _plain(path.name)
    if packed:
        return {name: (label, lambda: cast(IO[bytes], gzip.open(path, "rb")))}
    return {name: (label, lambda: open(path, "rb"))}


def _plain(name: str) -> tuple[str, bool]:
    """A name as readers ask for it, without `.gz` and with its ending in small letters, and whether it is gzipped."""
    packed = name.lower().endswith(".gz")
    stem, dot, ending = (name[:-3] if packed else name).rpartition(".")
    return f"{stem}{dot}{ending.lower() if dot else ending}", packed


def _zip(path: Path, label: str, parent: Folder | None) -> Folder:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()][:_MAX_FILES]
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise SchemaMismatch(
            f"{label} is not a readable zip archive ({type(error).__name__}).", hint="Download or copy the file again."
        ) from None
    found: dict[str, tuple[str, Callable[[], IO[bytes]]]] = {}
    # Shallow members win over deeper ones of the same base name.
    for info in sorted(members, key=lambda one: (-one.filename.count("/"), one.filename)):
        base = info.filename.rsplit("/", 1)[-1]
        if base.startswith("."):
            continue
        plain, packed = _plain(base)
        where = f"{label}: {info.filename}"
        found[plain] = (where, _member(path, info.filename, packed))
    return Folder(label, found, parent)


def _member(path: Path, member: str, packed: bool) -> Callable[[], IO[bytes]]:
    def opener() -> IO[bytes]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            raw = file.read(MAX_BYTES + 1)
        return cast(IO[bytes], gzip.GzipFile(fileobj=io.BytesIO(raw))) if packed else io.BytesIO(raw)

    return opener
