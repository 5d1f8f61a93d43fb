"""Ledgers whose entries may be years old (tests/integration/records/book.py)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from tests.integration.records.book import Book
from tests.servers import Servers, fresh_database
from tokentrail.config import Settings, load_settings
from tokentrail.ledger.archive.layout import archive_dir
from tokentrail.ledger.notes import NoteKey
from tokentrail.verifier import Options, Report, verify


def new_key() -> str:
    """A wrapping key."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def months_ago(months: int, day: int = 10) -> datetime:
    """Noon of that day, so many months before this one."""
    now = datetime.now(UTC)
    count = now.year * 12 + now.month - 1 - months
    return datetime(count // 12, count % 12 + 1, day, 12, tzinfo=UTC)


@pytest.fixture
def keyed(settings: Settings) -> Settings:
    """Settings with a data key made for this test."""
    return settings.model_copy(update={"data_key": SecretStr(new_key())})


@pytest.fixture
def book(keyed: Settings) -> Iterator[Book]:
    """A ledger of its own, empty."""
    made = Book(keyed)
    yield made
    made.close()


@pytest.fixture
def note_key(keyed: Settings) -> NoteKey:
    """The key that signs this test's checkpoints."""
    return NoteKey(keyed.ledger_origin, Ed25519PrivateKey.generate())


@pytest.fixture(scope="module")
def module_ledger(
    servers: Servers, _template: str, schemas: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Book]:
    """A ledger with a few hundred entries and a checkpoint, for tests that leave it as it is."""
    with fresh_database(servers, _template) as url:
        settings = load_settings(
            kafka_bootstrap=servers.kafka_bootstrap,
            database_url=url,
            schema_registry_url=schemas,
            state_dir=tmp_path_factory.mktemp("state"),
            data_key=SecretStr(new_key()),
        )
        made = Book(settings)
        made.write(None, 300)
        made.sign(NoteKey(settings.ledger_origin, Ed25519PrivateKey.generate()))
        yield made
        made.close()


def verified(settings: Settings, *, keys: bool = True) -> Report:
    """What the verifier says."""
    raw = [base64.b64decode(part) for part in settings.require("data_key").split()] if keys else []
    with psycopg.connect(settings.require("database_url")) as conn:
        return verify(conn, settings.ledger_origin, Options(data_keys=raw, archive=archive_dir(settings)))
