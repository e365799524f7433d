"""Settings of training that every neural model has: the trainer reads them, presets only change defaults."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shortlist.models.base import ModelConfig

MOST_EXACT = 8
"""Tasks up to which all sets of bounds are tried for the Pareto weights."""


class TrainingConfig(ModelConfig):
    """How a network is trained, whatever it is."""

    epochs: int = Field(default=100, ge=1)
    """Most passes over the training data."""
    batch_size: int = Field(default=128, ge=1)
    """Sequences (or rows) per step."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Step size of Adam."""
    reg: float = Field(default=0.0, ge=0)
    """Weight decay of matrices; never of embedding tables, biases and norms."""
    clip: float = Field(default=5.0, gt=0)
    """Longest gradient; longer ones are scaled down to it."""
    embedding_optimiser: Literal["adam", "dense_adam", "adagrad"] = "adam"
    """How embedding rows move: adam keeps two numbers per weight, adagrad one per row (for huge tables). Rows that a
    step does not touch stay as they are under both. dense_adam goes on moving them by momentum: an event of a rare
    item moves it several times as far, and every step costs a pass over the tables."""
    average_passes: float = Field(default=0.0, ge=0)
    """Passes over which a running mean of the weights looks back, which is validated and kept in their place; 0 keeps
    the weights of the last step."""
    patience: int = Field(default=10, ge=1)
    """Validations without a better figure before training stops."""
    learning_rate_drops: int = Field(default=0, ge=0)
    """Times that a stalled figure (see `patience`) divides the step by 4, going on from the best weights, before it
    stops training. Constant steps leave a network jumping about a good place; smaller ones settle there."""
    learning_rate_drops_after: tuple[int, ...] = ()
    """Passes after which the step is divided by 4 where nothing is validated; a refit takes those its search found."""
    validate_every: int = Field(default=1, ge=1)
    """Epochs between two validations."""
    validation_users: int = Field(default=2000, ge=0)
    """Most users asked at a validation; 0 trains for exactly `epochs` on everything."""
    refit: bool = True
    """Whether to train again on everything for the number of epochs found best. Without it the last event of each user
    only decides when to stop and is not learned from."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda or cuda:1; auto takes a GPU where there is one."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the forward pass; weights stay in float32."""
    compile: bool = False
    """Whether torch compiles the network first; pays off on long runs only."""
    deterministic: bool = False
    """Refuse operations whose result is not repeatable on a GPU; on a CPU a seed fixes the result either way."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that share every batch; each computes a part and they add up their gradients."""
    max_core_seconds: float | None = Field(default=None, gt=0)
    """CPU time after which training stops with the best weights so far; None sets no limit."""
    checkpoint: str | None = None
    """Folder in which an interrupted fit leaves its state after every epoch and from which the same fit resumes."""
