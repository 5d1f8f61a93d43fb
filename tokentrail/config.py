"""Settings from the environment (prefix TOKENTRAIL_); servers left unset mean the embedded ones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tokentrail.errors import ConfigError

PREFIX = "TOKENTRAIL_"
SERVERS = ("kafka_bootstrap", "database_url", "schema_registry_url")


def default_state_dir() -> Path:
    """Where embedded services keep their data: /var/lib for root (postgres must reach it), else the home."""
    if os.geteuid() == 0:
        return Path("/var/lib/tokentrail")
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "tokentrail"


class Settings(BaseSettings):
    """All that a process is told from outside. Keys are secrets: never printed, never written."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    state_dir: Path = Field(default_factory=default_state_dir)
    kafka_bootstrap: str | None = None
    database_url: str | None = None
    schema_registry_url: str | None = None
    issuer: str | None = None
    ledger_origin: str = "tokentrail.local/ledger"
    signing_key: SecretStr | None = None
    encryption_key: SecretStr | None = None
    checkpoint_key: SecretStr | None = None
    data_key: SecretStr | None = None
    command_key: SecretStr | None = None
    command_public_key: SecretStr | None = None
    archive_dir: Path | None = None
    checkpoint_vkey: str | None = None
    witness_vkeys: str = ""
    witness_quorum: int = Field(default=0, ge=0)
    retention_days: int = Field(2192, ge=1)
    reader: str | None = None
    statement_grace_seconds: float = Field(default=30.0, gt=0)
    kafka: dict[str, str] = Field(default_factory=dict)

    def require(self, name: str) -> str:
        """The value of a setting, or ConfigError that names its variable."""
        value = getattr(self, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if value:
            return str(value)
        hint = "run `tokentrail up` or set" if name in SERVERS else "set"
        raise ConfigError(f"{name} is not known: {hint} {PREFIX}{name.upper()}")


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, servers left unset filled from the embedded services' file.

    Raises ConfigError naming the variable when a value does not parse.
    """
    try:
        settings = Settings(kafka=_librdkafka_settings(), **overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise ConfigError(f"{name} is wrong: {first['msg']}") from None
    return settings.model_copy(update=_embedded_servers(settings))


def _librdkafka_settings() -> dict[str, str]:
    """TOKENTRAIL_KAFKA_SASL_USERNAME=x becomes sasl.username: x; librdkafka's own names, dots for underscores."""
    start = PREFIX + "KAFKA_"
    return {
        name.removeprefix(start).lower().replace("_", "."): value
        for name, value in os.environ.items()
        if name.startswith(start) and name != start + "BOOTSTRAP"
    }


def _embedded_servers(settings: Settings) -> dict[str, str]:
    try:
        known = json.loads((settings.state_dir / "services.json").read_text())
    except (OSError, ValueError):
        return {}
    filled = {name: known[name] for name in SERVERS if getattr(settings, name) is None and known.get(name)}
    if settings.issuer is None and known.get("issuer_url"):
        filled["issuer"] = known["issuer_url"]
    return filled
