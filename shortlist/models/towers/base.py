"""What towers share beside the neural core: an item side with layers of its own, and columns of the user.

The user's side reads the history of the request, so strangers and anonymous sessions get answers; columns of known
users are added where the model has any. Both sides are exported apart (`encode_requests`, `encode_items`) and a score
is the product of the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.embeddings import FieldEmbedding
from shortlist.models.neural.fields import Schema, fields_of
from shortlist.models.neural.item_encoder import ItemEncoder
from shortlist.models.neural.question import Question
from shortlist.models.neural.sequence_encoder import SequenceEncoder
from shortlist.models.neural.sequence_task import NextItem
from shortlist.models.neural.trainer import Batch
from shortlist.models.retrieval._start import natural_order
from shortlist.models.sequential.base import Loss, SequenceConfig, SequenceModel


class TowerConfig(SequenceConfig):
    """Settings of models with a user's side and an item's side."""

    loss: Loss = "sampled_ce"
    """Softmax over the batch's own items and drawn ones, corrected by log Q."""
    # Towers know one kind more than the models they share this setting with.
    negative_sampling: Literal["uniform", "popularity", "in_batch", "mixed", "hard"] = "mixed"  # type: ignore[assignment]
    """Where negatives come from; in_batch, mixed and hard always need log Q. hard is mixed with a part of the drawn
    items taken from those the model itself ranks high for rows of the batch."""
    hard_share: float = Field(default=0.2, gt=0, lt=1)
    """Of hard: part of `negatives` that is mined; the rest is drawn uniformly."""
    hard_margin: int = Field(default=20, ge=0)
    """Of hard: best-ranked items of a row that are left out, since some of them are wanted and only not seen yet."""
    hard_pool: int = Field(default=200, ge=1)
    """Of hard: ranked items after the margin of which one is drawn."""
    hard_refresh: int = Field(default=50, ge=1)
    """Of hard: steps between two looks at the item vectors that rows are ranked by."""
    negatives_outside_history: bool = True
    """Items of the user's window are no negatives: the batch is full of them."""
    batch_size: int = Field(default=16, ge=1)
    """Windows per step; each of their events is a row, and every row's item a negative of the others."""
    positions: Literal["end", "start", "none"] = "none"
    """Order does not count on the user's side."""
    tied: bool = False
    """The two sides have item vectors of their own."""
    user_columns: tuple[str, ...] = ()
    """Columns of users that are added on the user's side; strangers go without."""
    item_hidden: tuple[int, ...] = ()
    """Layers on the item's side; without any an item's vector is what its id and columns give."""


class ItemTower(ItemEncoder):
    """An item encoder with layers on top. Arguments as `ItemEncoder`, and `hidden`, `dropout` of the layers."""

    def __init__(self, *args: Any, hidden: tuple[int, ...] = (), dropout: float = 0.0, **options: Any) -> None:
        super().__init__(*args, **options)
        parts: list[nn.Module] = []
        width = self.dim
        for size in hidden:
            parts += [nn.Linear(width, size), nn.ReLU(), Dropout(dropout)]
            width = size
        self.top = nn.Sequential(*parts, nn.Linear(width, self.dim)) if hidden else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors of tokens int64[...]. Returns: [..., D]."""
        out: Tensor = self.top(super().forward(tokens))
        return out

    def table(self) -> Tensor:
        """[n_tokens, D], the vectors of all tokens."""
        out: Tensor = self.top(super().table())
        return out


class TowerEncoder(SequenceEncoder):
    """A sequence encoder that adds columns of the user to every state.

    Args:
        schema: fitted fields of users, or None.
        columns: their codes per user [U + 1, ...]; the last row is the stranger's, all missing.
        args, options: of `SequenceEncoder`.
    """

    def __init__(self, *args: Any, schema: Schema | None, columns: dict[str, Array], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields: FieldEmbedding | None = None
        if schema is not None:
            self.fields = FieldEmbedding(schema, self.items.dim)
            for name, values in columns.items():
                self.register_buffer(f"user_{name}", torch.from_numpy(values), persistent=False)

    def forward(self, tokens: Tensor, dt: Tensor | None = None, user: Tensor | None = None) -> Tensor:
        """States of all events; `user` int64[B] are rows of the columns."""
        states: Tensor = super().forward(tokens, dt)
        if self.fields is None or user is None:
            return states
        columns = {field.name: self.get_buffer(f"user_{field.name}")[user] for field in self.fields.fields}
        added: Tensor = self.fields(columns).sum(dim=1).unsqueeze(1)
        return states + added

    def last(self, tokens: Tensor, dt: Tensor | None = None, user: Tensor | None = None) -> Tensor:
        """[B, D], the state of each sequence's latest event."""
        states = self(tokens, dt, user)
        at = ((tokens > 0).sum(1) - 1).clamp(min=0)
        last: Tensor = states[torch.arange(len(tokens), device=tokens.device), at]
        return last


class TowerTask(NextItem):
    """Every event of a window predicts the one after it, and the network knows whose window it is."""

    people: Ints | None = None
    """int64[U], the row of the columns of each history learned from; None without columns."""
    asked: Ints | None = None
    """int64[B], the same for the users of the question."""

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Windows of like length together; what was mined in the pass before is forgotten."""
        self.objective.new_pass()
        yield from super().batches(epoch, rng)

    def batch_of(self, rows: Ints, tokens: Ints, seconds: Floats) -> Batch:
        """See `NextItem`; with their users."""
        batch = super().batch_of(rows, tokens, seconds)
        if self.people is not None:
            batch["user"] = torch.from_numpy(self.people[self.sequences.owner[rows]])
        return batch

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Summed over all events that have a next one."""
        net = module if "user" not in batch else _For(module, batch["user"])
        return self._total(net, batch["tokens"], batch["targets"], batch.get("seconds"), generator)

    def ask_scores(self, net: Any, tokens: Tensor, at: Tensor | None, classes: Tensor, rows: Ints) -> Tensor:
        """See `NextItem`."""
        user = None if self.asked is None else torch.from_numpy(self.asked[rows]).to(tokens.device)
        state = net.last(tokens, at, user)
        if self.objective.normalise:
            state = nn.functional.normalize(state, dim=-1)
        scores: Tensor = state @ classes.T
        return scores


class _For(nn.Module):
    """A network with the users of a batch filled in."""

    def __init__(self, net: Any, user: Tensor) -> None:
        super().__init__()
        self.net, self.user = net, user
        self.output, self.bias = net.output, net.bias

    def forward(self, tokens: Tensor, dt: Tensor | None = None) -> Tensor:
        """States."""
        out: Tensor = self.net(tokens, dt, self.user)
        return out


class TowerModel(SequenceModel):
    """A user's side and an item's side. Subclasses give the user's block.

    Learned: see `SequenceModel`; `user_schema_` and `userwise_*_`, fields of users and their codes.
    """

    Config: ClassVar[type[ModelConfig]] = TowerConfig
    kind_of_task: ClassVar[type[NextItem]] = TowerTask
    with_norm: ClassVar[bool] = True
    """Whether what the user's block gives is normed."""
    user_schema_: list[dict[str, Any]]

    def restore(self) -> SequenceEncoder:
        """The network with fresh weights."""
        c = self.config
        return TowerEncoder(
            self.items(),
            self.block(),
            max_len=c.max_len,
            positions=c.positions,
            dropout=c.dropout,
            norm=self.with_norm,
            output=None if c.tied else self.item_tower(),
            with_bias=c.item_bias,
            schema=Schema.from_state(self.user_schema_) if self.user_schema_ else None,
            columns=self._user_codes(),
        )

    def item_tower(self) -> ItemEncoder:
        """A fresh item side."""
        c = self.config
        return ItemTower(self.n_known_, c.factors, hidden=c.item_hidden, dropout=c.dropout, **self.item_options())

    def task(self, history: History, question: Question | None) -> NextItem:
        """What is trained."""
        task = super().task(history, question)
        if self.user_schema_ and isinstance(task, TowerTask):
            task.people = self._people
            task.asked = None if question is None else self._people[question.row]
        return task

    def state(self, requests: Requests, b: int, tokens: Tensor, at: Tensor | None) -> Tensor:
        """[D], the user's vector of request `b`."""
        if not self.user_schema_:
            return super().state(requests, b, tokens, at)
        user = int(requests.user[b])
        place = torch.tensor([user if 0 <= user < self.n_users_ else self.n_users_])
        module: Any = self.module_
        state: Tensor = module.last(tokens, at, place)[0]
        return state

    def hard_options(self) -> dict[str, Any]:
        """See `SequenceModel`."""
        c = self.config
        return {"share": c.hard_share, "margin": c.hard_margin, "pool": c.hard_pool, "refresh": c.hard_refresh}

    def _user_codes(self) -> dict[str, Array]:
        return {
            name.removeprefix("userwise_")[:-1]: value
            for name, value in vars(self).items()
            if name.startswith("userwise_")
        }

    def _read(self, data: Dataset, past: History) -> None:
        super()._read(data, past)
        names = self.config.user_columns
        self.user_schema_ = []
        if not names:
            return
        if data.user_table is None:
            raise BadConfig("Users have no columns.", hint="Set user_columns to ().", field="user_columns")
        if self.config.session_gap_s is not None:
            raise BadConfig("Columns of users need whole histories.", hint="Drop session_gap_s.", field="user_columns")
        schema = Schema(fields_of(data.user_table, names, "user")).fit(data.user_table)
        self.user_schema_ = schema.state()
        for name, values in schema.encode(data.user_table).items():
            stranger = np.zeros((1, *values.shape[1:]), values.dtype)
            setattr(self, f"userwise_{name}_", np.concatenate([values, stranger]))
        self._people = natural_order(data.users)
