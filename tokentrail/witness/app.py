"""The witness over HTTP: POST /add-checkpoint, GET /<SHA-256 of the origin>/checkpoint, /health, /metrics."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, generate_latest
from starlette.concurrency import run_in_threadpool

from tokentrail.witness.protocol import Answer, Witness

MAX_BODY_BYTES = 64 * 1024
log = structlog.get_logger()


def build(witness: Witness) -> FastAPI:
    """The ASGI application."""
    app = FastAPI(title="Tokentrail witness", docs_url=None, redoc_url=None, openapi_url=None)
    registry = CollectorRegistry()
    answered = Counter(
        "tokentrail_witness_answers", "Answers to add-checkpoint, by status", ["status"], registry=registry
    )

    @app.post("/add-checkpoint")
    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return _response(Answer(413, "the request is too large\n"))
        answer = await run_in_threadpool(witness.add_checkpoint, bytes(body))
        answered.labels(str(answer.status)).inc()
        if answer.status == 422:
            # The signature was good: what was refused may be evidence against the log.
            log.error(
                "a signed checkpoint was refused", reason=answer.body.strip(), request=body.decode("utf-8", "replace")
            )
        return _response(answer)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/{origin_hash}/checkpoint")
    async def checkpoint(origin_hash: str) -> Response:
        return _response(await run_in_threadpool(witness.checkpoint, origin_hash))

    return app


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers={"content-type": answer.content_type})
