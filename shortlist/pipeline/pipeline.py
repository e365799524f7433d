"""A pipeline with everything it needs: a spec, its fitted models, and the runner that a server would run.

`fit` fits every model of the spec. Rankers are taught without a leak: the retrievers whose scores they read are first
fitted on what lies before a cut in time, the ranker learns from the impressions after it, and only then are the
retrievers fitted again on everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shortlist.core.contracts import FitContext
from shortlist.core.errors import EmptyTraining, NotFitted
from shortlist.core.registry import find
from shortlist.pipeline.build import build, offline_world, unmet
from shortlist.pipeline.frames import list_frame, make_requests
from shortlist.pipeline.reasons import reasons
from shortlist.pipeline.run import Runner
from shortlist.pipeline.spec import MODEL_KINDS, ModelSpec, PipelineSpec, load_spec
from shortlist.pipeline.teaching import Taught, fit_retrievers, shown_in, teach

if TYPE_CHECKING:
    import polars as pl

    from shortlist.data.dataset import Dataset
    from shortlist.stores.base import Ledger


class Pipeline:
    """A spec that can be fitted and asked.

    Attributes:
        spec: what it is made of.
        models: fitted models by label.
        data: what they were fitted on.
        notes: what `fit` left out, by model label, and why.
        seconds: time each fit took, by model label.
    """

    def __init__(self, spec: PipelineSpec) -> None:
        self.spec = spec
        self.models: dict[str, Any] = {}
        self.data: Dataset | None = None
        self.notes: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self._runner: Runner | None = None

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """From a TOML file, or a shipped spec by its name ("home").

        Raises:
            BadSpec: names what is wrong with it.
        """
        return cls(load_spec(source))

    @classmethod
    def assembled(cls, spec: PipelineSpec, data: Dataset, models: Mapping[str, Any], ledger: Any = None) -> Self:
        """From fitted parts, as a bundle brings them."""
        made = cls(spec)
        made.models, made.data = dict(models), data
        made._runner = build(spec, offline_world(data, models, ledger))
        return made

    def __repr__(self) -> str:
        state = "not fitted" if self.data is None else f"fitted on '{self.data.name}' with {', '.join(self.models)}"
        return f"Pipeline('{self.spec.name}', surface '{self.spec.surface}', hash {self.spec.hash}, {state})"

    @property
    def runner(self) -> Runner:
        """The built pipeline. Raises: NotFitted before the first fit."""
        if self._runner is None:
            raise NotFitted(f"Pipeline '{self.spec.name}' is not fitted yet.", hint="Call fit(data) first.")
        return self._runner

    def fit(
        self,
        train: Dataset,
        ctx: FitContext | None = None,
        *,
        fitted: Mapping[str, Any] | None = None,
        ledger: Ledger | None = None,
    ) -> Self:
        """Fit every model of the spec, forgetting earlier fits.

        Args:
            train: events; with impressions, rankers learn from them, without, from made-up ones.
            ctx: seed and threads of every fit.
            fitted: retrievers by label that were fitted on just this data for another pipeline; not fitted again.
            ledger: decisions whose logged columns teach rankers where impressions name them.

        Raises:
            EmptyTraining: no interactions.
            BadSpec: the spec does not fit the data; names the stage and what it lacks.
        """
        ctx = ctx or FitContext()
        if train.n_events == 0:
            raise EmptyTraining(
                f"'{train.name}' has no interactions to fit the pipeline on.",
                hint="Check the reader's report with: shortlist data check",
            )
        self.models, self.notes, self.seconds, self._runner = {}, {}, {}, None
        world = offline_world(train)
        extra = ("impressions",) if shown_in(train) is not None else ()
        wanted: dict[str, list[ModelSpec]] = {kind: [] for kind in MODEL_KINDS}
        for model in self.spec.model:
            missing = unmet(model.when, world, extra)
            if missing:
                self.notes[model.label] = f"left out: needs {missing}"
            else:
                wanted[find(model.use, *MODEL_KINDS).kind].append(model)
        taught = Taught()
        if wanted["ranker"]:
            taught = teach(self.spec, wanted["ranker"], wanted["retriever"], train, ctx, ledger)
        self.notes |= taught.notes
        shared = {m.label: fitted[m.label] for m in wanted["retriever"] if fitted and m.label in fitted}
        missing_ones = [model for model in wanted["retriever"] if model.label not in shared]
        self.models = {**shared, **fit_retrievers(missing_ones, train, ctx, self.seconds), **taught.models}
        self.seconds |= taught.seconds
        self.data = train
        self._runner = build(self.spec, offline_world(train, self.models))
        return self

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Go on without some fitted models.

        Args:
            reasons: why, by label; labels that were not fitted are passed over.

        Raises:
            BadSpec: a stage cannot do without one of them.
        """
        gone = [label for label in reasons if label in self.models]
        if not gone or self.data is None:
            return
        self.models = {label: model for label, model in self.models.items() if label not in gone}
        self.notes |= {label: f"left out: {reasons[label]}" for label in gone}
        self._runner = build(self.spec, offline_world(self.data, self.models))

    def recommend(
        self,
        users: Any,
        k: int | None = None,
        *,
        explain: bool = False,
        items: Any = None,
        exclude: Any = None,
        filter_seen: bool = True,
        filter: str | None = None,
        context: Mapping[str, Any] | None = None,
        on_unknown: str = "cold",
    ) -> pl.DataFrame:
        """Lists for external user ids, as a server would answer now.

        Args:
            users: one id or many.
            k: list length, 1 to 500; the spec's when None.
            explain: add the column `reasons`.
            items: only these items are candidates.
            exclude: these items never come back.
            filter_seen: leave out what the user already had.
            filter: a condition over item columns.
            context: `now` (UTC seconds; just after the data when absent) and further query columns.
            on_unknown: "cold", "raise" or "drop".

        Returns:
            Frame `user_id, item_id, score, rank[, reasons]`; reasons are structs `code, source, item_id, weight`.
        """
        import polars as pl

        runner, data = self.runner, self.data
        assert data is not None
        ids, requests = make_requests(
            data,
            users,
            self.spec.k if k is None else k,
            items=items,
            exclude=exclude,
            filter=filter,
            context=context,
            on_unknown=on_unknown,
            surface=self.spec.surface,
        )
        skip = () if filter_seen else ("seen",)
        slates = runner.run(requests, strict=True, skip=skip)
        frame = list_frame(data, ids, slates)
        if not explain:
            return frame
        said = [
            [
                {
                    "code": reason.text_code,
                    "source": reason.source,
                    "item_id": None if reason.item is None else data.items.ids[reason.item],
                    "weight": reason.weight,
                }
                for reason in row
            ]
            for b in range(len(ids))
            for row in reasons(runner, slates, b)
        ]
        fields = {"code": pl.String, "source": pl.String, "item_id": pl.String, "weight": pl.Float64}
        return frame.with_columns(pl.Series("reasons", said, pl.List(pl.Struct(fields))))
