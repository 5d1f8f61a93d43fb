"""Settings of the checkpointer alone, from the environment with prefix TOKENTRAIL_."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tokentrail.config import PREFIX
from tokentrail.errors import ConfigError


class CheckpointerSettings(BaseSettings):
    """Where it remembers, how often it signs, who cosigns, where copies go."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    checkpoint_state: Path | None = None
    """The SQLite file of what was signed last; by default checkpointer/memory.sqlite in the state directory."""
    checkpoint_interval: float = Field(default=1.0, ge=0.01, le=10)
    """Seconds between two checkpoints while the tree grows; 10 at most is promised."""
    checkpoint_copy: str | None = None
    """A directory, or an http(s) URL that takes PUT, for a copy of each checkpoint."""
    checkpoint_copy_token: str | None = Field(default=None, repr=False)
    """Bearer token for that URL."""
    witnesses: str = ""
    """`name+id+key+URL` of each witness, separated by spaces."""
    witness_timeout: float = Field(default=2.0, ge=0.1, le=30)


def load_checkpointer_settings() -> CheckpointerSettings:
    """The checkpointer's settings. Raises ConfigError naming the variable when a value does not parse."""
    try:
        return CheckpointerSettings()
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{PREFIX}{str(first['loc'][0]).upper()} is wrong: {first['msg']}") from None
