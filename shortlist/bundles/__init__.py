"""What is deployed together: data, models, vocabularies, feature columns and pipelines in one verified folder.

`publish` writes it aside and renames it; `verify` checks every byte; `load` gives it to a server; `promote` and
`rollback` move one small pointer. A damaged or mismatched bundle is refused, and the old one stays current.
"""

# Not lazy, because the modules `publish`, `verify` and `load` would hide the functions of the same names once imported;
# they are light: whatever is heavy is imported inside the functions.
from shortlist.bundles.active import (
    BundleInfo,
    current,
    list_bundles,
    load_current,
    manifest,
    path_of,
    previous,
    promote,
    rollback,
    summaries,
)
from shortlist.bundles.load import Bundle, load
from shortlist.bundles.manifests import BundleRef, Manifest
from shortlist.bundles.publish import as_served, publish
from shortlist.bundles.verify import verify

__all__ = [
    "Bundle",
    "BundleInfo",
    "BundleRef",
    "Manifest",
    "as_served",
    "current",
    "list_bundles",
    "load",
    "load_current",
    "manifest",
    "path_of",
    "previous",
    "promote",
    "publish",
    "rollback",
    "summaries",
    "verify",
]
