"""What the web process holds: settings, a pool under the reader's role, the alert queue, metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge
from psycopg import Connection
from psycopg_pool import ConnectionPool

from tokentrail.config import Settings
from tokentrail.db import conninfo
from tokentrail.ledger.own_entry import find_log
from tokentrail.web.auth import Auth
from tokentrail.web.settings import WebSettings

POOL = 8
WAIT_SECONDS = 5.0


class AlertQueue(Protocol):
    """The analyst's queue, as whoever builds the web process provides it."""

    def find(self, settings: Settings, status: str, limit: int) -> list[dict[str, Any]]:
        """Alerts of a status or `all`."""

    def detail(self, settings: Settings, alert_id: str) -> dict[str, Any]:
        """One alert. Raises NotFound."""

    def review(
        self, settings: Settings, alert_id: str, verdict: str, reviewer: str, comment: str | None
    ) -> dict[str, Any]:
        """Set its status. Raises NotFound."""


class Web:
    """Shared by all requests."""

    def __init__(self, settings: Settings, own: WebSettings, alerts: AlertQueue | None = None) -> None:
        self.settings = settings
        self.own = own
        self.alerts = alerts
        self.auth = Auth(own)
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tokentrail_web_requests", "Requests, by route and status", ["route", "status"], registry=self.registry
        )
        self.gauges = {
            name: Gauge(f"tokentrail_{name}", text, registry=self.registry)
            for name, text in (
                ("ledger_entries", "Entries in the log"),
                ("ledger_signed_entries", "Entries under the newest checkpoint"),
                ("ledger_checkpoint_age_seconds", "Age of the newest checkpoint"),
                ("alerts_open", "Alerts that nobody has reviewed"),
            )
        }
        self._pool = ConnectionPool(
            conninfo(settings, "reader"), min_size=0, max_size=POOL, open=False, timeout=WAIT_SECONDS
        )

    def open(self) -> None:
        """Begin; connections are made when they are needed."""
        self._pool.open()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """A connection under the reader's role, in a transaction; what is not committed is rolled back."""
        with self._pool.connection(timeout=WAIT_SECONDS) as conn:
            yield conn
            conn.rollback()

    def log_id(self, conn: Connection[Any]) -> int:
        """The log that is served. Raises NotFound."""
        return find_log(conn, self.settings.ledger_origin)
