"""A running issuer: its parts put together, its HTTP server, its relay, and their orderly end."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from psycopg_pool import ConnectionPool

from producers.issuer import app, upkeep
from producers.issuer.admin import issuer_secret
from producers.issuer.batch import BatchWriter
from producers.issuer.core import Core
from producers.issuer.directory import Directory
from producers.issuer.limits import Limit, LoginLimits
from producers.issuer.metrics import Metrics
from producers.issuer.passwords import Passwords
from producers.issuer.settings import IssuerSettings, load_issuer_settings
from producers.origin import Origin, networks
from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.db import connect, conninfo
from tokentrail.errors import ConfigError
from tokentrail.http_server import Tls, serve
from tokentrail.join.signing import statement_signer
from tokentrail.outbox import Relay
from tokentrail.tokens.keys import signing_keys
from tokentrail.tokens.mint import Minter
from tokentrail.tokens.revocation import SCHEMA

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 12
WINDOW_SECONDS = 600.0


class IssuerService:
    """One issuer process. `core` is what endpoints work with; `relay` publishes what they commit."""

    def __init__(self, settings: Settings, issuer: str, own: IssuerSettings | None = None) -> None:
        own = own or load_issuer_settings()
        signing = signing_keys(settings.require("signing_key"))
        self.codec = Codec(settings.require("schema_registry_url"))
        stream = _stream(settings)
        self.relay = Relay(
            settings, SCHEMA, stream, "issuer", self.codec, issuer=issuer, signer=statement_signer(signing[0])
        )
        pool: Any = ConnectionPool(
            conninfo(settings, "issuer"), min_size=2, max_size=MAX_CONNECTIONS, timeout=5, open=False
        )
        self.core = Core(
            issuer=issuer,
            settings=own,
            signing=signing,
            minter=Minter(issuer, signing[0]),
            secret=issuer_secret(own),
            passwords=Passwords(own),
            pool=pool,
            directory=Directory(pool),
            batch=BatchWriter(pool, self.relay.wake),
            wake=self.relay.wake,
            origin=Origin(networks(own.trusted_proxies)),
            metrics=Metrics(),
            limits=LoginLimits(Limit(own.login_failures, WINDOW_SECONDS), Limit(own.address_failures, WINDOW_SECONDS)),
            logins=ThreadPoolExecutor(2 * (os.cpu_count() or 1), thread_name_prefix="login"),
        )
        self.app = app.build(self.core)

    def run(self, listener: socket.socket, stop: threading.Event, tls: Tls | None = None) -> None:
        """Serve on an open socket until stopped; then finish what was begun and publish it."""
        core = self.core
        core.pool.open()
        core.batch.start()
        self.relay.start()
        upkeep.start(core.pool, stop)
        log.info("issuer serves", issuer=core.issuer)
        try:
            serve(self.app, listener, stop, tls)
        finally:
            stop.set()
            core.logins.shutdown()
            core.batch.stop()
            self.relay.stop()
            core.pool.close()


def _stream(settings: Settings) -> str:
    """Which sequence this database continues."""
    with connect(settings, "issuer", autocommit=True) as conn:
        row = conn.execute("select id::text from issuer.stream").fetchone()
    if row is None:
        raise ConfigError("the issuer's tables are empty: run `tokentrail migrate`")
    return str(row[0])
