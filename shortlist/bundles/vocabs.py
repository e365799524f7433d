"""Whether a model's indices mean the ids that the bundle's data gives them.

Two models of one shape look alike to every later step, and lists made with the wrong ids look plausible; so ids are
compared by hash when a bundle is made and again when it is loaded. Vocabularies only grow, so a model fitted when there
were fewer ids belongs to the data as long as those ids are still the first ones.
"""

from __future__ import annotations

from shortlist.bundles.manifests import VocabEntry
from shortlist.core.errors import BundleMismatch
from shortlist.data.vocab import Vocab


def entry_of(vocab: Vocab, size: int) -> VocabEntry:
    """Size and hash of the first `size` ids."""
    part = vocab if size == len(vocab) else Vocab(vocab.ids[:size])
    return VocabEntry(size=size, version=part.version)


def check_vocab(vocab: Vocab, expected: VocabEntry | None, *, what: str, ids: str) -> None:
    """Compare the first ids of `vocab` with what a part was made with.

    Args:
        vocab: of the bundle's data.
        expected: of the part, or None if it knows no such ids.
        what: the part, for the error ("model 'als'").
        ids: "user" or "item", for the error.

    Raises:
        BundleMismatch: the part's indices mean other ids.
    """
    if expected is None:
        return
    if expected.size > len(vocab) or entry_of(vocab, expected.size).version != expected.version:
        raise BundleMismatch(
            f"The {what} was made with other {ids} ids than the data beside it.",
            hint="Fit the model on this data (or on an earlier state of it), then publish again.",
        )
