"""How the ledger does, in a few numbers: for probes, Prometheus and the health page."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import psycopg
from fastapi import APIRouter, Request, Response
from prometheus_client import generate_latest
from psycopg_pool import PoolTimeout

from tokentrail.ledger.checkpoints import newest
from tokentrail.web.auth import NotAllowed
from tokentrail.web.render import answer
from tokentrail.web.state import Web

# A checkpoint is promised every ten seconds while the tree grows; half a minute means that nobody signs.
LATE_SECONDS = 30.0
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def routes(web: Web) -> APIRouter:
    """Health for probes is open to all and says little; metrics likewise hold numbers only."""
    router = APIRouter()

    @router.get("/health")
    @router.get("/health.json")
    def health(request: Request) -> Response:
        with contextlib.suppress(NotAllowed):
            request.state.viewer = web.auth.viewer(request)
        found = measure(web)
        status = 503 if found["status"] == "down" else 200
        return answer(request, "health.html", found, status=status)

    @router.get("/metrics")
    def metrics() -> Response:
        found = measure(web)
        for name in ("ledger_entries", "ledger_signed_entries", "ledger_checkpoint_age_seconds", "alerts_open"):
            value = found[name.removeprefix("ledger_")]
            web.gauges[name].set(float("nan") if value is None else value)
        return Response(generate_latest(web.registry), media_type=METRICS_TYPE)

    return router


def measure(web: Web) -> dict[str, Any]:
    """Status `ok`, `late` (the newest entries are under no checkpoint for long) or `down`, and the numbers."""
    found: dict[str, Any] = {
        "status": "down",
        "origin": web.settings.ledger_origin,
        "entries": None,
        "signed_entries": None,
        "checkpoint_age_seconds": None,
        "cosignatures": None,
        "written_at": None,
        "alerts_open": None,
    }
    try:
        with web.connection() as conn:
            _read(web, conn, found)
    except (psycopg.Error, PoolTimeout):
        return found
    waiting = found.pop("unsigned_for")
    found["status"] = "late" if waiting is not None and waiting > LATE_SECONDS else "ok"
    return found


def _read(web: Web, conn: psycopg.Connection[Any], found: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    found["unsigned_for"] = None
    row = conn.execute(
        "select log_id, size, updated_at from ledger.log where origin = %s", (web.settings.ledger_origin,)
    ).fetchone()
    if row is not None:
        log_id, found["entries"], found["written_at"] = row
        signed = newest(conn, log_id)
        found["signed_entries"] = signed.tree_size if signed else 0
        found["cosignatures"] = signed.cosignatures if signed else 0
        found["checkpoint_age_seconds"] = (now - signed.signed_at).total_seconds() if signed else None
        first = conn.execute(
            "select appended_at from ledger.entry where log_id = %s and index = %s", (log_id, found["signed_entries"])
        ).fetchone()
        if first is not None:
            found["unsigned_for"] = (now - first[0]).total_seconds()
    count = conn.execute("select count(*) from scorer.alert where status = 'open'").fetchone()
    found["alerts_open"] = count[0] if count else 0
