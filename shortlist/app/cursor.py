"""Where a page ends, as a text the caller sends back: stateless, bound to the question, good for one bundle.

The next page is the same question at the same moment without the items shown so far, so pages never repeat an item,
whatever rerankers do. A cursor says nothing that the caller did not see; tampering with it only changes the caller's
own list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from shortlist.app.questions import MAX_K, Question
from shortlist.core.errors import BadRequest

HEAD = struct.Struct("<8s8sdQ")
"""Digest of the question, of the bundle, service time, seed."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the pages before were made with.

    Attributes:
        now: service time of the first page.
        seed: of the first page.
        shown: dense items shown so far.
    """

    now: float
    seed: int
    shown: tuple[int, ...]


def write_cursor(question: Question, bundle: str, page: Page) -> str:
    """The cursor behind `page`."""
    head = HEAD.pack(_question(question), _digest(bundle.encode()), page.now, page.seed)
    return base64.urlsafe_b64encode(head + np.array(page.shown, "<i4").tobytes()).decode()


def read_cursor(question: Question, bundle: str, *, latest: float, n_items: int) -> Page:
    """The page a cursor continues.

    Args:
        question: the one that the cursor came with, cursor included.
        bundle: the serving one.
        latest: service time now; a cursor cannot look beyond it.
        n_items: size of the catalogue.

    Raises:
        BadRequest: not a cursor, of another question, or of another bundle.
    """
    try:
        raw = base64.b64decode((question.cursor or "").encode("ascii"), altchars=b"-_", validate=True)
        asked, made_with, now, seed = HEAD.unpack_from(raw)
        shown: Sequence[int] = np.frombuffer(raw[HEAD.size :], "<i4").tolist()
    except (UnicodeEncodeError, binascii.Error, struct.error, ValueError):
        raise _bad("is not a cursor", "Send back next_cursor as it came.") from None
    if asked != _question(question):
        raise _bad("belongs to another question", "Change nothing but the cursor between pages.")
    if made_with != _digest(bundle.encode()):
        raise _bad("belongs to another bundle", "Start again without a cursor.")
    plausible = math.isfinite(now) and now <= latest and 0 < len(shown) < MAX_K
    if not plausible or min(shown) < 0 or max(shown) >= n_items:
        raise _bad("is not a cursor", "Send back next_cursor as it came.")
    return Page(now, seed, tuple(shown))


def _question(question: Question) -> bytes:
    """Everything that decides the list; how much of it is shown per page and per item may change."""
    session = [(event.item_id, event.occurred_at) for event in question.session]
    asked = [question.user_id, session, question.surface, question.filter, question.exclude, question.context]
    return _digest(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS))


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=8).digest()


def _bad(what: str, hint: str) -> BadRequest:
    return BadRequest(f"The cursor {what}.", hint=hint, field="cursor")
