"""What sequence models share: settings, fitting with early stopping and refit, and answers from a history.

A preset is a block and an objective. The request's history is read at the time of asking, so strangers, anonymous
sessions and the event of a second ago are served without a refit. Training walks items and users in natural order of
their ids: renumbering a catalogue renumbers the answers and changes nothing else.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, History, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.history import latest_session, within
from shortlist.models.neural.batches import Sequences
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.fields import FIRST, Schema
from shortlist.models.neural.history_model import HistoryModel
from shortlist.models.neural.item_content import content_by_token
from shortlist.models.neural.item_encoder import ItemEncoder
from shortlist.models.neural.objectives.negatives import make_negatives
from shortlist.models.neural.objectives.objective import COSINE, Objective
from shortlist.models.neural.question import Question
from shortlist.models.neural.sequence_encoder import SequenceEncoder
from shortlist.models.neural.sequence_task import NextItem, ask
from shortlist.models.neural.trainer import Report, build
from shortlist.models.neural.warm_start import companions, directions, fill, quieten
from shortlist.models.retrieval._skipgram import sessions
from shortlist.models.retrieval._start import natural_order

FULL_SOFTMAX = 50_000
"""Items up to which `loss="auto"` compares with the whole catalogue."""

Loss = Literal["auto", "ce", "sampled_ce", "bce", "gbce", "bpr", "bpr_max", "ccl", "infonce"]


class SequenceConfig(TrainingConfig):
    """Settings that all sequence models have."""

    factors: int = Field(default=64, ge=1, le=1024)
    """Length of the vectors, D."""
    max_len: int = Field(default=50, ge=2)
    """Latest events that are read."""
    windows: Literal["all", "last"] = "all"
    """Whether training reads the whole of a long history in windows of `max_len`, or only its latest window."""
    session_gap_s: float | None = Field(default=None, gt=0)
    """A longer pause (in seconds, or in the data's own clock) ends a session: training never crosses it and an answer
    reads what came after the last one. None reads whole histories."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of numbers hidden at random in training, on the input and inside the block."""
    positions: Literal["end", "start", "none"] = "end"
    """Whether learned vectors tell places apart, counted from the latest event or from the first."""
    init_scale: float = Field(default=0.1, gt=0)
    """Standard deviation of the start of item vectors; too small a start leaves a model on popularity for long."""
    start: Literal["random", "svd", "links"] = "random"
    """Where item vectors start: svd takes singular vectors of the training part, links eigenvectors of the links that
    `trails` counts, with quiet layers. Both save passes on sparse catalogues; links with 128 factors and more."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Step size of Adam."""
    loss: Loss = "auto"
    """auto is ce up to 50,000 items and sampled_ce above; ce compares with every item, the others with negatives."""
    negatives: int = Field(default=256, ge=1)
    """Negatives per step (shared by the batch), or per event with `negatives_per_event`."""
    negative_sampling: Literal["uniform", "popularity", "in_batch", "mixed"] = "uniform"
    """Where negatives come from."""
    negative_power: float = Field(default=0.75, ge=0, le=1)
    """Popularity negatives are drawn by events^this."""
    negatives_outside_history: bool = False
    """Whether items of the window are no negatives for its events."""
    negatives_per_event: bool = False
    """Own negatives for each event instead of shared ones; slower."""
    log_q: bool = True
    """Whether sampled_ce corrects for how often an item is drawn."""
    calibration: float = Field(default=0.75, ge=0, le=1)
    """Of gbce: 0 is plain bce, 1 makes scores probabilities."""
    normalise: bool = False
    """Whether scores are cosines."""
    temperature: float = Field(default=1.0, gt=0)
    """Scores are divided by it in the loss; about 0.05 where they are cosines."""
    tied: bool = True
    """Whether input and output share item vectors."""
    item_bias: bool = False
    """Whether each item has a learned bias in its score."""
    columns: tuple[str, ...] = ()
    """Item columns that describe an item beside its id: text, lists of text, numbers, or lists of numbers (vectors).
    With them, items without events are scored too."""
    fusion: Literal["sum", "concat", "weighted", "attention", "gated", "bilinear"] = "gated"
    """How id and columns become one vector."""
    id_dropout: float = Field(default=0.2, ge=0, lt=1)
    """With columns: chance that an item's id is hidden in a step, so that the content learns to stand alone."""


class SequenceModel(HistoryModel):
    """A sequence encoder over item tokens. Subclasses give the block.

    Learned: see `HistoryModel`; `with_time_`, whether the data has a clock; `schema_` and `columns_`, content fields
    and their codes per token.
    """

    Config: ClassVar[type[ModelConfig]] = SequenceConfig
    contract_settings: ClassVar[dict[str, Any]] = {"epochs": 2, "factors": 8, "max_len": 8, "validate_every": 2}
    """Settings small enough for the contract checks, which fit dozens of times."""
    uses_time: ClassVar[bool] = False
    """Whether the block reads the seconds between events."""
    spares: ClassVar[Literal["window", "history"]] = "window"
    """What is no negative with `negatives_outside_history`: items of the window, or of the user's whole history."""
    kind_of_task: ClassVar[type[NextItem]] = NextItem
    """What is trained, and what is appended to a history to ask."""

    with_time_: bool
    schema_: list[dict[str, Any]]

    def block(self) -> nn.Module:
        """The block between item vectors and states."""
        raise BadConfig(f"{type(self).__name__} has no block.")

    # --- fitting -----------------------------------------------------------------------------------------------------

    def task(self, history: History, question: Question | None) -> NextItem:
        """What is trained."""
        c = self.config
        return self.kind_of_task(
            history,
            self.objective(history),
            max_len=c.max_len,
            batch_size=c.batch_size,
            with_time=self.with_time_,
            question=question,
            every=c.windows == "all",
            spare=self.spares if c.negatives_outside_history else "nobody",
        )

    def objective(self, history: History) -> Objective:
        """Loss and negatives; counts for log Q are those of the training stream."""
        c = self.config
        loss = c.loss if c.loss != "auto" else "ce" if self.n_known_ <= FULL_SOFTMAX else "sampled_ce"
        # The first event of a history is never a target; where nothing follows anything, all count.
        target = np.ones(len(history.item), bool)
        target[history.offsets[:-1][history.lengths > 0]] = False
        stream = history.item[target] if target.any() else history.item
        known = stream[(stream >= FIRST) & (stream < FIRST + self.n_known_)]
        counts = torch.from_numpy(np.bincount(known - FIRST, minlength=self.n_known_)).double()
        kind = "full" if loss == "ce" else c.negative_sampling
        # More negatives than items would drown the positive where the catalogue is tiny.
        k = max(1, min(c.negatives, self.n_known_ - 1))
        negatives = make_negatives(
            kind, self.n_known_, k, counts, power=c.negative_power, per_row=c.negatives_per_event,
            hard=self.hard_options(),
        )  # fmt: skip
        return Objective(
            loss, negatives, n_items=self.n_known_, with_log_q=c.log_q, normalise=c.normalise,
            temperature=c.temperature, **self.loss_options(loss),
        )  # fmt: skip

    def loss_options(self, loss: str) -> dict[str, Any]:
        """Further settings of a loss."""
        options = {"calibration": self.config.calibration} if loss == "gbce" else {}
        return {**options, "prior": -math.log(self.n_known_)} if loss in ("bce", "gbce") else options

    def hard_options(self) -> dict[str, Any]:
        """Settings of hard negatives, where a model has them."""
        return {}

    # --- the network -------------------------------------------------------------------------------------------------

    def restore(self) -> SequenceEncoder:
        """The network with fresh weights."""
        c = self.config
        return SequenceEncoder(
            self.items(),
            self.block(),
            max_len=c.max_len,
            positions=c.positions,
            dropout=c.dropout,
            output=None if c.tied else self.items(),
            with_bias=c.item_bias,
        )

    def item_codes(self) -> Array | None:
        """Codes that replace the table of item vectors, per token, or None."""
        return None

    def items(self) -> ItemEncoder:
        """A fresh item encoder."""
        return ItemEncoder(self.n_known_, self.config.factors, codes=self.item_codes(), **self.item_options())

    def item_options(self) -> dict[str, Any]:
        """Settings of every item encoder: its start, and the content of items where there is any."""
        c = self.config
        options = {"scale": c.init_scale, "fusion": c.fusion, "id_dropout": c.id_dropout}
        if not self.schema_:
            return options
        columns = {name.removeprefix("column_")[:-1]: v for name, v in vars(self).items() if name.startswith("column_")}
        content = {"schema": Schema.from_state(self.schema_), "columns": columns}
        return {**options, **content, "n_tokens": FIRST + len(self.token_)}

    @property
    def by_cosine(self) -> bool:
        """Whether scores are cosines, as some losses demand."""
        return self.config.normalise or self.config.loss in COSINE

    # --- answering ---------------------------------------------------------------------------------------------------

    def encode_one(self, requests: Requests, b: int) -> Array | None:
        """float[D], the state after the latest known event of request `b`."""
        asks_with = self.kind_of_task.asks_with
        one = within(requests.history.take(np.array([b])), self.known_)
        one = latest_session(one, self.config.session_gap_s)
        one = self._tokens(one.last(self.config.max_len - (asks_with is not None)))
        if len(one.item) == 0:
            return None
        tokens, seconds = ask(Sequences(one.item, one.at, one.offsets, np.zeros(1, np.int64)), np.array([0]), asks_with)
        at = torch.from_numpy(seconds) if self.with_time_ else None
        state = self.state(requests, b, torch.from_numpy(tokens), at)
        if self.by_cosine:
            state = nn.functional.normalize(state, dim=-1)
        vector = state.numpy()
        return np.append(vector, np.float32(1.0)) if self.config.item_bias else vector

    def state(self, requests: Requests, b: int, tokens: Tensor, at: Tensor | None) -> Tensor:
        """[D], what the network makes of the tokens int64[1, L] of request `b`."""
        module: Any = self.module_
        state: Tensor = module.last(tokens, at)[0]
        return state

    @property
    def dim(self) -> int:
        """D."""
        return int(self.config.factors)

    # --- parts of fitting --------------------------------------------------------------------------------------------

    def _read(self, data: Dataset, past: History) -> None:
        """Tokens and content of a training part: the vocabulary never sees what is held back."""
        super()._read(data, past)
        self.with_time_ = self.uses_time and data.clock == "unix"
        order = natural_order(data.items)
        for name in [name for name in vars(self) if name.startswith("column_")]:
            delattr(self, name)
        self.schema_ = []
        if self.config.columns:
            self.schema_, codes = content_by_token(data, self.config.columns, self.token_, self.n_known_, order)
            for name, values in codes.items():
                setattr(self, f"column_{name}_", values)
        self.known_ = self.known_ | bool(self.schema_)

    def _heard(self, history: History) -> History:
        return latest_session(history, self.config.session_gap_s)

    def _train(
        self, data: Dataset, past: History, ctx: FitContext, question: Question | None, phase: str, epochs: int
    ) -> Report:
        learned = self._tokens(past)
        learned = History(learned.item, learned.at, sessions(learned, self.config.session_gap_s))
        task = self.task(learned, question)
        self.module_ = build(self.restore, ctx.seed)
        if self.config.start != "random":
            self._warm(past)
        return self._train_on(task, data, ctx, question, phase, epochs)

    def _warm(self, past: History) -> None:
        c = self.config
        item = self.token_[past.item] - FIRST
        if c.start == "svd":
            vectors = directions(past.row, item, len(past), self.n_known_, c.factors, damped=True)
        else:
            vectors = companions(replace(past, item=item), self.n_known_, c.factors)
            quieten(self.module_)
        module: Any = self.module_
        for encoder in {module.items, module.output}:
            if encoder.ids is not None and vectors.shape[1]:
                fill(encoder.ids, vectors, FIRST, c.init_scale)

    def _finish(self) -> None:
        module: Any = self.module_
        with torch.inference_mode():
            vectors: Tensor = module.output.table()
            if self.by_cosine:
                vectors = nn.functional.normalize(vectors, dim=-1)
            if module.bias is not None:
                vectors = torch.cat([vectors, module.bias.unsqueeze(1)], dim=1)
            self.item_factors_: Floats = self._by_item(vectors[FIRST:].numpy())
