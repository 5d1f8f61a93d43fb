"""Kafka, Postgres and a schema registry for the tests.

Each server is taken from the environment if it is named there (TOKENTRAIL_KAFKA_BOOTSTRAP,
TOKENTRAIL_DATABASE_URL as a superuser, TOKENTRAIL_SCHEMA_REGISTRY_URL), else from Docker where an engine
answers, else embedded. The report's header says which. Embedded ones live for one run of pytest, in a
state directory that no other run uses; its logs stay for a look after a failure.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

from tokentrail import devservices
from tokentrail.codec import register_schemas
from tokentrail.config import SERVERS, Settings, load_settings
from tokentrail.devservices.artifacts import cache_dir
from tokentrail.kafka import TOPICS, admin, ensure_topics
from tokentrail.sql.migrate import upgrade


@dataclass(frozen=True)
class Servers:
    """Addresses of real servers; the database's login is a superuser."""

    kafka_bootstrap: str
    database_url: str
    schema_registry_url: str


def given() -> dict[str, str]:
    """The servers that the environment names."""
    named = {name: os.environ.get(f"TOKENTRAIL_{name.upper()}") for name in SERVERS}
    return {name: value for name, value in named.items() if value}


@cache
def source() -> str:
    """Where the servers come from that the environment does not name."""
    from tests import docker_servers  # noqa: PLC0415 - slow, and not needed where all servers are given

    return "docker" if docker_servers.engine_answers() else "embedded"


def pytest_report_header() -> list[str]:
    """One line that says which servers the tests use."""
    named = given()
    parts = [f"{name} {'from the environment' if name in named else source()}" for name in SERVERS]
    return [f"servers: {', '.join(parts)}"]


@contextmanager
def _own_state_dir() -> Iterator[Path]:
    """The first directory that no other run of the tests holds, emptied."""
    base = cache_dir() / "tests"
    base.mkdir(parents=True, exist_ok=True)
    for number in range(64):
        place = base / str(number)
        with (base / f"{number}.lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            devservices.stop(load_settings(state_dir=place))  # a run that was killed may have left some
            shutil.rmtree(place, ignore_errors=True)
            yield place
            return
    raise RuntimeError(f"64 runs of the tests hold {base}")


@contextmanager
def _embedded() -> Iterator[dict[str, str]]:
    with _own_state_dir() as place:
        settings = load_settings(state_dir=place)
        try:
            found = devservices.start(settings)
            yield {name: getattr(found, name) for name in SERVERS}
        finally:
            devservices.stop(settings)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this run. Tests that break one must start their own."""
    named = given()
    missing = [name for name in SERVERS if name not in named]
    with ExitStack() as stack:
        if missing and source() == "docker":
            from tests import docker_servers  # noqa: PLC0415

            named |= stack.enter_context(docker_servers.running(missing))
        elif missing:
            named |= stack.enter_context(_embedded())
        yield Servers(**named)


@pytest.fixture(scope="session")
def _template(servers: Servers) -> Iterator[str]:
    """Name of a migrated database, from which each test's own is copied."""
    name = f"tt_template_{secrets.token_hex(4)}"
    _create(servers, name, "template0")
    try:
        upgrade(_url(servers, name))
        yield name
    finally:
        _drop(servers, name)


@contextmanager
def fresh_database(servers: Servers, template: str) -> Iterator[str]:
    """URL (superuser) of a copy of a database, gone afterwards."""
    name = f"tt_test_{secrets.token_hex(6)}"
    _create(servers, name, template)
    try:
        yield _url(servers, name)
    finally:
        _drop(servers, name)


@pytest.fixture
def database(servers: Servers, _template: str) -> Iterator[str]:
    """URL (superuser) of a fresh migrated database, gone after the test."""
    with fresh_database(servers, _template) as url:
        yield url


def _url(servers: Servers, name: str) -> str:
    return make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)


def _statement(servers: Servers, text: str, *names: str) -> None:
    plain = make_url(servers.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(make_conninfo(plain, dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


def _create(servers: Servers, name: str, template: str) -> None:
    _statement(servers, "CREATE DATABASE {} TEMPLATE {}", name, template)


def _drop(servers: Servers, name: str) -> None:
    _statement(servers, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def schemas(servers: Servers) -> str:
    """URL of the registry with the contract's schemas in it."""
    register_schemas(servers.schema_registry_url)
    return servers.schema_registry_url


@pytest.fixture
def settings(servers: Servers, database: str, schemas: str, tmp_path: Path) -> Settings:
    """Settings for these servers, with a fresh database and a state directory of its own."""
    return load_settings(
        kafka_bootstrap=servers.kafka_bootstrap,
        database_url=database,
        schema_registry_url=schemas,
        state_dir=tmp_path / "state",
    )


@pytest.fixture
def topics(settings: Settings) -> list[str]:
    """The contract's topics, empty: those of the test before are deleted and made again."""
    return fresh_topics(settings)


def fresh_topics(settings: Settings) -> list[str]:
    """Delete the contract's topics where they are, and make them again."""
    client = admin(settings)
    there = set(client.list_topics(timeout=15).topics)
    old = [name for name in TOPICS if name in there]
    for future in client.delete_topics(old, operation_timeout=15).values() if old else ():
        future.result()
    ensure_topics(settings)
    _await_leaders(client)
    return list(TOPICS)


def _await_leaders(client: AdminClient) -> None:
    """A topic is made before every broker knows it and takes requests; wait until each partition says where it ends."""
    deadline = time.monotonic() + 15
    wanted: dict[TopicPartition, OffsetSpec] | None = None
    while wanted is None or wanted:
        try:
            wanted = wanted or _all_partitions(client)
            answers = client.list_offsets(wanted, request_timeout=5)
            wanted = {at: wanted[at] for at, future in answers.items() if future.exception() is not None}
        except KafkaException:
            time.sleep(0.1)
        if time.monotonic() > deadline:
            raise TimeoutError(f"topics are not ready after 15 s: {wanted}")


def _all_partitions(client: AdminClient) -> dict[TopicPartition, OffsetSpec]:
    described = client.describe_topics(TopicCollection(list(TOPICS)))
    return {
        TopicPartition(name, partition.id): OffsetSpec.latest()
        for name, future in described.items()
        for partition in future.result().partitions
    }


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics and groups that nobody else uses."""
    return f"test.{secrets.token_hex(4)}."


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """The event that ends a process's `run`; set when the test ends."""
    event = threading.Event()
    yield event
    event.set()
