"""From a dataset to a published, measured bundle: fit on everything, judge on the past, publish, promote.

The figures that go with a bundle come from the same pipeline fitted without what it is asked; the models that serve are
then fitted on all of it. A pipeline that does worse than its own candidates by more than chance does not replace the
bundle that serves, unless the caller insists. Cost: two fits of every model, one replay.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shortlist.bundles import BundleRef, as_served, current, promote, publish
from shortlist.bundles.track import mark_production, record_run
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, BadSpec, StoreUnavailable
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, split
from shortlist.evaluation.backtest import Backtest, backtest, replay_split
from shortlist.jobs.watermark import complete_until
from shortlist.pipeline.costs import asks_for_cap, fixed
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import PipelineSpec

if TYPE_CHECKING:
    from shortlist.stores.base import Ledger

Progress = Callable[[int, int, str], None]
Promotion = Literal["gate", "insist", "none"]

SURFACES = ("home", "similar", "session")
"""Shipped pipelines that a bundle carries when the caller names none."""
HELD_BACK = 0.8
"""Where a log of impressions is cut for the replay: the share of them that lies before."""


def quiet(done: int, total: int, label: str) -> None:
    """Progress nobody watches."""


@dataclass(frozen=True)
class Trained:
    """What a training run made.

    Attributes:
        bundle: the published bundle.
        promoted: whether it is the current one now.
        report: figures of the replay, as plain values.
        pipelines: the fitted pipelines by surface.
        refused: why it was not promoted, or "".
    """

    bundle: BundleRef
    promoted: bool
    report: dict[str, Any]
    pipelines: dict[str, Pipeline]
    refused: str = ""


def judge(
    data: Dataset,
    pipeline: PipelineSpec | str | Path = "home",
    *,
    k: int = 10,
    seed: int = 0,
    threads: int = 2,
    strict: bool = False,
) -> Backtest:
    """Replay the end of the log through a pipeline that has not seen it.

    Data with logged impressions is cut at a moment and every later impression is asked at its own time; other data is
    asked for each user's last event, because many public logs hold one sitting per user; `strict` keeps the event
    before it from the fit as well.

    Raises:
        BadSpec: the pipeline cannot be built on this data.
        BadConfig: `strict`, and the data is cut at a moment.
        EmptyTraining: nothing is left to learn from or to ask.
    """
    return backtest(pipeline, cut_for_replay(data, strict=strict), k, seed=seed, threads=threads)


def fit_pipelines(
    data: Dataset,
    pipelines: Sequence[str | Path] = SURFACES,
    *,
    seed: int = 0,
    threads: int = 2,
    progress: Progress = quiet,
    ledger: Ledger | None = None,
) -> dict[str, Pipeline]:
    """Fit several pipelines on one dataset; a model that two of them name alike is fitted once.

    With a `ledger`, rankers learn from the columns that were logged when their rows were shown, where it has them.

    Returns:
        Fitted pipelines by surface.

    Raises:
        BadSpec: two pipelines claim one surface, or give one label to different models.
    """
    ctx = FitContext(seed=seed, threads=threads)
    out: dict[str, Pipeline] = {}
    fitted: dict[str, Any] = {}
    described: dict[str, Any] = {}
    for done, source in enumerate(pipelines):
        pipe = Pipeline.load(source)
        surface = pipe.spec.surface
        progress(done, len(pipelines), f"fit {pipe.spec.name}")
        if surface in out:
            hint = "Give each pipeline its own `surface`."
            raise BadSpec(f"Two pipelines answer the surface '{surface}'.", hint=hint, field="surface")
        for model in pipe.spec.resolved["model"]:
            if described.setdefault(model["label"], model) != model:
                raise BadSpec(
                    f"Pipeline '{pipe.spec.name}' calls another model '{model['label']}' than an earlier one does.",
                    hint="Labels are shared within a bundle: rename one of them.",
                    field="label",
                )
        out[surface] = pipe.fit(data, ctx, fitted=fitted, ledger=ledger)
        fitted |= pipe.models
    progress(len(pipelines), len(pipelines), "")
    return out


def train(
    data: Dataset,
    pipelines: Sequence[str | Path] = SURFACES,
    *,
    home: Path,
    k: int = 10,
    seed: int = 0,
    threads: int = 2,
    promotion: Promotion = "gate",
    tracking_uri: str | None = None,
    progress: Progress = quiet,
    ledger: Ledger | None = None,
    until: float | None = None,
    lateness_s: float = 0.0,
    half_tables: bool = False,
) -> Trained:
    """Fit all pipelines on everything, judge the first one on the past, publish a bundle and promote it.

    Args:
        data: what to learn from.
        pipelines: shipped names or files; the first is the one that is judged.
        home: folder under which bundles and runs are kept.
        k: list length of the figures.
        seed: of fits and draws.
        threads: cores a fit may use.
        promotion: "gate" promotes unless the replay says that the pipeline is worse than its candidates alone while
            another bundle serves; "insist" promotes anyway; "none" publishes only.
        tracking_uri: where to record the run with MLflow besides the JSON under `home`; None nowhere.
        progress: called with (steps done, steps in all, what is done next).
        ledger: decisions whose logged columns teach rankers, where impressions name them.
        until: UTC seconds; only what lies before is used, and only if the log is complete up to there.
        lateness_s: seconds that an event may arrive late; the log must reach `until` and as much more.
        half_tables: whether served graphs keep their embedding tables in half precision.

    Raises:
        BadSpec: a pipeline does not fit the data.
        Incomplete: the log does not reach that far; nothing is fitted.
        StoreUnavailable: the bundle could not be written; nothing is published.
    """
    began = time.time()
    _check_writable(home)
    if until is not None:
        data = complete_until(data, until, lateness_s=lateness_s)
    steps = 3 + len(pipelines)
    fitted = fit_pipelines(
        data,
        pipelines,
        seed=seed,
        threads=threads,
        progress=lambda i, n, what: progress(i, steps, what or f"replay {pipelines[0]}"),
        ledger=ledger,
    )
    models: dict[str, Any] = {}
    for pipe in fitted.values():
        models |= pipe.models
    specs = {surface: pipe.spec for surface, pipe in fitted.items()}
    if any(asks_for_cap(spec) for spec in specs.values()):
        # Before the replay, so that its figures are those of the lists that will be served.
        specs, _ = fixed(specs, data, as_served(models))
    judged = judge(data, next(iter(specs.values())), k=k, seed=seed, threads=threads)
    unsound = _unsound(judged)
    for pipe in fitted.values():
        pipe.leave_out(unsound)
    models = {label: model for label, model in models.items() if label not in unsound}
    progress(len(pipelines) + 1, steps, "publish")
    report = judged.to_dict()
    figures = _figures(report)
    bundle = publish(
        home / "bundles",
        data=data,
        models=models,
        specs=specs,
        metrics=figures,
        seed=seed,
        protocol=report["protocol"],
        half_tables=half_tables,
    )
    progress(steps - 1, steps, "promote")
    refused = "only publication was asked for" if promotion == "none" else ""
    if promotion == "gate" and current(home / "bundles") is not None:
        refused = worse_than_its_candidates(judged)
    if not refused:
        promote(home / "bundles", bundle.id)
    record_run(
        home,
        name=f"train {data.name}",
        params={"pipelines": [str(p) for p in pipelines], "k": k, "seed": seed, "models": _settings(models)},
        metrics=figures,
        bundle=bundle,
        started_at=began,
        tracking_uri=tracking_uri,
    )
    if tracking_uri is not None and not refused:
        mark_production(home, bundle.id, tracking_uri)
    progress(steps, steps, "")
    return Trained(bundle, not refused, report, fitted, refused)


def worse_than_its_candidates(judged: Backtest) -> str:
    """Why a pipeline should not serve: its lists are worse than its own candidates by more than chance; else ""."""
    found = judged.comparison
    if found.high < 0:
        return (
            f"{found.metric} of the full pipeline is {found.mean_a:.4f}, of its candidates alone {found.mean_b:.4f} "
            f"(difference {found.difference:.4f}, 95 % interval {found.low:.4f} to {found.high:.4f})."
        )
    return ""


def _unsound(judged: Backtest) -> dict[str, str]:
    """Rankers that the replay had to do without, with the reason: they answered the same to everything, or no number.

    A fit on more of the log may come out otherwise, but nothing has judged it.
    """
    gave = "left out: gave "
    notes = judged.pipeline["left_out"]
    return {
        label: f"in the replay it gave {note[len(gave) :]}" for label, note in notes.items() if note.startswith(gave)
    }


def _check_writable(home: Path) -> None:
    """Find out before the work, not after it, that nothing can be written.

    Raises:
        StoreUnavailable: the folder cannot be made or written.
    """
    try:
        (home / "bundles").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home / "bundles"):
            pass
    except OSError as error:
        raise StoreUnavailable(
            f"Nothing can be written to '{home}' ({type(error).__name__}).",
            hint="Choose another folder: --home FOLDER, or SHORTLIST_HOME.",
        ) from None


def cut_for_replay(data: Dataset, *, strict: bool = False) -> Split:
    """Cut as `judge` does: at a moment where lists were logged, at each user's last event elsewhere.

    Raises:
        BadConfig: `strict` on data that is cut at a moment, where no event before the asked ones is held back.
    """
    if data.clock == "unix" and data.impressions is not None and len(data.impressions):
        if strict:
            raise BadConfig(
                f"'{data.name}' has impressions and is cut at a moment; there is no event to keep from the fit.",
                hint="Leave out --strict.",
                field="strict",
            )
        return replay_split(data, HELD_BACK)
    made: Split = split(data, "leave-last-out", strict=strict)
    return made


def _figures(report: dict[str, Any]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "pipeline": report["full"]["metrics"],
        "candidates": report["candidates"]["metrics"],
        "found": report["found"],
    }
    for label, ranker in report["ranker"].items():
        figures[label] = {"auc": ranker["auc"], "gauc": ranker["gauc"]}
    return figures


def _settings(models: dict[str, Any]) -> dict[str, Any]:
    return {label: model.get_params() for label, model in models.items()}
