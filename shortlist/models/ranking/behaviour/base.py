"""Behaviour models: click networks that read, beside columns, the candidate's id and what the user did before.

The past is the history of the request: strictly before its `now`, as the pipeline read it, the same when training and
when serving. So the event that a row's label tells of is never in it, while earlier events of the same item are. Events
and candidates share one item encoder with ids and, where named, columns of the item table; an item that no learned row
or past held has no vector, is dropped from pasts, and lives from its columns as a candidate. Columns of items that came
after the fit are unknown until the next one.

Training reads a past per row. Scoring works out what a past says once per request, and per candidate only what depends
on it; a candidate's score still has the same bits in any company, because sums are in double precision and the logit is
rounded to float32.
Cost: L looked-up vectors per request besides what the reader costs. When not: with short pasts, or few rows per item,
`history_mean` and `deepfm` are as good and faster.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np
from pydantic import Field as Setting

from shortlist.core.contracts import FitContext, Shown
from shortlist.core.errors import BadConfig, LeakDetected, nearest_hint
from shortlist.core.types import Array, Candidates, Floats, History, Ints, Requests
from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import FIRST, PADDING, UNKNOWN, Schema
from shortlist.models.neural.item_content import content_by_token
from shortlist.models.neural.pasts import AGE, PAST, TARGET, pasts_of, tokens_at
from shortlist.models.neural.served_net import Encode
from shortlist.models.ranking.base import matrix_of
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker
from shortlist.models.retrieval._start import natural_order

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shortlist.models.neural.behaviour_net import BehaviourNet
    from shortlist.models.neural.behaviour_task import BehaviourTask
    from shortlist.models.neural.blocks.behaviour.past import Reader
    from shortlist.models.neural.item_encoder import ItemEncoder

TOGETHER = 512
"""Most rows that go through the network together when scoring."""
ALIKE = 16
"""Most requests that do."""


class BehaviourConfig(FieldConfig):
    """Settings common to all behaviour models."""

    max_len: int = Setting(default=50, ge=1, le=10_000)
    """Latest events that are read."""
    item_columns: tuple[str, ...] = ()
    """Columns of the item table that describe events and candidates beside their id."""
    activation: Literal["dice", "prelu", "relu"] = "dice"
    """What bends the layers of the deep part."""
    min_count: int = Setting(default=1, ge=1)
    """Codes in fewer rows, and items in fewer rows and pasts, count as unknown."""


class LongConfig(BehaviourConfig):
    """Settings of models that read long pasts: the latest events exactly, the rest in some cheaper way."""

    max_len: int = Setting(default=200, ge=1, le=10_000)
    """Latest events that are read at all."""
    recent: int = Setting(default=20, ge=1)
    """Latest events read by target attention."""


@dataclass(frozen=True)
class Rows:
    """Rows with their pasts, cut like an array.

    Attributes:
        x: float64[N, F].
        shown: N rows, of any number of requests.
    """

    x: Floats
    shown: Shown

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Rows:
        return Rows(self.x[rows], self.shown.take(rows))

    def pasts(self) -> tuple[History, Floats, Ints]:
        """Histories and moments of the requests that have a row here, and int64[N], which of these each row is of."""
        used, row = np.unique(self.shown.row, return_inverse=True)
        return self.shown.requests.history.take(used), self.shown.requests.now[used], row


class BehaviourRanker(FieldRanker):
    """Base of all behaviour models. A preset gives its `reader`.

    Learned: see `FieldRanker`; `token_` int64[M], token of each item, 1 for unknown ones; `n_known_`, how many have a
    vector; `item_fields_` and `item_column_*_`, fields of `item_columns` and their codes per token. `importance_` has
    two more entries, what the past and the item are worth.
    """

    Config: ClassVar[type[ModelConfig]] = BehaviourConfig
    contract_settings: ClassVar[dict[str, Any]] = {
        **FieldRanker.contract_settings, "max_len": 6, "item_columns": ("colour",), "activation": "relu",
    }  # fmt: skip
    faster_in_torch: ClassVar[bool] = False
    """Whether the graph, which reads the past once per candidate, loses more than it gains (`benchmarks.pasts`)."""
    token_: Ints
    n_known_: int
    item_fields_: list[dict[str, Any]]

    def reader(self, dim: int) -> Reader | None:
        """The preset's behaviour block; None reads the mean of the past alone."""
        raise NotImplementedError

    def next_weight(self) -> float:
        """Weight of the loss of the next event; zero for readers without one."""
        return 0.0

    def searched(self) -> str | None:
        """The item column that tells which events are alike a candidate; None: the item itself."""
        return None

    # --- learning ----------------------------------------------------------------------------------------------------

    def learn_shown(self, x: Floats, label: Floats, group: Ints, ctx: FitContext, shown: Shown | None) -> None:
        """See `FieldRanker.learn_rows`; here `shown` must be given.

        Raises:
            BadConfig: `shown` is missing, or an item column is none of the item table.
            LeakDetected: a past reaches up to the moment of its request or beyond.
        """
        if shown is None:
            raise BadConfig(
                f"{type(self).__name__} reads pasts, and was not told whose rows these are.",
                hint="Fit the whole pipeline, or give fit_rows(..., shown=Shown(requests, row, item, data)).",
                field="shown",
            )
        history = shown.requests.history
        if (history.at >= shown.requests.now[history.row]).any():
            raise LeakDetected(
                "A past holds events at or after the moment of its request.",
                hint="Read histories strictly before `now`: the label's own event must not explain the label.",
                field="history",
            )
        self.learn_rows(cast(Any, Rows(x, shown)), label, group, ctx)

    def _refuse_columns(self, x: Any) -> None:
        super()._refuse_columns(x.x)

    def _refuse_blank(self, x: Any) -> None:
        """Nothing: pasts and items may say enough."""

    def _read(self, x: Any) -> Schema:
        """Vocabularies of columns, and tokens of the items in these rows and in their pasts."""
        from shortlist.models.neural.item_encoder import tokens_of

        schema, data = super()._read(x.x), x.shown.data
        items = np.concatenate([x.shown.item, x.pasts()[0].item])
        size = int(items.max(initial=-1)) + 1 if data is None else data.n_items
        events = np.bincount(items[(items >= 0) & (items < size)], minlength=size)
        order = np.arange(size) if data is None else natural_order(data.items)
        self.token_, self.n_known_ = tokens_of(np.where(events >= self.config.min_count, events, 0), order)
        for name in [name for name in vars(self) if name.startswith("item_column_")]:
            delattr(self, name)
        self.item_fields_ = []
        if self.config.item_columns:
            self.item_fields_, codes = content_by_token(
                data, self.config.item_columns, self.token_, self.n_known_, order
            )
            for name, values in codes.items():
                setattr(self, f"item_column_{name}_", values)
        else:
            # Without columns an item that no row held has nothing to be known by.
            self.token_ = np.where(self.token_ < FIRST + self.n_known_, self.token_, UNKNOWN)
        return schema

    def _network(self, schema: Schema, seed: int = 0) -> Any:
        from shortlist.models.neural.behaviour_net import BehaviourNet
        from shortlist.models.neural.trainer import build

        c = self.config
        searched = self.searched()
        if searched is not None and searched not in c.item_columns:
            raise BadConfig(
                f"The searched column '{searched}' is none of the item columns.",
                hint=nearest_hint(searched, c.item_columns),
                field="item_columns",
            )
        return build(
            lambda: BehaviourNet(
                schema, self._items(), self.reader(c.factors), hidden=c.hidden, dropout=c.dropout, norm=c.batch_norm,
                activation=c.activation, scale=c.start, searched=searched, next_weight=self.next_weight(),
            ),
            seed,
        )  # fmt: skip

    def _items(self) -> ItemEncoder:
        from shortlist.models.neural.item_encoder import ItemEncoder

        schema = Schema.from_state(self.item_fields_) if self.item_fields_ else None
        prefix = "item_column_"
        codes = {name.removeprefix(prefix)[:-1]: v for name, v in vars(self).items() if name.startswith(prefix)}
        return ItemEncoder(
            self.n_known_, self.config.factors, scale=self.config.start, schema=schema, columns=codes or None,
            n_tokens=FIRST + len(self.token_) if schema else None, fusion="concat", content_dropout=0.0,
        )  # fmt: skip

    def _task(self, *args: Any, **options: Any) -> BehaviourTask:
        from shortlist.models.neural.behaviour_task import BehaviourTask

        task = BehaviourTask(*args, **options)
        task.n_known = self.n_known_ if self.next_weight() else 0
        return task

    # --- answering ---------------------------------------------------------------------------------------------------

    def rows_of(self, requests: Requests, candidates: Candidates) -> Any:
        """The columns of each row, its item and the history of its request."""
        x = matrix_of(candidates.cols, self.columns_, len(candidates))
        return Rows(x, Shown(requests, candidates.row, candidates.item))

    def importance(self) -> dict[str, float]:
        """Share of each column, of the past and of the item in the log loss that shuffling them one by one adds."""
        self.require_fitted()
        names = [*self.columns_, "requests.history", "candidates.item"]
        total = float(self.importance_.sum()) or 1.0
        return {name: float(value) / total for name, value in zip(names, self.importance_, strict=True)}

    def _judged(self) -> list[str]:
        return [*super()._judged(), PAST, TARGET]

    def _logits_of(self, columns: Mapping[str, Any], n: int) -> Floats:
        import torch

        from shortlist.models.neural.behaviour_task import ByRequest

        past, age = (
            values if isinstance(values, ByRequest) else ByRequest(values, torch.arange(n))
            for values in (columns[PAST], columns[AGE])
        )
        length = (past.values > PADDING).sum(1).numpy()
        own = {name: values for name, values in columns.items() if name not in (PAST, AGE)}
        net, out = self._scorer(), np.empty(n)
        with torch.inference_mode():
            for request, rows in rectangles(past.row.numpy(), length, TOGETHER, ALIKE):
                longest = max(1, int(length[request].max()))
                kept = net.once({PAST: past.values[request, :longest], AGE: age.values[request, :longest]})
                step = max(1, TOGETHER // len(request))
                for start in range(0, rows.shape[1], step):
                    some = rows[:, start : start + step]
                    asked = {name: _wide(values[some.reshape(-1)]) for name, values in own.items()}
                    out[some] = net.each(kept, asked).float().view(some.shape).numpy()
        return out

    def _scorer(self) -> BehaviourNet:
        from shortlist.models.neural.item_encoder import ItemEncoder
        from shortlist.models.neural.remembered import Remembered

        net = cast("BehaviourNet", super()._scorer())
        if isinstance(net.items, ItemEncoder) and net.items.has_content:
            net.items = cast(ItemEncoder, Remembered(net.items))
        return net

    def _encoded(self, schema: Schema, x: Any) -> dict[str, Any]:
        import torch

        from shortlist.models.neural.behaviour_task import ByRequest

        tokens, age, row = self._pasts(x)
        of_row = torch.from_numpy(row)
        return {
            **super()._encoded(schema, x.x),
            TARGET: torch.from_numpy(tokens_at(self.token_, x.shown.item)),
            PAST: ByRequest(torch.from_numpy(tokens), of_row),
            AGE: ByRequest(torch.from_numpy(age), of_row),
        }

    def _pasts(self, x: Rows, length: int | None = None) -> tuple[Array, Array, Ints]:
        """Tokens int64[R, L], seconds before now float64[R, L], and the row of these of each row."""
        history, now, row = x.pasts()
        return *pasts_of(history, now, self.token_, self.config.max_len, length), row

    # --- what is asked of a graph, without torch ---------------------------------------------------------------------

    def encoder(self, x: Rows) -> Encode:
        """See `FieldRanker`; pasts are as long as the longest may be, which is what the graph takes."""
        columns = super().encoder(x.x)
        tokens, age, row = self._pasts(x, self.config.max_len)

        def encode(names: list[str], rows: Array) -> dict[str, Array]:
            found = dict(columns([name for name in names if name not in (TARGET, PAST, AGE)], rows))
            for name, values in ((PAST, tokens), (AGE, age)):
                if name in names:
                    found[name] = values[row[rows]]
            if TARGET in names:
                found[TARGET] = tokens_at(self.token_, x.shown.item[rows])
            return found

        return encode

    def runs(self, x: Rows, once: Sequence[str]) -> Ints:
        """See `FieldRanker`; a run never goes beyond its request."""
        run, row = super().runs(x.x, [name for name in once if name not in (PAST, AGE)]), x.shown.row
        return np.cumsum(np.r_[False, (run[1:] != run[:-1]) | (row[1:] != row[:-1])])[: len(row)]

    def once(self, names: Iterable[str]) -> list[str]:
        """See `FieldRanker`; a past is that of the request, whatever the rows were."""
        mine = (PAST, AGE)
        return [*super().once([name for name in names if name not in (*mine, TARGET)]), *mine]

    def graph_net(self) -> nn.Module:
        """The network with the vectors of all items worked out."""
        from shortlist.models.neural.item_encoder import FrozenItems

        net = copy.copy(self.module_)
        net._modules = {**self.module_._modules, "items": FrozenItems(cast("ItemEncoder", self.module_.items))}
        return net

    def _probe(self, n: int) -> dict[str, Array]:
        """Made-up rows; pasts from none at all to the longest."""
        rng, most = np.random.default_rng(1), self.config.max_len
        known = FIRST + (len(self.token_) if self.item_fields_ else self.n_known_)
        length = np.linspace(0, most, n).astype(np.int64)
        there = np.arange(most) < length[:, None]
        age = np.sort(np.round(10.0 ** rng.uniform(0, 8, (n, most))), axis=1)[:, ::-1]
        return {
            **super()._probe(n),
            TARGET: rng.integers(UNKNOWN, known, n),
            PAST: np.where(there, rng.integers(min(FIRST, known - 1), known, (n, most)), PADDING),
            AGE: np.where(there, age, 0.0),
        }


def rectangles(row: Ints, length: Ints, rows: int, requests: int) -> Iterator[tuple[Ints, Ints]]:
    """Requests with the rows of each, such that those of about as many rows and as long a past go together.

    Args:
        row: int64[N], the request of each row; every request has one.
        length: int64[R], events of each request.
        rows: how many may go together; a request with more of them comes alone.
        requests: how many may.

    Yields:
        int64[G] requests and int64[G, C] their rows; short ones repeat their last.
    """
    order, count = np.argsort(row, kind="stable"), np.bincount(row, minlength=len(length))
    first, by = np.cumsum(count) - count, np.lexsort((length, count))
    at = 0
    while at < len(by):
        stop = at + 1
        while stop < min(len(by), at + requests) and (stop + 1 - at) * count[by[stop]] <= rows:
            stop += 1
        some = by[at:stop]
        place = np.minimum(np.arange(count[some].max()), count[some][:, None] - 1)
        yield some, order[first[some][:, None] + place]
        at = stop


def _wide(values: Tensor) -> Tensor:
    """Numbers in double precision, codes as they are."""
    return values.double() if values.is_floating_point() else values


def dividing(heads: int, dim: int) -> int:
    """The heads, if they divide D.

    Raises:
        BadConfig: they do not.
    """
    if dim % heads:
        raise BadConfig(f"{heads} heads do not divide {dim} factors.", hint="Use 1, 2 or 4.", field="heads")
    return heads
