"""Search of settings: many fits on a part of the training data, and one look at the test part in the end.

Every trial fits a model (or a pipeline with one of its models changed) and is judged on requests cut from the training
part; the protocol's own requests are asked only twice, by the defaults and by the winner, so the reported gain is not
the search's own luck. Trials go to a file as they end: a search that was stopped goes on where it was, and one that is
asked for more trials adds them.

The sampler is Optuna's multivariate tree-structured Parzen estimator, the pruner its median rule over the seeds of a
trial. Papers: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; Akiba et al., "Optuna", KDD
2019.
Cost: trials x seeds fits, and two more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shortlist.core import registry
from shortlist.core.errors import BadConfig, MissingExtra, ShortlistError
from shortlist.data.dataset import Dataset
from shortlist.data.splits import split
from shortlist.evaluation.result import Result, compare
from shortlist.jobs.space import Choice, Range, Space, checked, space_of
from shortlist.jobs.subjects import ModelSubject, PipelineSubject, Subject
from shortlist.jobs.train import cut_for_replay
from shortlist.pipeline.spec import load_spec

if TYPE_CHECKING:
    import optuna

Progress = Callable[[int, int, str], None]
WARM_UP = 8
"""Trials drawn at random before the sampler trusts what it has seen, and before anything is pruned."""


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        number: in order of their start; 0 holds the present settings, where the space has them.
        settings: what was searched, with the values of this trial.
        value: the metric on the validation part, mean over seeds; None where the trial ended early.
        state: "complete", "pruned" or "failed".
        error: why it failed, or "".
    """

    number: int
    settings: Mapping[str, Any]
    value: float | None
    state: str
    error: str = ""


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    Attributes:
        subject: model, and pipeline if there is one.
        protocol: description of the split, with data, fingerprint and options.
        metric: the figure that was maximised, as "ndcg@10".
        trials: all of the study, this run's and earlier ones'.
        best: the best of them.
        importance: share of each setting in how the metric varied over the trials; empty with too few.
        default: figures of the default settings on the test part.
        tuned: figures of the best settings on the test part.
        comparison: tuned against default, paired over requests.
        study: file and name of the study, or "" for one that was kept in memory.
    """

    subject: Mapping[str, str]
    protocol: Mapping[str, Any]
    metric: str
    trials: tuple[Trial, ...]
    best: Trial
    importance: Mapping[str, float]
    default: Result
    tuned: Result
    comparison: Mapping[str, Any]
    study: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        counts = {state: sum(t.state == state for t in self.trials) for state in ("complete", "pruned", "failed")}
        return {
            "subject": dict(self.subject),
            **self.protocol,
            "metric": self.metric,
            "trials": counts,
            "best": {"trial": self.best.number, "settings": dict(self.best.settings), "validation": self.best.value},
            "importance": dict(self.importance),
            "test": {"default": self.default.metrics[self.metric], "tuned": self.tuned.metrics[self.metric]},
            "comparison": dict(self.comparison),
            "study": self.study,
        }


def tune(
    model: str,
    data: Dataset,
    *,
    pipeline: str | Path | None = None,
    protocol: str = "leave-last-out",
    options: Mapping[str, Any] | None = None,
    space: Mapping[str, Range | Choice] | None = None,
    fixed: Mapping[str, Any] | None = None,
    metric: str = "ndcg",
    k: int = 10,
    trials: int = 30,
    seeds: int = 1,
    seconds: float | None = None,
    storage: Path | None = None,
    seed: int = 0,
    threads: int = 2,
    progress: Progress | None = None,
) -> Tuning:
    """Search settings of a registry row.

    Args:
        model: registry name of a retriever; or, with `pipeline`, name or label of one of its models (a ranker, say).
        data: what to divide.
        pipeline: shipped name or file of the pipeline whose lists are judged; its data is cut as `shortlist train`
            does, and `protocol` and `options` do not apply.
        protocol: named protocol of lists.
        options: of the protocol.
        space: what to search; None takes every setting that has a scale.
        fixed: settings that all trials share.
        metric: registry name of a metric of lists.
        k: list length, 1 to 500.
        trials: how many the study shall have in the end, earlier runs included.
        seeds: fits per trial; a trial whose first seeds are below the median of the others is pruned.
        seconds: stop starting trials after so long.
        storage: SQLite file of the study, made if needed; None keeps it in memory.
        seed: of the sampler, the fits and the cut.
        threads: cores a fit may use.
        progress: called with (trials done, trials in all, best so far).

    Raises:
        UnknownName: no such model, protocol or metric.
        BadConfig: an impossible setting, range or number.
        MissingExtra: Optuna is not installed.
        ShortlistError: every trial failed; the last reason.
    """
    optuna = _optuna()
    if trials < 1 or seeds < 1:
        raise BadConfig("A search needs at least one trial and one seed.", field="trials")
    fixed = dict(fixed or {})
    registry.find(metric, "metric")
    subject: Subject
    if pipeline is None:
        subject = ModelSubject(model, split(data, protocol, **(options or {})), fixed, metric, k, threads, seed)
    else:
        subject = PipelineSubject(model, load_spec(pipeline), cut_for_replay(data), fixed, metric, k, threads, seed)
    searched = checked(space or space_of(subject.config), subject.config, fixed)
    study, where = _study(optuna, subject, searched, seeds, storage, seed)
    before = len(study.trials)

    def objective(trial: Any) -> float:
        settings = {name: dimension.draw(trial, name) for name, dimension in searched.items()}
        found = []
        for step in range(seeds):
            try:
                found.append(subject.validate(settings, seed + step))
            except ShortlistError as error:
                trial.set_user_attr("error", error.message)
                raise
            trial.report(sum(found) / len(found), step)
            if step + 1 < seeds and trial.should_prune():
                raise optuna.TrialPruned
        return sum(found) / len(found)

    def ended(study: Any, trial: Any) -> None:
        if progress is not None:
            progress(len(study.trials), max(trials, before), _best_so_far(study, subject.metric))

    if progress is not None:
        progress(before, max(trials, before), "")
    wanted = trials - sum(t.state.is_finished() for t in study.trials)
    if wanted > 0:
        study.optimize(objective, n_trials=wanted, timeout=seconds, callbacks=[ended], catch=(ShortlistError,))
    listed = tuple(_trial(t) for t in study.trials if t.state.is_finished())
    complete = [t for t in listed if t.value is not None]
    if not complete:
        last = listed[-1].error if listed else "none was started"
        raise BadConfig(f"No trial could be judged: {last}", hint="Narrow the search, or fix the setting at fault.")
    best = max(complete, key=lambda t: (t.value, -t.number))
    default, tuned = (subject.test(settings, seed) for settings in ({}, best.settings))
    return Tuning(
        subject=subject.names,
        protocol=subject.made.describe(),
        metric=subject.metric,
        trials=listed,
        best=best,
        importance=_importance(optuna, study),
        default=default,
        tuned=tuned,
        comparison=compare(tuned, default, subject.metric, seed=seed).to_dict(),
        study=where,
    )


# --- the study -------------------------------------------------------------------------------------------------------


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise MissingExtra("optuna", "tune") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _study(
    optuna: Any, subject: Subject, space: Space, seeds: int, storage: Path | None, seed: int
) -> tuple[optuna.Study, str]:
    """A new study with the defaults first, or the one of the same question that the file already holds."""
    question = {
        "subject": dict(subject.names),
        "split": subject.made.describe(),
        "metric": subject.metric,
        "space": {name: repr(dimension) for name, dimension in space.items()},
        "seeds": seeds,
        "seed": seed,
    }
    text = json.dumps(question, sort_keys=True, default=str)
    name = f"{'-'.join(subject.names.values())} {hashlib.sha256(text.encode()).hexdigest()[:12]}"
    url = None
    if storage is not None:
        storage.parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{storage}"
    study = optuna.create_study(
        study_name=name,
        storage=url,
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(n_startup_trials=WARM_UP, seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=WARM_UP),
    )
    if study.trials:
        # A sampler that starts again with the same seed would draw the same settings again.
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=WARM_UP, seed=seed + len(study.trials))
    else:
        study.set_user_attr("question", text)
        study.enqueue_trial(
            {name: subject.start[name] for name, among in space.items() if subject.start[name] in among}
        )
    return study, f"{storage}: {name}" if storage is not None else ""


def _trial(trial: optuna.trial.FrozenTrial) -> Trial:
    state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(trial.state.name, "failed")
    value = trial.value if state == "complete" else None
    return Trial(trial.number, dict(trial.params), value, state, str(trial.user_attrs.get("error", "")))


def _best_so_far(study: optuna.Study, metric: str) -> str:
    try:
        return f"best {metric} {study.best_value:.4f}"
    except ValueError:
        return ""


def _importance(optuna: Any, study: optuna.Study) -> dict[str, float]:
    """How much each setting moved the metric; nothing where too few trials ended to tell."""
    complete = [t for t in study.trials if t.state.name == "COMPLETE"]
    if len(complete) < WARM_UP or len({t.value for t in complete}) < 2:
        return {}
    found = optuna.importance.get_param_importances(study)
    return {name: float(share) for name, share in found.items()}
