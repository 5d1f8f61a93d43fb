"""Servers, databases and topics for a benchmark: embedded services or the ones given, all else made for the run."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from tokentrail import devservices
from tokentrail.codec import register_schemas
from tokentrail.config import SERVERS, Settings, load_settings
from tokentrail.kafka import admin
from tokentrail.sql.migrate import upgrade

PARTITIONS = 6


class Stage:
    """Makes databases and topics on one set of servers, and takes them away again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._template = f"tt_bench_{secrets.token_hex(4)}"

    @contextmanager
    def database(self) -> Iterator[Settings]:
        """Settings of an empty, migrated database with a data key of its own."""
        name = f"tt_bench_{secrets.token_hex(4)}"
        self._sql("create database {} template {}", name, self._template)
        try:
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            yield self.settings.model_copy(update={"database_url": self._url(name), "data_key": SecretStr(key)})
        finally:
            self._sql("drop database if exists {} with (force)", name)

    @contextmanager
    def topic(self, **config: str) -> Iterator[str]:
        """A topic like tokens.events, empty."""
        client = admin(self.settings)
        name = f"bench.{secrets.token_hex(6)}"
        settings = {"message.timestamp.type": "LogAppendTime"} | {k.replace("_", "."): v for k, v in config.items()}
        client.create_topics([NewTopic(name, num_partitions=PARTITIONS, replication_factor=-1, config=settings)])[
            name
        ].result(30)
        try:
            yield name
        finally:
            try:
                client.delete_topics([name])[name].result(30)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise

    def open(self) -> None:
        """Make the template that the databases are copied from."""
        self._sql("create database {} template template0", self._template)
        upgrade(self._url(self._template))

    def close(self) -> None:
        """Take it away."""
        self._sql("drop database if exists {} with (force)", self._template)

    def _url(self, name: str) -> str:
        return make_url(self.settings.require("database_url")).set(database=name).render_as_string(hide_password=False)

    def _sql(self, text: str, *names: str) -> None:
        url = make_url(self.settings.require("database_url")).set(drivername="postgresql")
        with psycopg.connect(
            make_conninfo(url.render_as_string(hide_password=False), dbname="postgres"), autocommit=True
        ) as conn:
            conn.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


@contextmanager
def stage() -> Iterator[Stage]:
    """The servers of the environment; embedded ones for what it does not name, ended if they did not run before."""
    settings = load_settings()
    ours = any(getattr(settings, name) is None for name in SERVERS)
    if ours:
        devservices.start(settings)
        settings = load_settings(state_dir=settings.state_dir)
    try:
        register_schemas(settings.require("schema_registry_url"))
        found = Stage(settings)
        found.open()
        try:
            yield found
        finally:
            found.close()
    finally:
        if ours:
            devservices.stop(settings)
