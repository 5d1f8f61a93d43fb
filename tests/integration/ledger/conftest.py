"""A ledger of its own for each test or module: fresh database, empty topics, a data key made for it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tests.feed import Feed
from tests.servers import Servers, fresh_database, fresh_topics
from tokentrail.config import Settings, load_settings


def with_key(settings: Settings) -> Settings:
    """The settings with a data key that exists for this test only."""
    return settings.model_copy(update={"data_key": SecretStr(base64.b64encode(secrets.token_bytes(32)).decode())})


@pytest.fixture
def ledger(settings: Settings, topics: list[str]) -> Settings:
    """Settings of an empty ledger with empty topics."""
    return with_key(settings)


@pytest.fixture
def feed(ledger: Settings) -> Feed:
    """A source of events."""
    return Feed(ledger)


@pytest.fixture(scope="module")
def module_ledger(
    servers: Servers, _template: str, schemas: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A ledger for all tests of a module."""
    with fresh_database(servers, _template) as url:
        settings = load_settings(
            kafka_bootstrap=servers.kafka_bootstrap,
            database_url=url,
            schema_registry_url=schemas,
            state_dir=tmp_path_factory.mktemp("state"),
        )
        fresh_topics(settings)
        yield with_key(settings)
