"""Bring a database to the newest revision; safe to repeat, safe for two at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

HERE = Path(__file__).parent


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Run what is missing. The login must be allowed to create roles and schemas."""
    command.upgrade(_config(database_url), revision)
