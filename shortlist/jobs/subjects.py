"""What a search of settings can be about: a retriever on a protocol, or one model within a whole pipeline.

Either is judged on a part cut from its training data while settings are chosen, and on the protocol's own requests in
the end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.data.splits import Split
from shortlist.data.splits.tuning import tuning_part
from shortlist.evaluation.backtest import backtest
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.result import Result
from shortlist.jobs.train import cut_for_replay
from shortlist.pipeline.spec import PipelineSpec, load_spec


class Subject(ABC):
    """Something whose settings can be judged on a validation part and, in the end, on the test part.

    Attributes:
        config: class of its settings.
        start: the settings it has before the search.
        names: what it is called.
        metric: as "ndcg@10".
        made: the split whose test part is asked in the end.
        inner: the split of its training part.
    """

    config: Any
    start: Mapping[str, Any]
    names: Mapping[str, str]
    metric: str
    made: Split
    inner: Split

    @abstractmethod
    def ask(self, settings: Mapping[str, Any], made: Split, seed: int) -> Result:
        """Figures of a fresh fit with these settings."""

    def validate(self, settings: Mapping[str, Any], seed: int) -> float:
        """The metric on the validation part."""
        return float(self.ask(settings, self.inner, seed).metrics[self.metric])

    def test(self, settings: Mapping[str, Any], seed: int) -> Result:
        """Figures on the test part."""
        return self.ask(settings, self.made, seed)


class ModelSubject(Subject):
    """A retriever on a protocol of lists."""

    def __init__(
        self, model: str, made: Any, fixed: Mapping[str, Any], metric: str, k: int, threads: int, seed: int
    ) -> None:
        if not isinstance(made, Split):
            raise BadConfig(
                f"The protocol '{made.protocol}' judges single rows, not lists.",
                hint="Choose leave-last-out, global-time, strong-gen or published.",
                field="protocol",
            )
        self.config = registry.load(model, "retriever").Config
        self.config.parse(fixed, where=f"model '{model}'")
        self.names = {"model": model}
        self.metric = f"{metric}@{k}"
        self._name, self._k, self._threads = metric, k, threads
        self._model, self._fixed, self.made = model, fixed, made
        self.inner = tuning_part(made, seed=seed)
        self.start = self.config(**fixed).model_dump()

    def ask(self, settings: Mapping[str, Any], made: Split, seed: int) -> Result:
        """Figures of the model's lists."""
        model = registry.create(self._model, "retriever", **{**self._fixed, **settings})
        model.fit(made.train, FitContext(seed=seed, threads=self._threads))
        return evaluate(model, made, self._k, metrics=(self._name,), seed=seed)


class PipelineSubject(Subject):
    """One model of a pipeline, judged by the lists of the whole pipeline."""

    def __init__(
        self,
        model: str,
        spec: PipelineSpec,
        made: Split,
        fixed: Mapping[str, Any],
        metric: str,
        k: int,
        threads: int,
        seed: int,
    ) -> None:
        mine = _model_of(spec, model)
        self.config = registry.load(mine.use, "retriever", "ranker").Config
        self.names = {"model": mine.use, "label": mine.label, "pipeline": spec.name}
        self.metric = f"{metric}@{k}"
        self._name, self._k, self._threads = metric, k, threads
        self._label, self.made, self.inner = mine.label, made, cut_for_replay(made.train)
        self._spec = self._with(spec, fixed)
        self.start = self.config(**{**mine.config, **fixed}).model_dump()

    def ask(self, settings: Mapping[str, Any], made: Split, seed: int) -> Result:
        """Figures of the whole pipeline's lists."""
        spec = self._with(self._spec, settings)
        return backtest(spec, made, self._k, metrics=(self._name,), leaky=False, seed=seed, threads=self._threads).full

    def _with(self, spec: PipelineSpec, settings: Mapping[str, Any]) -> PipelineSpec:
        return spec.with_overrides({f"model.{self._label}.{name}": value for name, value in settings.items()})


def config_of(model: str, pipeline: str | Path | None = None) -> Any:
    """The `Config` of a retriever, or of a model of a pipeline, by name or label.

    Raises:
        UnknownName: no such retriever.
        BadConfig: the pipeline has no such model.
    """
    if pipeline is None:
        return registry.load(model, "retriever").Config
    return registry.load(_model_of(load_spec(pipeline), model).use, "retriever", "ranker").Config


def _model_of(spec: PipelineSpec, model: str) -> Any:
    """The first `[[model]]` of that label or name."""
    for entry in spec.model:
        if model in (entry.label, entry.use):
            return entry
    known = ", ".join(entry.label for entry in spec.model) or "none"
    raise BadConfig(f"Pipeline '{spec.name}' has no model '{model}'.", hint=f"Its models: {known}.", field="model")
