"""Known sets of labelled rows, one layout each. Samples of a hundred rows show that a path works and nothing else.

Columns that are only known after the row was shown (how long a video was watched, what else was clicked on it) are
dropped: a model that reads them has an AUC near 1 and is of no use.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shortlist.core import registry
from shortlist.core.errors import UnknownName
from shortlist.data.labelled.layout import Layout, Source
from shortlist.data.labelled.rows import LabelledRows

if TYPE_CHECKING:
    import polars as pl

_CRITEO = (*(f"I{n}" for n in range(1, 14)), *(f"C{n}" for n in range(1, 27)))
_TORCH_RECHUB = "ctr-tiny-samples"
_CENSUS = (
    "age", "class_worker", "det_ind_code", "det_occ_code", "education", "wage_per_hour", "hs_college", "marital_stat",
    "major_ind_code", "major_occ_code", "race", "hisp_origin", "sex", "union_member", "unemp_reason",
    "full_or_part_emp", "capital_gains", "capital_losses", "stock_dividends", "tax_filer_stat", "region_prev_res",
    "state_prev_res", "det_hh_fam_stat", "det_hh_summ", "instance_weight", "mig_chg_msa", "mig_chg_reg",
    "mig_move_reg", "mig_same", "mig_prev_sunbelt", "num_emp", "fam_under_18", "country_father", "country_mother",
    "country_self", "citizenship", "own_or_self", "vet_question", "vet_benefits", "weeks_worked", "year", "income",
)  # fmt: skip
_BYTEREC = (
    "uid", "user_city", "item_id", "author_id", "item_city", "channel", "finish", "like", "music_id", "device",
    "create_time", "video_duration",
)  # fmt: skip


def _avazu_hour(words: pl.Series) -> pl.Series:
    """Seconds of an hour written YYMMDDHH."""
    import polars as pl

    return (words + "00").str.strptime(pl.Datetime, "%y%m%d%H%M", strict=False).dt.epoch("s").cast(pl.Float64)


def _milliseconds(words: pl.Series) -> pl.Series:
    import polars as pl

    return words.cast(pl.Float64, strict=False) / 1000.0


ADULT = Layout(
    "adult", "widedeep-tabular", (Source({"train": "adult.parquet"}),), ("income",),
    positive=(">50K",), negative=("<=50K",), absent=("?",),
    quantities=("age", "fnlwgt", "educational-num", "capital-*", "hours-per-week"), counts=("capital-*", "fnlwgt"),
)  # fmt: skip

ALI_CCP = Layout(
    "ali-ccp-sample", _TORCH_RECHUB,
    (Source({part: f"ali_ccp_{file}_sample.csv" for part, file in
             {"train": "train", "valid": "val", "test": "test"}.items()}),),
    ("click", "purchase"), quantities=("D*",),
)  # fmt: skip

ALIEXPRESS = Layout(
    "aliexpress-sample", _TORCH_RECHUB,
    (Source({part: f"aliexpress_{part}_sample.csv" for part in ("train", "test")}),),
    ("click", "conversion"), quantities=("numerical_*",), dropped=("search_id",),
)  # fmt: skip

# The competition's test file has no labels, so it is not read.
AVAZU = Layout(
    "avazu", "avazu", (Source({"train": "train"}), Source({"train": "train.csv"})), ("click",), dropped=("id",),
    time="hour", seconds=_avazu_hour,
)  # fmt: skip

BYTEREC = Layout(
    "byterec-sample", _TORCH_RECHUB, (Source({"train": "byterec_sample.txt"}, "\t", _BYTEREC),), ("finish", "like"),
    quantities=("create_time", "video_duration"), absent=("-1",),
)  # fmt: skip

# `det_hh_fam_stat` says "never marr" of some: published figures of marital_stat differ by which such columns are kept.
CENSUS = Layout(
    "census-income", "census-income-kdd",
    (Source({"train": "census-income.data", "test": "census-income.test"}, header=_CENSUS),
     Source({"train": "census-income.test"}, header=_CENSUS)),
    ("income", "marital_stat"), positive=("50000+.", "Never married"), negative=(),
    quantities=("age", "wage_per_hour", "capital_*", "stock_dividends", "num_emp", "weeks_worked"),
    counts=("wage_per_hour", "capital_*", "stock_dividends"), dropped=("instance_weight",), absent=("?",),
)  # fmt: skip

CLOTHING = Layout(
    "clothing-reviews", "widedeep-tabular", (Source({"train": "WomensClothingE-CommerceReviews.parquet"}),),
    ("Recommended IND",), quantities=("Age",),
    dropped=("Title", "Review Text", "Rating", "Positive Feedback Count", "__index_level_0__"),
)  # fmt: skip

# Labels of the published test file are made up, so it is not read.
CRITEO = Layout(
    "criteo-sample", "criteo-sample",
    (Source({"train": "train.tiny.csv"}), Source({"train": "train.txt"}, "\t", ("Label", *_CRITEO))),
    ("Label",), quantities=("I[0-9]*",), counts=("I[0-9]*",), dropped=("Id",),
)  # fmt: skip

DOUBAN = Layout(
    "douban-sample", _TORCH_RECHUB, (Source({"train": "douban_sample.csv"}),), ("rating",), dropped=("join_time",),
)  # fmt: skip

KUAIRAND = Layout(
    "kuairand-sample", _TORCH_RECHUB, (Source({"train": "kuairand_sample.csv"}),), ("is_click",),
    quantities=("duration_ms", "*_user_num", "register_days", "server_*"),
    counts=("duration_ms", "*_user_num", "register_days"),
    dropped=("play_time_ms", "profile_stay_time", "comment_stay_time"), absent=("-124",),
)  # fmt: skip

YIDIAN = Layout(
    "yidian-sample", _TORCH_RECHUB, (Source({"train": "yidian_news_sampled.csv"}),), ("click",),
    quantities=("age[0-9]", "female", "male"), dropped=("row", "showPos"), time="showTime", seconds=_milliseconds,
)  # fmt: skip


def names() -> list[str]:
    """Names of all known sets of labelled rows, sorted."""
    return [row.name for row in registry.rows("labelled")]


def is_here(name: str) -> bool:
    """Whether a known set can be read without giving a path.

    Raises:
        UnknownName: no such set.
    """
    layout: Layout = registry.load(name, "labelled")
    return layout.is_here()


def load_rows(name: str, *, path: str | os.PathLike[str] | None = None) -> LabelledRows:
    """Read a known set of labelled rows.

    Args:
        name: see `names`.
        path: file or folder where it lies, if not under the data folder.

    Raises:
        UnknownName: no such set; suggests the nearest name.
        SchemaMismatch: a file or a column is missing. BadRow: a label or a number cannot be read.
    """
    if name not in names():
        raise UnknownName("set of labelled rows", name, names())
    read: Any = registry.load(name, "labelled")
    rows: LabelledRows = read(path=None if path is None else Path(path))
    return rows
