"""Fetch public sets from their official pages: written aside, checked, then renamed.

Only what a licence lets everybody download is here; sets that ask for a signature say where to go. A file counts when
its size is within bounds and, where the publisher states one, its checksum agrees; a broken download leaves nothing.
"""

from __future__ import annotations

import hashlib
import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from shortlist.core.contracts import silent
from shortlist.core.errors import SchemaMismatch, StoreUnavailable, UnknownName
from shortlist.core.settings import settings
from shortlist.data.aside import folder_aside
from shortlist.data.catalog import ALIASES

_BLOCK = 1 << 20
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Download:
    """One file of a public set.

    Attributes:
        url: official address.
        file: name on disk.
        max_bytes: larger answers are cut off and refused.
        min_bytes: smaller ones are refused.
        md5: as the publisher states it, or "".
    """

    url: str
    file: str
    max_bytes: int
    min_bytes: int = 1
    md5: str = ""


@dataclass(frozen=True)
class Published:
    """Where a set comes from.

    Attributes:
        folder: its folder under the data folder.
        page: the page of its publisher.
        licence: what one may do with it, in a sentence.
        files: to fetch; none where the publisher wants to be asked.
    """

    folder: str
    page: str
    licence: str
    files: tuple[Download, ...] = ()


_GROUPLENS = "https://files.grouplens.org/datasets/movielens"
_GROUPLENS_LICENCE = "Research use; no redistribution or commercial use without permission (GroupLens)."
_LIGHTGCN = "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data/gowalla"
_S3REC = "https://raw.githubusercontent.com/RUCAIBox/CIKM2020-S3Rec/master/data"
_AMAZON_LICENCE = "Amazon reviews of the McAuley lab: published for research, no formal licence."

PUBLISHED: Mapping[str, Published] = {
    "beauty": Published(
        "amazon-5core-seq",
        "https://github.com/RUCAIBox/CIKM2020-S3Rec",
        _AMAZON_LICENCE,
        (
            Download(f"{_S3REC}/Beauty.txt", "Beauty.txt", 4_000_000, 500_000),
            Download(f"{_S3REC}/Beauty_item2attributes.json", "Beauty_item2attributes.json", 4_000_000, 100_000),
        ),
    ),
    "gowalla": Published(
        "gowalla-lightgcn",
        "https://github.com/gusye1234/LightGCN-PyTorch",
        "Check-ins of SNAP's Gowalla set: for research, cite the paper.",
        tuple(
            Download(f"{_LIGHTGCN}/{file}", file, 20_000_000, 100_000)
            for file in ("train.txt", "test.txt", "user_list.txt", "item_list.txt")
        ),
    ),
    "mind-small-sample": Published(
        "mind-small-sample",
        "https://msnews.github.io/",
        "Microsoft Research License Terms: research only, accepted on the publisher's page.",
    ),
    "ml-100k": Published(
        "ml-100k",
        "https://grouplens.org/datasets/movielens/100k/",
        _GROUPLENS_LICENCE,
        (
            Download(
                f"{_GROUPLENS}/ml-100k.zip", "ml-100k.zip", 8_000_000, 4_000_000, "0e33842e24a9c977be4e0107933c0723"
            ),
        ),
    ),
    "ml-1m": Published(
        "ml-1m",
        "https://grouplens.org/datasets/movielens/1m/",
        _GROUPLENS_LICENCE,
        (Download(f"{_GROUPLENS}/ml-1m.zip", "ml-1m.zip", 10_000_000, 5_000_000, "c4d9eecfca2ab87c1945afe126590906"),),
    ),
    "ml-latest-small": Published(
        "ml-latest-small",
        "https://grouplens.org/datasets/movielens/latest/",
        "May be passed on under the same terms; no commercial use without permission (GroupLens).",
        (Download(f"{_GROUPLENS}/ml-latest-small.zip", "ml-latest-small.zip", 3_000_000, 500_000),),
    ),
    "sports": Published(
        "amazon-5core-seq",
        "https://github.com/RUCAIBox/CIKM2020-S3Rec",
        _AMAZON_LICENCE,
        (
            Download(f"{_S3REC}/Sports_and_Outdoors.txt", "Sports_and_Outdoors.txt", 8_000_000, 500_000),
            Download(
                f"{_S3REC}/Sports_and_Outdoors_item2attributes.json",
                "Sports_and_Outdoors_item2attributes.json",
                8_000_000,
                100_000,
            ),
        ),
    ),
}


def get(
    name: str,
    *,
    root: Path | None = None,
    progress: Callable[[int, int], None] = silent,
    published: Mapping[str, Published] = PUBLISHED,
) -> Path:
    """Fetch a set unless it is there already.

    Args:
        name: of the set.
        root: folder to put it under; None means `data` below the home folder.
        progress: called with (bytes so far, bytes expected or 0).
        published: where sets come from.

    Returns:
        The folder with the files.

    Raises:
        UnknownName: no such set.
        SchemaMismatch: its publisher wants to be asked, or what came is not the file.
        StoreUnavailable: the publisher did not answer.
    """
    known = ALIASES.get(name, name)
    if known not in published:
        raise UnknownName("data set to fetch", name, published)
    source = published[known]
    folder = (root if root is not None else settings().home / "data") / source.folder
    missing = [file for file in source.files if not (folder / file.file).is_file()]
    if not source.files:
        raise SchemaMismatch(
            f"'{known}' cannot be fetched by a program. {source.licence}",
            hint=f"Get it at {source.page} and put its files into '{folder}'.",
        )
    if not missing:
        return folder
    # All files arrive aside before any is moved, so a set is there whole or not at all.
    staging = folder.with_name(f"{folder.name}.get")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with folder_aside(staging) as work:
            for file in missing:
                _fetch(file, work / file.file, progress)
        folder.mkdir(parents=True, exist_ok=True)
        for file in missing:
            (staging / file.file).replace(folder / file.file)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _fetch(file: Download, target: Path, progress: Callable[[int, int], None]) -> None:
    address = urlparse(file.url)
    if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost"):
        raise SchemaMismatch(f"'{file.file}' has no https address.", hint="Use the publisher's page.")
    digest = hashlib.md5(usedforsecurity=False)
    done = 0
    try:
        with urllib.request.urlopen(file.url, timeout=_TIMEOUT_S) as answer, open(target, "wb") as out:  # noqa: S310
            expected = int(answer.headers.get("Content-Length") or 0)
            while block := answer.read(_BLOCK):
                done += len(block)
                if done > file.max_bytes:
                    raise _refused(file, f"is larger than {file.max_bytes} bytes")
                digest.update(block)
                out.write(block)
                progress(done, expected)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "code", None) or type(error).__name__
        raise StoreUnavailable(
            f"'{file.url}' did not deliver ({reason}).",
            hint="Try again later, or fetch the file in a browser and use --data PATH.",
        ) from None
    if expected and done != expected:
        raise _refused(file, f"ended after {done} of {expected} bytes")
    if done < file.min_bytes:
        raise _refused(file, f"has only {done} bytes")
    if file.md5 and digest.hexdigest() != file.md5:
        raise _refused(file, "has another checksum than its publisher states")


def _refused(file: Download, why: str) -> SchemaMismatch:
    return SchemaMismatch(f"'{file.file}' {why}.", hint="Try again; if it stays so, see the publisher's page.")
