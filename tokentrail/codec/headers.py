"""Kafka headers of an event: CloudEvents 1.0 binary mode and the W3C trace context."""

from __future__ import annotations

from datetime import UTC, datetime

from cloudevents.core.bindings.kafka import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.propagate import inject

from tokentrail.events import Event

CONTENT_TYPE = "application/avro"
_FORMAT = JSONFormat()


def headers(type_: str, event: Event) -> list[tuple[str, bytes]]:
    """CloudEvents headers (Kafka protocol binding 1.0.2, section 3.2) plus traceparent where a trace is open."""
    attributes = {
        "id": event.get("event_id") or f"{event['target']}:{event['value']}",
        "source": event["issuer"],
        "type": f"tokentrail.{type_}",
        "specversion": "1.0",
        "time": datetime.fromtimestamp((event.get("occurred_at") or event["revoked_at"]) / 1e6, UTC),
        "datacontenttype": CONTENT_TYPE,
    }
    if event.get("subject"):
        attributes["subject"] = event["subject"]
    message = to_binary(CloudEvent(attributes=attributes, data=b""), _FORMAT)
    carrier: dict[str, str] = {}
    inject(carrier)
    return [*message.headers.items(), *((name, text.encode()) for name, text in carrier.items())]
