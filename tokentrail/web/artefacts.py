"""The log as c2sp.org/tlog-tiles over HTTP, for anybody: checkpoint, tiles, entry bundles."""

from __future__ import annotations

import gzip

from fastapi import APIRouter, Request, Response

from tokentrail.errors import NotFound
from tokentrail.ledger.checkpoints import newest
from tokentrail.ledger.tile_paths import parse_path
from tokentrail.ledger.tiles_out import Resources
from tokentrail.web.state import Web

PUBLIC = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
FOR_EVER = {**PUBLIC, "cache-control": "public, max-age=31536000, immutable"}
BRIEFLY = {**PUBLIC, "cache-control": "public, max-age=1"}
TEXT = "text/plain; charset=utf-8"


def routes(web: Web) -> APIRouter:
    """The routes; nothing here asks who looks."""
    router = APIRouter()

    @router.get("/checkpoint")
    def checkpoint() -> Response:
        with web.connection() as conn:
            found = newest(conn, web.log_id(conn))
        if found is None:
            raise NotFound("no checkpoint is signed yet")
        return Response(found.note, headers=BRIEFLY, media_type=TEXT)

    @router.get("/tile/{path:path}")
    def tile(request: Request, path: str) -> Response:
        ref = parse_path(f"tile/{path}")
        if ref is None:
            raise NotFound("no tile has this path")
        with web.connection() as conn:
            log_id = web.log_id(conn)
            # What no checkpoint covers is nobody's business yet.
            signed = newest(conn, log_id)
            if signed is None or signed.tree_size < ref.tree_size:
                raise NotFound("no checkpoint covers this tile yet")
            content = Resources(conn, web.settings, log_id).read(ref)
        headers = dict(FOR_EVER)
        if ref.level < 0:
            headers["vary"] = "accept-encoding"
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers["content-encoding"] = "gzip"
                content = gzip.compress(content, 6)
        return Response(content, headers=headers, media_type="application/octet-stream")

    return router
