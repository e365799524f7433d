"""Every stage of the registry against every contract check."""

from pathlib import Path

import pytest

from shortlist.core import registry
from shortlist.pipeline.spec import KINDS
from shortlist.testing.stages import RANKER_COLUMNS, STAGE_CHECKS, case

# Settings a stage cannot do without.
NEEDED = {
    ("query_hydrator", "profile"): {"columns": ["age"]},
    ("hydrator", "profile_columns"): {"columns": ["age"]},
    ("source", "model"): {"model": "trails"},
    ("hydrator", "feast"): {
        "repo": str(Path(__file__).parents[1] / "features/feast/repo"),
        "features": ["shop:campaign", "user_stats:clicks_7d", "item_stats:ctr", "pair_stats:views"],
        "item": "item",
    },
    ("hydrator", "item_columns"): {"columns": ["category"]},
    ("hydrator", "model_score"): {"model": "markov"},
    ("filter", "expression"): {"keep": 'category == "soccer" or price < 10'},
    ("scorer", "blend"): {"weights": {"score.trails": 1.0, "score.content": 0.5}},
    ("scorer", "first_score"): {"columns": ["score.trails", "score.content"]},
    ("reranker", "freshness"): {"column": "price"},
    ("reranker", "max_per_group"): {"column": "category", "most": 2},
    ("reranker", "mmr"): {"model": "content"},
    ("reranker", "spread"): {"column": "category"},
}

ROWS = [row for kind in KINDS.values() for row in registry.rows(kind)]


@pytest.mark.parametrize("check", STAGE_CHECKS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}:{row.name}")
def test_stage(row, check):
    if row.extra:
        pytest.importorskip(registry.EXTRA_MODULES[row.extra], reason=f"needs the extra '{row.extra}'")
    STAGE_CHECKS[check](case(row.kind, row.name, **NEEDED.get((row.kind, row.name), {})))


def test_the_made_table_has_what_rankers_ask_for():
    assert set(RANKER_COLUMNS) <= set(case("selector", "top").table.cols)
