"""What the timings have to show: the rows of the table, each with the figure it must reach and the one it aims at.

A pair names its goal by key; `python -m benchmarks --table` puts the newest measured figures beside these. Where an aim
is not reached, `BOUNDS` says what stands in the way, and `docs/benchmarks.md` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One figure.

    Attributes:
        key: what pairs call it.
        must: the figure that has to hold.
        aim: the figure worth working for; the same as `must` where there is none.
        unit: "x" for a ratio, else the unit of a figure of ours alone.
        at_most: True where smaller is better.
        about: what tells this figure from the others of its row.
    """

    key: str
    must: float
    aim: float
    unit: str = "x"
    at_most: bool = False
    about: str = ""

    @property
    def bound(self) -> str:
        """What keeps the aim out of reach; empty where nobody had to say."""
        return BOUNDS.get(self.key, "")

    def reached(self, value: float, bar: float) -> bool:
        """Whether the value is as good as the bar."""
        return value <= bar if self.at_most else value >= bar


@dataclass(frozen=True)
class Row:
    """A line of the table, in the words it was set in."""

    task: str
    must: str
    aim: str
    goals: tuple[Goal, ...]


ROWS = (
    Row(
        "ALS CG d=64, ML-20M-shaped (20 M interactions) vs implicit, CPU s per sweep",
        "2.7x",
        "4x",
        (Goal("als_cg", 2.7, 4),),
    ),
    Row("ALS Cholesky d=64", "4x", "7x", (Goal("als_cholesky", 4, 7),)),
    Row("time to implicit's 15-sweep objective", "3x", "5x", (Goal("als_time", 3, 5),)),
    Row("item-kNN K=100", "2.2x", "5x", (Goal("item_knn", 2.2, 5),)),
    Row("EASE inverse vs numpy inv", "4x", "6x", (Goal("ease_inverse", 4, 6),)),
    Row(
        "BPR/WARP update d=64",
        "0.40 us",
        "0.20 us",
        (
            Goal("bpr_update", 0.40, 0.20, "us", at_most=True, about="BPR"),
            Goal("warp_update", 0.40, 0.20, "us", at_most=True, about="WARP"),
        ),
    ),
    Row(
        "recommend-all with seen filter, identical lists",
        "1.7x",
        "2.5x (4x with pruning)",
        (
            Goal("recommend_all", 1.7, 2.5, about="every score computed"),
            Goal("recommend_all_pruned", 1.7, 4, about="with pruning"),
        ),
    ),
    Row(
        "default index vs hnswlib at recall@10 >= .95, 50 k-1 M vectors, one thread",
        "1.5x QPS, 1/4 memory",
        "3x",
        (Goal("index_qps", 1.5, 3, about="QPS"), Goal("index_memory", 0.25, 0.25, at_most=True, about="memory")),
    ),
    Row(
        "search filtered to 1 % of items, recall >= .95",
        "0.2 ms",
        "0.1 ms",
        (Goal("index_filtered", 0.2, 0.1, "ms", at_most=True),),
    ),
    Row(
        "ranking 500 candidates on one thread: 50 columns through 100 trees of 31 leaves",
        "2.0 ms",
        "0.8 ms",
        (Goal("trees", 2.0, 0.8, "ms", at_most=True),),
    ),
    Row(
        "ranking 500 candidates on one thread: an MLP 128-64",
        "0.47 ms",
        "0.26 ms with the user half shared",
        (
            Goal("mlp", 0.47, 0.47, "ms", at_most=True, about="50 inputs, every row whole"),
            Goal("mlp_wide", 0.47, 0.47, "ms", at_most=True, about="128 inputs, every row whole"),
            Goal("mlp_wide_shared", 0.47, 0.26, "ms", at_most=True, about="128 inputs, the user half shared"),
            Goal("mlp_shared", 0.47, 0.26, "ms", at_most=True, about="50 inputs, the user half shared"),
        ),
    ),
    Row(
        "one pass of SASRec d=64, 2 layers, 50 events, MovieLens 1M and Beauty, at equal or better NDCG",
        "3x",
        "3x",
        (
            Goal("sequence_rectools", 3, 3, about="RecTools, NDCG on MovieLens 100K"),
            Goal("sequence_recbole", 3, 3, about="RecBole, NDCG on MovieLens 100K"),
        ),
    ),
    Row(
        "a history of 50 events encoded by a graph and 10 of 1 M items found, one thread",
        "3 ms",
        "3 ms",
        (Goal("encode_and_search", 3.0, 3.0, "ms", at_most=True),),
    ),
    Row("training memory vs implicit", "<= 1.2x", "<= 1.0x", (Goal("training_memory", 1.2, 1.0, at_most=True),)),
)

GOALS = {goal.key: goal for row in ROWS for goal in row.goals}

BOUNDS = {
    "als_cg": (
        "A sweep is bound by fetching vectors, not by arithmetic: the first pass over an entry takes 33 ns on the "
        "items' side, where the users' table (35 MB) does not fit in the third-level cache, and every further pass "
        "9; three steps of conjugate gradients need four passes. What is done once (1.2 s) weighs a tenth of five "
        "sweeps; a later sweep alone is 3.0 times faster."
    ),
    "als_time": (
        "The peer's fifteen sweeps are matched by fourteen of ours at relaxation 1.5, so the ratio is that of a "
        "sweep. On a million events eight of ours suffice (4.5x)."
    ),
    "recommend_all": (
        "Random vectors leave nothing to prune. The product of matrices alone runs at 96 billion operations a second "
        "on one core here, ours at 80 and the peer at 45, so 2.1 is the ceiling. Where other work shares the caches, "
        "looking over the tiles costs twice: at a load of 6 the same pair gave 1.55. On fitted vectors most of the "
        "product is never made: see the row with pruning."
    ),
    "item_knn": (
        "Two thirds of the time on 20 million events add up counts, 4.8 billion pairs of events at 0.8 ns, each "
        "pair of items once: additions scattered over a row of the catalogue, and about 1 ns is what the caches "
        "allow for those. At a load of 5 the pair of 20 million events gave 5.7x, at a load of 11, where others "
        "share the cache, 4.6x. On a million events what is done once weighs more."
    ),
    "warp_update": (
        "An event is not one step but the search for a mistake: two items are looked at per event in the first "
        "pass, ten from the eighth on, at 16 to 18 ns each (256 bytes from the second-level cache, a product of "
        "64 and a branch nobody can predict); a step follows for seven events of ten. The figure is within a "
        "hundredth of the aim and falls on either side of it from run to run."
    ),
    "index_qps": (
        "The smallest size decides: at 50,000 x 128 a third of the 30 us are Python around the compiled call. "
        "200,000 x 64 is at the aim within what runs differ by, a million x 64 beyond it."
    ),
    "mlp_wide_shared": (
        "16.4 million operations are left of 24.6, which at 75 billion a second are 0.22 ms; gathering and filling up "
        "the inputs takes 0.08 and Python around the runtime 0.1. At a load of 10 the same call takes 0.55 ms."
    ),
    "mlp_shared": (
        "Of 50 inputs sharing half saves a sixth of the arithmetic and costs a step of its own, so it gains nothing; "
        "0.05 to 0.1 ms are Python around the runtime."
    ),
    "index_filtered": (
        "Where the allowed ids come with each query, finding and sorting their slots is three quarters of the "
        "time and grows with their number; a filter prepared once (`index.prepare`) leaves the search alone."
    ),
}
"""By goal, what keeps its aim out of reach, from a profile or the roofline."""
