"""A small API behind the validator: what a resource-server team would build, and what the demo calls."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, generate_latest

from producers.origin import Origin, networks
from producers.resource_server.usage import UsageRecorder
from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.http_server import Tls, serve
from tokentrail.join.publisher import DirectPublisher
from tokentrail.tokens.asgi import Scope, TokenMiddleware, headers_of
from tokentrail.tokens.denylist_feed import DenyListFeed, StalePolicy
from tokentrail.tokens.fastapi import require
from tokentrail.tokens.keys import decryption_keys
from tokentrail.tokens.metrics import ValidatorMetrics
from tokentrail.tokens.refusal import TokenRefusedError
from tokentrail.tokens.trust import RemoteKeys
from tokentrail.tokens.validate import Accepted, Validator

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 5.0


@dataclass(frozen=True)
class ResourceServerConfig:
    """Which audience this server is, whom it trusts, and which proxies stand before it."""

    audience: str
    issuers: tuple[str, ...]
    identity: str = "resource-server"
    trusted_proxies: str = ""
    policy: StalePolicy = field(default_factory=StalePolicy.strict)


class ResourceServer:
    """Validator, deny-list and usage events around a FastAPI application."""

    def __init__(self, settings: Settings, config: ResourceServerConfig) -> None:
        codec = Codec(settings.require("schema_registry_url"))
        self.feed = DenyListFeed(settings, codec, policy=config.policy)
        self.publisher = DirectPublisher(settings, codec, config.identity)
        self.usage = UsageRecorder(config.identity, self.publisher.event)
        self.validator = Validator(
            config.audience,
            decryption_keys(settings.require("encryption_key")),
            {issuer: RemoteKeys(f"{issuer}/jwks.json") for issuer in config.issuers},
            self.feed,
        )
        self._origin = Origin(networks(config.trusted_proxies))
        self.app = self._build()

    def run(self, listener: socket.socket, stop: threading.Event, tls: Tls | None = None) -> None:
        """Serve until stopped; then publish the last counts."""
        self.feed.start()
        threading.Thread(target=self._flush, args=(stop,), name="usage", daemon=True).start()
        try:
            serve(self.app, listener, stop, tls)
        finally:
            stop.set()
            self.feed.stop()
            self.usage.flush(everything=True)
            self.publisher.close()

    def _flush(self, stop: threading.Event) -> None:
        while not stop.wait(FLUSH_SECONDS):
            self.usage.flush()
            self.publisher.poll()

    def _note(self, scope: Scope, shown: Accepted | TokenRefusedError) -> None:
        peer = scope["client"][0] if scope.get("client") else None
        self.usage.note(shown, self._origin.source(peer, headers_of(scope)))

    def _build(self) -> FastAPI:
        app = FastAPI(title="Records", docs_url=None, redoc_url=None, openapi_url=None)

        @app.get("/health")
        def health() -> Response:
            ready = self.feed.ready.is_set()
            return JSONResponse({"status": "ok" if ready else "reading the deny-list"}, 200 if ready else 503)

        registry = CollectorRegistry()
        registry.register(ValidatorMetrics(self.validator, self.feed))

        @app.get("/metrics")
        def metrics() -> Response:
            return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

        @app.get("/records")
        async def records(token: Annotated[Accepted, Depends(require())]) -> dict[str, Any]:
            return {"records": [{"kind": "appointment", "status": "confirmed"}], "scope": token.claims.get("scope")}

        app.add_middleware(
            TokenMiddleware,
            validator=self.validator,
            on_use=self._note,
            open_paths=frozenset({"/health", "/metrics"}),
        )
        return app
