"""A ledger of its own for each test: fresh database, empty topics, a data key made for the test."""

from __future__ import annotations

import base64
import secrets

import pytest
from pydantic import SecretStr

from tests.feed import Feed
from tokentrail.config import Settings


@pytest.fixture
def ledger(settings: Settings, topics: list[str]) -> Settings:
    """Settings of an empty ledger with empty topics."""
    return settings.model_copy(
        update={"data_key": SecretStr(base64.b64encode(secrets.token_bytes(32)).decode())}
    )


@pytest.fixture
def feed(ledger: Settings) -> Feed:
    """A source of events."""
    return Feed(ledger)
