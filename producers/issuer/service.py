"""A running issuer: its parts put together, its HTTP server, its relay, and their orderly end."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
import uvicorn
from joserfc import jws
from psycopg_pool import ConnectionPool

from producers.issuer import app, upkeep
from producers.issuer.batch import BatchWriter
from producers.issuer.core import Core
from producers.issuer.directory import Directory
from producers.issuer.metrics import Metrics
from producers.issuer.passwords import Passwords
from producers.issuer.secret import IssuerSecret
from producers.issuer.settings import IssuerSettings, load_issuer_settings
from producers.origin import Origin, networks
from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.db import connect, conninfo
from tokentrail.errors import ConfigError
from tokentrail.outbox import Relay
from tokentrail.tokens.commands import canonical
from tokentrail.tokens.keys import SIGNATURE_ALG, SigningKey, signing_keys
from tokentrail.tokens.mint import JWS_REGISTRY, Minter
from tokentrail.tokens.revocation import SCHEMA

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 12
STATEMENT_TYP = "tokentrail-statement+jwt"


class IssuerService:
    """One issuer process. `core` is what endpoints work with; `relay` publishes what they commit."""

    def __init__(self, settings: Settings, issuer: str, own: IssuerSettings | None = None) -> None:
        own = own or load_issuer_settings()
        signing = signing_keys(settings.require("signing_key"))
        if own.issuer_secret is None:
            raise ConfigError("issuer_secret is not known: set TOKENTRAIL_ISSUER_SECRET (`tokentrail keys new`)")
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
            secret=IssuerSecret(own.issuer_secret.get_secret_value()),
            passwords=Passwords(own),
            pool=pool,
            directory=Directory(pool),
            batch=BatchWriter(pool, self.relay.wake),
            wake=self.relay.wake,
            origin=Origin(networks(own.trusted_proxies)),
            metrics=Metrics(),
            logins=ThreadPoolExecutor(2 * (os.cpu_count() or 1), thread_name_prefix="login"),
        )
        self.app = app.build(self.core)

    def run(self, listener: socket.socket, stop: threading.Event) -> None:
        """Serve on an open socket until stopped; then finish what was begun and publish it."""
        core = self.core
        core.pool.open()
        core.batch.start()
        self.relay.start()
        upkeep.start(core.pool, stop)
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=32 * 1024,
        )
        server = _Server(config)
        threading.Thread(target=_end_with, args=(server, stop), name="issuer stop", daemon=True).start()
        log.info("issuer serves", issuer=core.issuer)
        try:
            server.run(sockets=[listener])
        finally:
            stop.set()
            core.logins.shutdown()
            core.batch.stop()
            self.relay.stop()
            core.pool.close()


class _Server(uvicorn.Server):
    """Signals belong to the process: it may run other threads that must end in order too."""

    def install_signal_handlers(self) -> None:
        """Leave them alone."""

    def capture_signals(self) -> Any:
        """Leave them alone."""
        from contextlib import nullcontext  # noqa: PLC0415

        return nullcontext()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises ConfigError when the port is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror}): choose another --port") from None
    listener.listen(1024)
    return listener


def statement_signer(key: SigningKey) -> Any:
    """Signs issuer statements with the issuer's key: payload to compact JWS."""

    def sign(payload: dict[str, Any]) -> str:
        header = {"alg": SIGNATURE_ALG, "typ": STATEMENT_TYP, "kid": key.kid}
        return jws.serialize_compact(header, canonical(payload), key.key, registry=JWS_REGISTRY)

    return sign


def _stream(settings: Settings) -> str:
    """Which sequence this database continues."""
    with connect(settings, "issuer", autocommit=True) as conn:
        row = conn.execute("select id::text from issuer.stream").fetchone()
    if row is None:
        raise ConfigError("the issuer's tables are empty: run `tokentrail migrate`")
    return str(row[0])


def _end_with(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True
