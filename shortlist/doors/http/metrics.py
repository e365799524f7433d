"""What Prometheus reads: requests, latencies, events, stages, short and cold answers. No label names a user or item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from shortlist.app.counted import Age, Counted

if TYPE_CHECKING:
    from shortlist.pipeline.costs import ScorerCost

LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
STAGE_MS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0)
COSTS = (
    ("ms", "Wall milliseconds of scoring one request's candidates, measured when the bundle was loaded.", "ms"),
    ("budget_ms", "Milliseconds that it may take.", "budget_ms"),
    ("rows", "Candidates that were scored in that time.", "rows"),
    ("cap_rows", "Candidates of a request that are scored at most; absent without a cap.", "most"),
)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Live(Collector):
    """Counts that the serving state keeps itself; they fall back to zero when a bundle is changed, as after a start."""

    counts: Sequence[Counted] = ()
    costs: Sequence[ScorerCost] = ()
    ages: Sequence[Age] = ()

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """One line per surface, feature or model, and reason; what each scorer costs; the age of features with one."""
        family = CounterMetricFamily(
            "shortlist_unusual_values",
            "Feature values that were missing, stale, overflowing or failed, rows of scenarios a ranker does not know.",
            labels=["surface", "name", "reason"],
        )
        for one in self.counts:
            family.add_metric([one.surface, one.name, one.reason], one.values)
        yield family
        for name, about, value in COSTS:
            gauge = GaugeMetricFamily(f"shortlist_scorer_{name}", about, labels=["surface", "stage"])
            for cost in self.costs:
                found = getattr(cost, value)
                if found is not None:
                    gauge.add_metric([cost.surface, cost.stage], found)
            yield gauge
        age_s = GaugeMetricFamily(
            "shortlist_feature_age_seconds",
            "Seconds since the latest news of anybody in the last batch, of features with a ttl.",
            labels=["surface", "name"],
        )
        for age in self.ages:
            age_s.add_metric([age.surface, age.name], age.seconds)
        yield age_s


class Metrics:
    """Counters of one server; each app has its own registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("shortlist_requests", "Answers by route.", "method", "route", "status")
        self._seconds = Histogram(
            "shortlist_request_seconds", "Latency by route.", ["route"], buckets=LATENCY_S, registry=self._registry
        )
        self._events = self._counter("shortlist_events", "Event rows by what became of them.", "status")
        self._ahead = self._counter(
            "shortlist_events_ahead", "Accepted events whose sender's clock was ahead; taken for ones of now."
        )
        self._stage_ms = Histogram(
            "shortlist_stage_ms",
            "Milliseconds by pipeline stage.",
            ["surface", "stage"],
            buckets=STAGE_MS,
            registry=self._registry,
        )
        self._slates = self._counter("shortlist_slates", "Lists served.", "surface", "served_by")
        self._cold = self._counter("shortlist_cold_slates", "Lists served to unknown users.", "surface")
        self._short = self._counter("shortlist_short_slates", "Lists shorter than asked for.", "surface")
        self._degraded = self._counter("shortlist_degraded", "Parts that failed open.", "part")
        self._without_score = self._counter(
            "shortlist_rows_without_score", "Candidates that a scorer gave no finite score.", "surface", "stage"
        )
        self._over_cap = self._counter(
            "shortlist_rows_over_cap", "Candidates that a scorer's cap kept from being scored.", "surface", "stage"
        )
        self._live = Live()
        self._registry.register(self._live)
        self._waiting = Gauge("shortlist_calls_inside", "Calls running or waiting now.", registry=self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is the template, never the path itself."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def events(self, counts: Mapping[str, int]) -> None:
        """Count event rows by status."""
        for status, n in counts.items():
            self._events.labels(status).inc(n)

    def ahead(self, rows: int) -> None:
        """Count accepted events that were stated to lie ahead."""
        self._ahead.inc(rows)

    def slate(self, surface: str, served_by: str, *, cold: bool, short: bool, degraded: Iterable[str]) -> None:
        """Count one served list."""
        self._slates.labels(surface, served_by).inc()
        if cold:
            self._cold.labels(surface).inc()
        if short:
            self._short.labels(surface).inc()
        for part in degraded:
            self._degraded.labels(part).inc()

    def stage(self, surface: str, stage: str, ms: float) -> None:
        """Record how long one stage took."""
        self._stage_ms.labels(surface, stage).observe(ms)

    def without_score(self, surface: str, stage: str, rows: int) -> None:
        """Count candidates that a scorer gave no number."""
        self._without_score.labels(surface, stage).inc(rows)

    def over_cap(self, surface: str, stage: str, rows: int) -> None:
        """Count candidates that were too many to be scored."""
        self._over_cap.labels(surface, stage).inc(rows)

    def text(
        self,
        inside: int,
        counts: Sequence[Counted] = (),
        costs: Sequence[ScorerCost] = (),
        ages: Sequence[Age] = (),
    ) -> bytes:
        """Everything in Prometheus' text format."""
        self._waiting.set(inside)
        self._live.counts, self._live.costs, self._live.ages = counts, costs, ages
        return generate_latest(self._registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self._registry)
