"""What an external id may be: Unicode text in NFC, 1 to 256 bytes, without control or invisible characters.

Ids are text everywhere: `007` is not `7` and `1e5` is not `100000`. One rule serves files, frames and the wire, so an
id that a reader accepts can also be asked for.
"""

from __future__ import annotations

import unicodedata

MAX_ID_BYTES = 256

# Zero-width and bidirectional controls: two ids that look alike must not be two ids.
_INVISIBLE = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad") | frozenset(
    chr(code) for start, stop in ((0x202A, 0x202F), (0x2066, 0x206A)) for code in range(start, stop)
)


def id_problem(external: str) -> str | None:
    """Why this cannot be an id, as the end of a sentence ("is empty"), or None if it can."""
    if not external:
        return "is empty"
    if external.isascii():
        if len(external) > MAX_ID_BYTES:
            return f"is longer than {MAX_ID_BYTES} bytes"
        if not external.isprintable():
            return "contains a control character"
        return "is only blanks" if external.isspace() else None
    try:
        if len(external.encode()) > MAX_ID_BYTES:
            return f"is longer than {MAX_ID_BYTES} bytes"
    except UnicodeEncodeError:
        return "contains a lone surrogate"
    if any(unicodedata.category(char) == "Cc" for char in external):
        return "contains a control character"
    if not _INVISIBLE.isdisjoint(external):
        return "contains an invisible character"
    if not unicodedata.is_normalized("NFC", external):
        return "is not in Unicode normal form C (NFC)"
    return "is only blanks" if external.isspace() else None
