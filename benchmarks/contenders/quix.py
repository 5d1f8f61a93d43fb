"""(c) quixstreams' PostgreSQL sink as its documentation shows it. Needs nothing of Tokentrail.

usage: python quix.py TOPIC, with quixstreams[postgresql] and fastavro installed (requirements/bench.txt)
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import urllib.request
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from fastavro import parse_schema, schemaless_reader
from gate import Gate
from quixstreams import Application
from quixstreams.models import BytesDeserializer
from quixstreams.sinks.community.postgresql import PostgreSQLSink

GATE = Gate()


class CountedSink(PostgreSQLSink):  # type: ignore[misc]
    """Says how much is written."""

    def write(self, batch: Any) -> None:
        """As it does, then counted."""
        super().write(batch)
        GATE.wrote(batch.size)


class Reader:
    """Avro values by the registry's schemas, as plain columns."""

    def __init__(self, registry_url: str) -> None:
        self._url = registry_url
        self._schemas: dict[int, Any] = {}

    def __call__(self, value: bytes) -> dict[str, Any]:
        """The columns of the other contenders."""
        GATE.opened.wait()
        event: Any = schemaless_reader(io.BytesIO(value[5:]), self._schema(int.from_bytes(value[1:5], "big")), None)
        names = ("event_id", "issuer", "issuer_seq", "subject", "client_id", "session_id", "jti")
        return {name: event[name] for name in names} | {"occurred_at": event["occurred_at"], "body": value}

    def _schema(self, schema_id: int) -> Any:
        if schema_id not in self._schemas:
            with urllib.request.urlopen(f"{self._url}/schemas/ids/{schema_id}") as reply:  # noqa: S310 - our registry
                self._schemas[schema_id] = parse_schema(json.loads(json.load(reply)["schema"]))
        return self._schemas[schema_id]


def main() -> None:
    """Write the topic into a table until the input ends."""
    database = urlsplit(os.environ["TOKENTRAIL_DATABASE_URL"])
    app = Application(
        broker_address=os.environ["TOKENTRAIL_KAFKA_BOOTSTRAP"],
        consumer_group=f"{sys.argv[1]}.quix",
        auto_offset_reset="earliest",
        commit_every=5000,
        consumer_extra_config={"fetch.queue.backoff.ms": 10},
        loglevel="ERROR",
    )
    sink = CountedSink(
        host=database.hostname,
        port=database.port,
        dbname=database.path.lstrip("/"),
        user=database.username,
        password=database.password or "",
        table_name="audit_event",
        schema_auto_update=True,
    )
    frame = app.dataframe(app.topic(sys.argv[1], value_deserializer=BytesDeserializer()))
    frame.apply(Reader(os.environ["TOKENTRAIL_SCHEMA_REGISTRY_URL"])).sink(sink)
    GATE.held(1)
    threading.Thread(target=lambda: (GATE.ended.wait(), app.stop()), daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()
