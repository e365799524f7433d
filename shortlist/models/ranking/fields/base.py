"""Field models: columns become one vector each, blocks combine the vectors, and one logit is the click.

A column of `id_columns` holds codes (whole numbers) and gets a vector per code; any other column is a number and gets
two vectors, one of the standardised number and one of the quantile bucket it falls in. Vocabularies, cuts and scales
come from the rows that are learned from, never from held-out ones. A code not seen there has the zero vector.

A row's score does not depend on its company: rows go through the network in blocks of one size, in double precision,
and the logit is rounded to float32.
Cost: 2 vectors per known code or bucket; what the blocks cost per row.
When not: with a few thousand rows and no codes, `gbdt` is better and faster.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np
from pydantic import Field as Setting
from pydantic import PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, EmptyTraining, SchemaMismatch, nearest_hint
from shortlist.core.lazy import import_extra
from shortlist.core.types import Array, Candidates, Floats, Ints, Requests
from shortlist.models.base import ModelConfig
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.fields import Field, Schema
from shortlist.models.neural.kernels import runs_of
from shortlist.models.neural.network_model import NetworkModel
from shortlist.models.neural.served_net import Encode
from shortlist.models.ranking._columns import column_of, encode_fields
from shortlist.models.ranking._odds import sigmoid
from shortlist.models.ranking.base import Ranker, RankerConfig, matrix_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shortlist.models.neural.click_task import ClickTask
    from shortlist.models.neural.field_net import FieldNet

LARGEST_CODE = 2.0**53
"""From here on neighbouring whole numbers are no longer told apart in float64."""
SHUFFLES = 3
"""How often importance shuffles a column."""
PROBED = 2000
"""Most rows that importance is worked out on."""


class FieldConfig(RankerConfig, TrainingConfig):
    """Settings common to all field models."""

    id_columns: tuple[str, ...] = ()
    """Columns of codes: whole numbers that name something. All others are quantities."""
    factors: int = Setting(default=16, ge=1, le=1024)
    """Numbers per vector."""
    hidden: tuple[PositiveInt, ...] = (64, 64)
    """Widths of the layers of the deep part, where there is one."""
    dropout: float = Setting(default=0.2, ge=0, lt=1)
    """Share of units hidden after each deep layer while training."""
    batch_norm: bool = False
    """Whether deep layers normalise over the batch."""
    start: float = Setting(default=0.01, gt=0)
    """Standard deviation of vectors before training."""
    buckets: int = Setting(default=16, ge=2, le=4096)
    """Quantile buckets of a quantity."""
    min_count: int = Setting(default=1, ge=1)
    """Codes in fewer rows count as unknown, and teach the vector of unknown codes."""
    vector_reg: float = Setting(default=1e-5, ge=0)
    """Pull of vectors towards zero, in each row for the vectors it reads: what no row reads is not moved."""
    stop_on: Literal["auc", "gauc"] = "auc"
    """Figure of the held-out requests that decides when to stop: over all rows, or within requests."""
    valid_share: float = Setting(default=0.1, gt=0, lt=1)
    """Share of requests, the last ones, held out to decide when to stop."""
    validation_users: int = Setting(default=20_000, ge=0)
    """Most requests held out; 0 trains for exactly `epochs` on everything."""
    epochs: int = Setting(default=30, ge=1)
    """Most passes over the rows."""
    batch_size: int = Setting(default=1024, ge=1)
    """Rows per step."""
    reg: float = Setting(default=1e-5, ge=0)
    """Weight decay of matrices; never of vectors, biases and norms."""
    patience: int = Setting(default=6, ge=1)
    """Validations without a better figure before training stops."""
    refit: bool = False
    """Whether to train again on everything for the number of epochs found best; twice the time."""
    workers: int = Setting(default=1, ge=1, le=1)
    """Field models train in one process."""


class FieldRanker(NetworkModel, Ranker):
    """Base of all field models. A preset gives its `head`.

    Learned: `module_`, the network; `fields_`, the vocabulary of each field as JSON values; `importance_` float64[F],
    log loss that shuffling a column adds on held-out rows (on learned ones where none were held out); `report_`, how
    training went.
    """

    Config: ClassVar[type[ModelConfig]] = FieldConfig
    contract_settings: ClassVar[dict[str, Any]] = {
        "epochs": 6, "batch_size": 128, "learning_rate": 0.01, "factors": 4, "hidden": (16,), "start": 0.1,
    }  # fmt: skip
    linear: ClassVar[bool] = True
    """Whether single codes have a weight beside what the head says."""
    heads: tuple[int, ...] = ()
    """Axes of the answer beside that of the rows: none for one task."""

    module_: FieldNet
    fields_: list[dict[str, Any]]
    importance_: Floats
    report_: dict[str, Any]

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """The preset's network, [B, F, D] to [B]; None reads no vectors."""
        raise NotImplementedError

    def dim(self, n_fields: int) -> int:
        """D, numbers per vector."""
        return int(self.config.factors)

    # --- learning ----------------------------------------------------------------------------------------------------

    def learn_rows(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """Train until the held-out requests get no better.

        Raises:
            SchemaMismatch: a label is above 1, or an id column holds what is no code.
            BadConfig: an id column is none of the columns.
        """
        self._refuse_labels(label)
        self._refuse_columns(x)
        import_extra("torch", "nn")
        c = self.config
        self._double: nn.Module | None = None
        cut = self._cut(group)
        report = self._train(x[:cut], label[:cut], (x[cut:], label[cut:], group[cut:]), ctx, "search", c.epochs)
        probe = slice(cut, cut + PROBED) if cut < len(label) else slice(0, PROBED)
        self.importance_ = self._losses(x[probe], label[probe], ctx.seed)
        if c.refit and cut < len(label):
            self.report_ = {"search": vars(report)}
            self._double = None
            from shortlist.models.neural.trainer import refitting

            with refitting(self, report):
                again = self._train(x, label, None, ctx, "refit", report.best_epoch)
            self.report_ |= {"refit": vars(again)}
        else:
            self.report_ = {"search": vars(report)}

    def _train(
        self, x: Floats, label: Floats, held: tuple[Floats, Floats, Ints] | None, ctx: FitContext, phase: str,
        epochs: int,
    ) -> Any:  # fmt: skip
        import torch

        from shortlist.models.neural.trainer import checkpoint_for, train

        c = self.config
        schema = self._schema = self._read(x)
        self.fields_ = schema.state()
        self.module_ = self._network(schema, ctx.seed)
        with torch.no_grad():
            # From a bias of zero, rare clicks take thousands of steps to reach.
            self.module_.bias.copy_(torch.from_numpy(np.asarray(self.start_odds(label), np.float32)))
        asked = None
        if held is not None and len(held[0]):
            asked = (self._encoded(schema, held[0]), held[1], held[2])
        task = self._task(
            self._encoded(schema, x), label, batch_size=c.batch_size, vector_reg=c.vector_reg, held=asked,
            stop_on=c.stop_on,
        )  # fmt: skip
        run = {"model": type(self).__name__, "seed": ctx.seed, "rows": len(x), "clicks": float(np.nansum(label))}
        return train(
            self.module_, task, c, ctx, epochs=epochs, validate=asked is not None,
            checkpoint=checkpoint_for(c, phase, run),
        )  # fmt: skip

    def _refuse_labels(self, label: Floats) -> None:
        if np.nanmax(label) > 1:
            raise SchemaMismatch("A label is above 1.", hint="This ranker takes clicks; use gbdt with lambdarank.")

    def _task(self, *args: Any, **options: Any) -> ClickTask:
        """What it is trained as; arguments of `ClickTask`."""
        from shortlist.models.neural.click_task import ClickTask

        return ClickTask(*args, **options)

    def _read(self, x: Any) -> Schema:
        """Vocabularies, cuts and scales of the rows that teach."""
        return Schema(self._fields()).fit(_by_field(x))

    def start_odds(self, label: Floats) -> Any:
        """Log odds that the bias starts from."""
        return log_odds(label)

    def _network(self, schema: Schema, seed: int = 0) -> FieldNet:
        from shortlist.models.neural.field_net import FieldNet
        from shortlist.models.neural.trainer import build

        n = len(schema.fields)
        start, linear = self.config.start, self.linear
        made = build(
            lambda: FieldNet(schema, self.head(schema.fields), dim=self.dim(n), scale=start, linear=linear), seed
        )
        return cast("FieldNet", made)

    def _fields(self) -> list[Field]:
        """Fields by place of their column: names of columns may hold dots, which names of weights may not."""
        c, fields = self.config, []
        for j, name in enumerate(self.columns_):
            if name in c.id_columns:
                fields.append(Field(f"column{j}", "id", min_count=c.min_count))
            else:
                fields.append(Field(f"column{j}", "numeric"))
                fields.append(Field(f"column{j}_bucket", "bucket", buckets=c.buckets))
        return fields

    def places(self, fields: Sequence[Field], names: Sequence[str]) -> list[int]:
        """Places among the fields of the named columns.

        Raises:
            BadConfig: no such column.
        """
        self._refuse_names(names)
        wanted = {f"column{self.columns_.index(name)}" for name in names}
        return [at for at, field in enumerate(fields) if field.name.removesuffix("_bucket") in wanted]

    def _cut(self, group: Ints) -> int:
        """First row of the held-out requests; all rows are learned from where there are too few to spare any."""
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        held = min(int(len(starts) * self.config.valid_share), self.config.validation_users)
        return int(starts[len(starts) - held]) if held else len(group)

    def _refuse_names(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.columns_:
                raise BadConfig(f"There is no column '{name}'.", hint=nearest_hint(name, self.columns_), field=name)

    def _refuse_columns(self, x: Any) -> None:
        self._refuse_names(self.config.id_columns)
        for name in self.config.id_columns:
            codes = x[:, self.columns_.index(name)]
            known = codes[np.isfinite(codes)]
            if (known != np.round(known)).any() or (np.abs(known) >= LARGEST_CODE).any():
                raise SchemaMismatch(
                    f"Column '{name}' is in id_columns but holds values that are no codes.",
                    hint="Codes are whole numbers below 2^53; quantities need no setting.",
                    field=name,
                )
        self._refuse_blank(x)

    def _refuse_blank(self, x: Any) -> None:
        if not np.isfinite(x).any():
            raise EmptyTraining("No column has a known value.", hint="Check what fills the ranker's columns.")

    # --- answering ---------------------------------------------------------------------------------------------------

    def score_rows(self, requests: Requests, candidates: Candidates) -> Floats:
        """See `Ranker`."""
        return self.score_matrix(self.rows_of(requests, candidates))

    def score_matrix(self, x: Floats) -> Floats:
        """float64[N], probability of a click (or [N, H], of what each task asks)."""
        return self.answer(self._logits(x), x)

    def answer(self, logit: Floats, x: Any) -> Floats:
        """What the network's logits mean: scores of the rows it read, whoever computed them.

        Args:
            logit: float64[N] (or [N, H]).
            x: the rows.
        """
        return sigmoid(logit)

    def importance(self) -> dict[str, float]:
        """Share of each column in the log loss that shuffling columns one by one adds; zero for what does not help."""
        self.require_fitted()
        return self.shares(self.importance_)

    def _logits(self, x: Floats) -> Floats:
        return self._logits_of(self._encoded(self._vocabularies(), x), len(x))

    def _vocabularies(self) -> Schema:
        """The fitted fields, read back once after `load`: their dictionaries cost more than scoring a few rows."""
        kept: Schema | None = getattr(self, "_schema", None)
        if kept is None:
            kept = self._schema = Schema.from_state(self.fields_)
        return kept

    def _logits_of(self, columns: Mapping[str, Tensor], n: int) -> Floats:
        from shortlist.models.neural.field_net import logits_of

        return logits_of(self._scorer(), columns, n, self.heads)

    def _scorer(self) -> nn.Module:
        """The network in double precision."""
        from shortlist.models.neural.field_net import widened

        kept: nn.Module | None = getattr(self, "_double", None)
        if kept is None:
            kept = self._double = widened(self.module_)
        return kept

    def _encoded(self, schema: Schema, x: Any) -> dict[str, Tensor]:
        import torch

        return {name: torch.from_numpy(values) for name, values in encode_fields(schema, x).items()}

    def _judged(self) -> list[str]:
        """What importance is worked out for: the names that encoded columns have in common."""
        return [f"column{j}" for j in range(len(self.columns_))]

    def _losses(self, x: Any, label: Floats, seed: int) -> Floats:
        """float64[F], log loss that shuffling a column adds, mean of a few shuffles; at least zero."""
        import torch

        rng, judged = np.random.default_rng([seed, 31]), self._judged()
        out = np.zeros(len(judged))
        # A slice of all rows, because some columns are kept once per request until they are asked for.
        columns = {name: values[:] for name, values in self._encoded(self._vocabularies(), x).items()}

        def loss(asked: Mapping[str, Tensor]) -> float:
            # All rows at once in single precision: a share of importance need not have the bits of a score.
            with torch.inference_mode():
                logit = self.module_(asked)[0].expand(len(x), *self.heads).double().numpy()
            return self._mean_loss(logit, label)

        plain = loss(columns)
        for j, stem in enumerate(judged):
            mine = [name for name in columns if name.partition("_")[0] == stem]
            for _ in range(SHUFFLES):
                order = torch.from_numpy(rng.permutation(len(x)))
                out[j] += loss({**columns, **{name: columns[name][order] for name in mine}}) - plain
        return np.maximum(out / SHUFFLES, 0.0)

    def _mean_loss(self, logit: Floats, label: Floats) -> float:
        """What importance counts: mean log loss over all known labels."""
        loss = np.logaddexp(0.0, logit) - label * logit
        return float(loss[np.isfinite(loss)].mean()) if np.isfinite(loss).any() else 0.0

    # --- what is asked of a graph, without torch ---------------------------------------------------------------------

    def rows_of(self, requests: Requests, candidates: Candidates) -> Any:
        """What `score_matrix` reads of candidates that have all columns."""
        return matrix_of(candidates.cols, self.columns_, len(candidates))

    def encoder(self, x: Any) -> Encode:
        """Gives inputs of the network by name, for some of the rows."""
        schema = self._vocabularies()
        return lambda names, rows: encode_fields(schema, x, names, rows)

    def runs(self, x: Any, once: Sequence[str]) -> Ints:
        """int64[N], numbers of runs of neighbouring rows that share the inputs named."""
        return runs_of(x, np.array(sorted({column_of(name) for name in once}), np.int64))

    def once(self, names: Iterable[str]) -> list[str]:
        """Those of the network's inputs that have one value per request."""
        return [name for name in names if self.columns_[column_of(name)] in self.request_columns_]

    # --- saving ------------------------------------------------------------------------------------------------------

    def restore(self) -> FieldNet:
        """The network of the saved vocabularies, without its weights."""
        return self._network(self._vocabularies())

    def export(self, folder: str | os.PathLike[str]) -> None:
        """Write the network as an ONNX graph that takes encoded columns, and how to ask it; see `served_net`.

        Raises:
            NotFitted: nothing to export yet.
            MissingExtra: the extra `onnx` is not installed.
            StageError: the network cannot be exported, or the graph computes something else.
        """
        import torch

        from shortlist.models.neural.ranker_graph import PROBE_ROWS, write_graph

        self.require_fitted()
        probe = self._probe(PROBE_ROWS)
        wanted = self._logits_of({name: torch.from_numpy(values) for name, values in probe.items()}, PROBE_ROWS)
        once = self.once(probe)
        about = {"importance": self.importance(), "tasks": list(self.tasks)}
        write_graph(self.graph_net(), Path(folder), probe, wanted, once if len(once) < len(probe) else [], about)

    def graph_net(self) -> nn.Module:
        """The network that goes into a graph."""
        return self.module_

    def _probe(self, n: int) -> dict[str, Array]:
        """Made-up encoded rows, with missing and unknown values among them."""
        rng, out = np.random.default_rng(0), {}
        for name, vocab in self._vocabularies().vocabs.items():
            if vocab.field.is_coded:
                out[name] = rng.integers(0, vocab.size, n)
            else:
                there = rng.random(n) < 0.8
                out[name] = np.stack([np.where(there, rng.normal(size=n), 0.0), there], axis=1).astype(np.float32)
        return out


def log_odds(label: Floats) -> float:
    """Log odds of a label's mean, drawn a little to even; unknown labels do not count."""
    known = label[np.isfinite(label)]
    clicks = float(known.sum()) + 0.5
    return float(np.log(clicks / (len(known) + 1.0 - clicks)))


def _by_field(x: Floats) -> dict[str, Array]:
    """Columns of the matrix under the names of both fields that may read them."""
    named = {f"column{j}": x[:, j] for j in range(x.shape[1])}
    return named | {f"{name}_bucket": values for name, values in named.items()}
