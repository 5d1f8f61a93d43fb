"""(a) The loop that most people would write: confluent-kafka, SQLAlchemy's ORM, one commit per 100 records.

usage: python -m benchmarks.contenders.naive TOPIC
"""

from __future__ import annotations

import io
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from fastavro import schemaless_reader
from sqlalchemy import BigInteger, DateTime, LargeBinary, Text, Uuid, create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.contenders.consume import subscribed
from benchmarks.contenders.gate import Gate
from tokentrail.codec import Registry
from tokentrail.config import load_settings

COMMIT_EVERY = 100


class Base(DeclarativeBase):
    """Declarative base."""


class Event(Base):
    """An audit table as one finds them."""

    __tablename__ = "audit_event"

    event_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    issuer_seq: Mapped[int] = mapped_column(BigInteger)
    subject: Mapped[str | None] = mapped_column(Text, index=True)
    client_id: Mapped[str | None] = mapped_column(Text)
    session_id: Mapped[str | None] = mapped_column(Text)
    jti: Mapped[str | None] = mapped_column(Text)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    body: Mapped[bytes] = mapped_column(LargeBinary)


def row(registry: Registry, value: bytes) -> Event:
    """Decode a value into an ORM object."""
    name, schema, _ = registry.writer(int.from_bytes(value[1:5], "big"))
    stream = io.BytesIO(value)
    stream.seek(5)
    event: Any = schemaless_reader(stream, schema, None)
    return Event(
        event_id=uuid.UUID(event["event_id"]),
        type=name,
        issuer=event["issuer"],
        issuer_seq=event["issuer_seq"],
        subject=event["subject"],
        client_id=event["client_id"],
        session_id=event["session_id"],
        jti=event["jti"],
        occurred_at=datetime.fromtimestamp(event["occurred_at"] / 1e6, UTC),
        body=value,
    )


def main() -> None:
    """Write the topic into the table until the input ends."""
    settings, gate, topic = load_settings(), Gate(), sys.argv[1]
    engine = create_engine(settings.require("database_url").replace("postgresql://", "postgresql+psycopg://", 1))
    Base.metadata.create_all(engine)
    registry = Registry(settings.require("schema_registry_url"))
    config = {"bootstrap.servers": settings.require("kafka_bootstrap"), "enable.auto.commit": False}
    client = subscribed(config, topic, gate)
    with Session(engine) as session:
        session.connection()
        waiting: list[Event] = []
        while not gate.ended.is_set():
            message = client.poll(0.2)
            if message is not None and message.error() is None:
                waiting.append(row(registry, message.value()))
            if len(waiting) >= COMMIT_EVERY or (message is None and waiting):
                count = store(session, waiting)
                client.commit(asynchronous=True)
                gate.wrote(count)
                waiting.clear()
    client.close()


def store(session: Session, events: list[Event]) -> int:
    """Commit together; one by one where an event is there already."""
    try:
        session.add_all(events)
        session.commit()
    except IntegrityError:
        session.rollback()
        for event in events:
            session.merge(event)
            session.commit()
    return len(events)


if __name__ == "__main__":
    main()
