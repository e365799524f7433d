"""Two models, user by user: the difference of every metric with its interval, and who wins how often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.registry import create
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, split
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.result import compare

METRICS = ("recall", "ndcg", "map")


def compare_models(
    first: str,
    second: str,
    data: Dataset,
    *,
    protocol: str = "leave-last-out",
    k: int = 10,
    seed: int = 0,
    threads: int = 2,
    progress: Callable[[int, int, str], None] = lambda done, total, label: None,
) -> dict[str, Any]:
    """Fit both on the same events, ask both the same requests, and compare.

    Returns:
        `{"protocol", "data", "fingerprint", "k", "requests", "metrics": {"ndcg@10": {"first", "second", "difference",
        "low", "high", "p", "wins", "ties", "losses"}}}`.

    Raises:
        UnknownName: a model or protocol that does not exist.
        BadConfig: a protocol that judges rows instead of lists.
    """
    cut = split(data, protocol)
    if not isinstance(cut, Split):
        raise BadConfig(
            f"Protocol '{protocol}' judges single rows.", hint="Use one that asks for lists.", field="protocol"
        )
    ctx = FitContext(seed=seed, threads=threads)
    results = []
    for done, name in enumerate((first, second)):
        progress(done, 2, name)
        model = create(name, "retriever").fit(cut.fit_on, ctx)
        results.append(evaluate(model, cut, k, metrics=METRICS, seed=seed))
    progress(2, 2, "")
    rows = {}
    for metric in METRICS:
        found = compare(results[0], results[1], f"{metric}@{k}", seed=seed)
        rows[f"{metric}@{k}"] = {
            "first": found.mean_a,
            "second": found.mean_b,
            **{key: getattr(found, key) for key in ("difference", "low", "high", "p", "wins", "ties", "losses")},
        }
    return {
        "protocol": cut.protocol,
        "data": data.name,
        "fingerprint": data.fingerprint,
        "k": k,
        "requests": len(cut.test),
        "first": first,
        "second": second,
        "metrics": rows,
    }
