"""Settings of this process: environment variables and `shortlist.toml`, typed, frozen after the first read.

Only what differs between machines lives here. What the product does is in pipeline specs; what an algorithm does is in
its component's `Config`. Order of precedence: environment (`SHORTLIST_*`, `__` for nesting), then `shortlist.toml` in
the working directory, then the defaults below.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from shortlist.core.errors import BadConfig, nearest_hint


class StoreSettings(BaseModel):
    """Where state lives, by URL."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    default: str = "sqlite:.shortlist/state.db"
    """URL of every store without one of its own."""
    events: str | None = None
    """URL of the event log."""
    ledger: str | None = None
    """URL of the decision ledger."""
    features: str | None = None
    """URL of a store from which declared features are read, such as redis://host/0; None reads them from memory."""
    publish_features: bool = True
    """Whether this process writes the state of features there; of all that share the store, exactly one should."""


class ServingSettings(BaseModel):
    """The HTTP door."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs `api_key`."""
    port: int = Field(8000, ge=0, le=65535)
    """TCP port."""
    api_key: SecretStr | None = None
    """Key that writes must carry in `X-API-Key`; None is allowed on loopback only."""
    deadline_ms: int = Field(2000, ge=1)
    """Time budget of one request."""
    threads: int = Field(1, ge=1, le=64)
    """Requests worked on at once. Making a list is work under one interpreter lock, so one is fastest; raise it for
    pipelines whose stages wait for remote stores."""
    queue: int = Field(64, ge=0)
    """Requests that may wait; more are refused with 503."""
    batch: int = Field(1, ge=1, le=64)
    """Lists that are made in one run of the pipeline, for those who ask at the same time; 1 makes each alone."""
    batch_wait_ms: float = Field(0.0, ge=0, le=1000)
    """Longest wait of a request for company, where the server is idle; with 0 only a busy server makes batches."""
    book_router: bool = True
    """Serve the small compatibility routes `/health /recommend /search /ask /feedback`."""
    max_body_bytes: int = Field(10_000_000, ge=1000)
    """Larger bodies are refused with 413."""


class Settings(BaseSettings):
    """All settings of this process."""

    model_config = SettingsConfigDict(
        env_prefix="SHORTLIST_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        toml_file="shortlist.toml",
        use_attribute_docstrings=True,
    )

    home: Path = Path(".shortlist")
    """Folder of everything this process writes."""
    data: Path = Path("../shared/data")
    """Folder with public data sets."""
    store: StoreSettings = StoreSettings()
    """Where state lives."""
    serving: ServingSettings = ServingSettings()
    """The HTTP door."""
    threads: int = Field(2, ge=1)
    """Cores a training job may use."""
    log_level: str = "info"
    """debug, info, warning or error."""
    tracking_uri: str | None = None
    """Where runs are recorded with MLflow; None records them as JSON under `home` only."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the file; no `.env`, no secrets folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def read_settings(**overrides: Any) -> Settings:
    """Read the settings afresh.

    Raises:
        BadConfig: names the setting that is unknown or impossible.
    """
    try:
        return Settings(**overrides)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadConfig(f"shortlist.toml cannot be read: {error}.", hint="Correct that place of the file.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise BadConfig(f"There is no setting '{name}'.", hint=nearest_hint(name, _names()), field=name) from None
        raise BadConfig(
            f"Setting '{name}' is not valid: {first['msg']}.",
            hint="Correct it in the environment (SHORTLIST_...) or in shortlist.toml.",
            field=name,
        ) from None


def _names() -> list[str]:
    """Every setting by its dotted name."""
    found = []
    for name, info in Settings.model_fields.items():
        inner = info.default
        found += [f"{name}.{key}" for key in type(inner).model_fields] if isinstance(inner, BaseModel) else [name]
    return found


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()
