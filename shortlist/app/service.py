"""The one object behind every door: the serving state, the event log, the ledger, and the change of bundles.

A bundle is verified, loaded, caught up with the log and warmed beside the serving one; then one reference changes
hands. Whatever fails on the way leaves the old state serving. A question takes the reference once, so every answer is
made of one bundle. Use cases are functions in the files beside this one; the service only holds what they share.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shortlist.app.clock import Clock
from shortlist.app.recorder import Recorder
from shortlist.app.state import State
from shortlist.app.warm import priced, try_out
from shortlist.core.errors import BadSpec, BundleMismatch, Conflict, NoBundle
from shortlist.core.settings import Settings
from shortlist.core.settings import settings as read_settings
from shortlist.features.stored import PublishedState
from shortlist.stores.memory import MemoryEventLog, MemoryLedger

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset
    from shortlist.pipeline.spec import PipelineSpec
    from shortlist.stores.base import FeatureStore

REPLAY_ROWS = 10_000
"""Events read from the log at once."""


class Service:
    """State of the use cases.

    Args:
        log: where events are kept; None keeps them in memory.
        ledger: where decisions are kept; None keeps them in memory.
        root: folder of published bundles, or None if there is none to promote from.
        wall: gives wall time, UTC seconds.
        features: store from which declared features are read; None reads them from memory.
        publishes: whether this process writes that store.
    """

    def __init__(
        self,
        log: Any = None,
        ledger: Any = None,
        *,
        root: Path | None = None,
        wall: Callable[[], float] = time.time,
        features: FeatureStore | None = None,
        publishes: bool = True,
    ) -> None:
        self.features, self._publishes = features, publishes
        self.log = MemoryEventLog() if log is None else log
        self.ledger = MemoryLedger() if ledger is None else ledger
        self.root = root
        self.recorder = Recorder(self.ledger)
        self.wall = wall
        self.is_ready = False
        """Whether a verified, warmed state serves."""
        self._is_warm = False
        self._state: State | None = None
        self._anew: Callable[[], State] | None = None
        self._writing = threading.Lock()
        self._changing = threading.Lock()

    # --- making one ---------------------------------------------------------------------------------------------------

    @classmethod
    def open(cls, settings: Settings | None = None, *, root: Path | None = None) -> Self:
        """A service over the stores of the settings and the current bundle, if one is published.

        Args:
            settings: None reads those of this process.
            root: folder of bundles; None takes `bundles` under the settings' home.

        Raises:
            BundleCorrupt, BundleMismatch: the current bundle is damaged; roll back first.
            StoreUnavailable: the event log or the ledger cannot be opened.
        """
        from shortlist import bundles
        from shortlist.stores.open import open_store

        settings = settings or read_settings()
        root = settings.home / "bundles" if root is None else root
        store = settings.store
        log = open_store("event_log", store.events or store.default)
        features = None if store.features is None else open_store("feature_store", store.features)
        ledger = open_store("ledger", store.ledger or store.default)
        service = cls(log, ledger, root=root, features=features, publishes=store.publish_features)
        current = bundles.current(root)
        if current is not None:
            service.swap(bundles.load(current.path))
        return service

    @classmethod
    def of(
        cls,
        data: Dataset,
        models: Mapping[str, Any],
        specs: Mapping[str, PipelineSpec],
        *,
        bundle: str = "unpublished",
        **options: Any,
    ) -> Self:
        """A service over parts that were never published: for tests, notebooks and demonstrations.

        Args:
            data: events and tables.
            models: fitted models by the label the specs give them.
            specs: pipeline by surface.
            bundle: what answers call it.
            options: as the constructor's.
        """
        service = cls(**options)
        service.swap_parts(bundle, data, models, specs, service.wall())
        return service

    # --- what is served -----------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The serving state; take it once per question.

        Raises:
            NoBundle: nothing is served yet.
        """
        if self._state is None:
            raise NoBundle("No bundle is being served yet.", hint="Publish one: shortlist demo, or shortlist train.")
        return self._state

    def anew(self) -> State:
        """Another state over the serving bundle, in memory, that has not seen any event of the log yet.

        Raises:
            NoBundle: nothing is served yet.
        """
        if self._anew is None:
            raise NoBundle("No bundle is being served yet.", hint="Publish one: shortlist demo, or shortlist train.")
        return self._anew()

    @property
    def bundle_id(self) -> str | None:
        """Id of the serving bundle, or None."""
        return None if self._state is None else self._state.bundle

    @property
    def serves(self) -> bool:
        """Whether there is a state at all."""
        return self._state is not None

    def swap(self, bundle: Any, *, before: Callable[[], object] | None = None) -> None:
        """Serve another bundle.

        Args:
            bundle: as `bundles.load` gives it: verified.
            before: called when the new state can answer, just before it does; its failure keeps the old one.

        Raises:
            BundleMismatch: it cannot answer; the old one keeps serving.
            Conflict: another change is under way.
        """
        created_at = bundle.manifest.created_at
        try:
            self.swap_parts(bundle.id, bundle.data, bundle.models, bundle.specs, created_at, before=before)
        except BadSpec as error:
            raise BundleMismatch(
                f"Bundle '{bundle.id}' cannot answer: {error.message}", hint=error.hint or "Publish it again."
            ) from None

    def swap_parts(
        self,
        bundle: str,
        data: Dataset,
        models: Mapping[str, Any],
        specs: Mapping[str, PipelineSpec],
        published_at: float,
        *,
        before: Callable[[], object] | None = None,
    ) -> None:
        """As `swap`, from single parts.

        Raises:
            BadSpec: a pipeline cannot be built over these parts. Otherwise as `swap`.
        """
        if not self._changing.acquire(blocking=False):
            raise Conflict("Another bundle is being loaded.", hint="Wait for it, then try again.")
        try:
            at = data.interactions.at
            end = float(at.max()) if len(at) else None
            clock = Clock(end, published_at, has_dates=data.clock == "unix", wall=self.wall)
            state = State(bundle, data, models, specs, clock, store=self.features, publishes=self._publishes)

            def anew() -> State:
                same = Clock(end, published_at, has_dates=data.clock == "unix", wall=self.wall)
                return State(bundle, data, models, specs, same)

            self._replay(state)
            if isinstance(state.features, PublishedState):
                state.features.publish_all()
            state.troubles, state.costs = try_out(state), priced(state)
            if self._is_warm:
                state.learning.prepare()
            if before is not None:
                before()
            with self._writing:
                # No event can be logged meanwhile, so nothing falls between the two states.
                self._replay(state)
                self._state, self._anew = state, anew
            # The state before stays usable for answers that began with it; it is dropped with the last of them.
            self.is_ready = True
        finally:
            self._changing.release()

    def warm(self) -> None:
        """Answer a few lists on every surface and make models ready to learn, so that no caller pays for either.

        For servers; every state that is swapped in later is prepared likewise, before it answers anybody.

        Raises:
            NoBundle: nothing is served yet.
            BundleMismatch: a pipeline cannot answer.
        """
        self._is_warm = True
        state = self.state
        state.troubles = try_out(state)
        with self._writing:
            state.learning.prepare()
        self.is_ready = True

    def append(self, events: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        """Log and fold under one lock, so that live state sees events in the order of the log.

        Args:
            events: appends to the log and returns outcomes whose `event` is set where it was accepted.
        """
        with self._writing:
            state = self._state
            before = self.log.last_seq() if state is not None else 0
            outcomes = events()
            if state is not None:
                accepted = [outcome.event for outcome in outcomes if outcome.event is not None]
                if state.seq < before:
                    # Another process wrote to the log as well; read it in order instead of trusting our own rows.
                    self._replay(state)
                else:
                    state.fold(accepted, self.log.last_seq())
            return outcomes

    def close(self) -> None:
        """Write waiting decisions and let go of the stores."""
        self.recorder.close()
        if self._state is not None:
            self._state.close()
        self.log.close()
        self.ledger.close()
        if self.features is not None:
            self.features.close()

    def _replay(self, state: State) -> None:
        """Fold what the log has beyond the state's place."""
        while True:
            rows = self.log.read(state.seq, REPLAY_ROWS)
            if rows:
                state.fold((row.event for row in rows), rows[-1].seq)
            if len(rows) < REPLAY_ROWS:
                return
