"""One writer of a folder's pointer at a time, across processes; the lock dies with its holder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shortlist.core.errors import Conflict, StoreUnavailable


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the folder's lock for the block.

    Raises:
        Conflict: somebody else holds it; nothing was waited for.
        StoreUnavailable: the folder cannot be written.
    """
    try:
        file = open(root / ".lock", "ab")  # noqa: SIM115 - closed by the `with` below; opening has its own error
    except OSError as error:
        raise StoreUnavailable(
            f"The bundle folder cannot be written ({type(error).__name__}).", hint="Check its permissions."
        ) from error
    with file:
        try:
            _take(file)
        except OSError:
            raise Conflict(
                "Another promotion or rollback is under way.", hint="Look at the outcome, then try again."
            ) from None
        yield


def _take(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
