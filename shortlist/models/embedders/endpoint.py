"""Endpoint: vectors from a model that runs somewhere else, on this machine or hosted, asked over HTTP.

It speaks the two wordings that embedding servers have in common: `POST {"model", "input": [...]}` answered by
`{"data": [{"index", "embedding"}]}`, and `POST {"inputs": [...]}` answered by a list of lists. A key is read from an
environment variable and is never written down; without TLS only this machine is asked.
Cost: what the server takes; texts are sent in batches and an answer of any other shape is refused.
When not: training on thousands of texts without a cache; see `VectorCache`.
"""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlparse

import numpy as np
from pydantic import Field, model_validator

from shortlist.core.errors import BadConfig, SchemaMismatch, StoreUnavailable
from shortlist.core.types import Floats
from shortlist.models.embedders.base import Embedder, EmbedderConfig

HERE = ("127.0.0.1", "localhost", "::1")
MAX_BYTES = 256_000_000
"""Longest answer that is read."""


class Config(EmbedderConfig):
    """Settings of `Endpoint`."""

    url: str
    """Where texts are posted to, path and all: "https://host/v1/embeddings", or "http://127.0.0.1:8080/embed"."""
    model: str = ""
    """Name of the model, for servers that have several; also part of what a cache is keyed by."""
    wording: Literal["input", "inputs"] = "input"
    """What the server wants: "input" with a model's name, or "inputs" alone."""
    key_env: str | None = None
    """Environment variable with the key; None sends none."""
    batch_size: int = Field(default=64, ge=1)
    """Texts per request."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Seconds to wait for an answer."""

    @model_validator(mode="after")
    def _only_safe_addresses(self) -> Self:
        address = urlparse(self.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("the url must begin with https:// (or http:// on this machine)")
        if address.scheme == "http" and address.hostname not in HERE:
            raise ValueError("without TLS only this machine is asked: use https")
        if address.username or address.password:
            raise ValueError("a url holds no password: name a variable in key_env")
        return self


class Endpoint(Embedder):
    """Vectors by HTTP. Learned: nothing."""

    Config: ClassVar[type[EmbedderConfig]] = Config

    @property
    def identity(self) -> str:
        """Server and model."""
        return f"{self.config.url}#{self.config.model}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """float32[n, d] as the server gives them; zeros for texts without a word, and no row has a d of its own.

        Raises:
            StoreUnavailable: the server cannot be reached or refuses.
            SchemaMismatch: its answer is not one vector per text, all of one length, all numbers.
        """
        has = [n for n, text in enumerate(texts) if text.strip()]
        size = self.config.batch_size
        found = [self._ask([texts[n] for n in has[at : at + size]]) for at in range(0, len(has), size)]
        widths = {part.shape[1] for part in found}
        if len(widths) > 1:
            raise SchemaMismatch(f"Vectors of {self.config.url} have lengths {sorted(widths)}.", hint="Name one model.")
        out = np.zeros((len(texts), widths.pop() if widths else 0), np.float32)
        if found:
            out[has] = np.concatenate(found)
        return out

    def _ask(self, texts: list[str]) -> Floats:
        c = self.config
        body: dict[str, Any] = {"inputs": texts} if c.wording == "inputs" else {"input": texts, "model": c.model}
        headers = {"Content-Type": "application/json"}
        if c.key_env is not None:
            key = os.environ.get(c.key_env)
            if not key:
                raise BadConfig(
                    f"The variable '{c.key_env}' holds no key.", hint="Set it, or drop key_env.", field="key_env"
                )
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(c.url, json.dumps(body).encode(), headers)  # noqa: S310
        try:
            with _opener().open(request, timeout=c.timeout_s) as answer:
                raw = answer.read(MAX_BYTES)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "code", None) or type(error).__name__
            raise StoreUnavailable(
                f"The embedding server at {c.url} did not answer ({reason}).",
                hint="Check url, model and key_env; try again later.",
            ) from None
        return _vectors(raw, len(texts), c.url)


class _Stay(urllib.request.HTTPRedirectHandler):
    """No redirects: a key must not follow one to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None: the answer 3xx stands and is refused."""
        return


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Stay)


def _vectors(raw: bytes, n: int, url: str) -> Floats:
    try:
        answer = json.loads(raw)
        rows = answer["data"] if isinstance(answer, dict) else answer
        if rows and isinstance(rows[0], dict):
            rows = [row["embedding"] for row in sorted(rows, key=lambda row: int(row.get("index", 0)))]
        out = np.array(rows, np.float32)
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaMismatch(
            f"The answer of {url} holds no vectors ({type(error).__name__}).", hint="Try another `wording`."
        ) from None
    if out.ndim != 2 or len(out) != n or not np.isfinite(out).all():
        raise SchemaMismatch(
            f"The answer of {url} is no {n} vectors of finite numbers.", hint="Check that the model embeds texts."
        )
    return out
