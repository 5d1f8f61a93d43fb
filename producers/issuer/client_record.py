"""The record of a client that failed to authenticate."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from typing import Any

from producers.issuer.client_auth import Presented
from producers.issuer.core import Core
from producers.issuer.directory import Client
from producers.issuer.grant_record import Record
from tokentrail import events


def note_client_failure(core: Core, found: Presented, client: Client | None, source: Mapping[str, Any]) -> None:
    """LoginAttempted without success, by a client.

    The refusal does not wait for it; a full queue drops it.
    """
    event = events.new_event(
        issuer=core.issuer,
        client_id=client.client_id if client else None,
        source=dict(source),
        success=False,
        method=found.method,
        failure_reason="invalid_client",
        typed_name_hash=None if client else core.secret.typed_name_hash(found.client_id),
    )
    try:
        core.batch.submit(Record([], [(events.LOGIN_ATTEMPTED, event)]))
    except queue.Full:
        core.metrics.refused.labels("not_recorded").inc()
