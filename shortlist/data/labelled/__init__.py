"""Rows with labels and no catalogue: samples of ad and video logs, tables of people. What click models read directly.

`load_rows("criteo-sample")` gives columns of codes and of quantities, labels, and how much is missing.
"""

from shortlist.data.labelled.layout import Layout, Source
from shortlist.data.labelled.rows import LabelledRows, Part
from shortlist.data.labelled.sets import is_here, load_rows, names

__all__ = ["LabelledRows", "Layout", "Part", "Source", "is_here", "load_rows", "names"]
