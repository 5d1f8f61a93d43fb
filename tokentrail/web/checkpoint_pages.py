"""The signed heads."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Query, Request, Response

from tokentrail.errors import NotFound
from tokentrail.ledger.checkpoints import Stored, history
from tokentrail.web.access import Known
from tokentrail.web.artefacts import BRIEFLY, TEXT
from tokentrail.web.auth import Viewer
from tokentrail.web.render import answer
from tokentrail.web.state import Web

PAGE = 50


def routes(web: Web) -> APIRouter:
    """The list, with its twin, and each note as it is."""
    router = APIRouter()
    known = Depends(Known(web))

    @router.get("/checkpoints")
    @router.get("/checkpoints.json")
    def checkpoints(
        request: Request,
        viewer: Viewer = known,  # noqa: ARG001 - not for everybody
        below: int | None = Query(None, ge=0, lt=1 << 63),
    ) -> Response:
        with web.connection() as conn:
            log_id = web.log_id(conn)
            found = history(conn, log_id, limit=PAGE, below=below)
            row = conn.execute("select size from ledger.log where log_id = %s", (log_id,)).fetchone()
        data = {
            "origin": web.settings.ledger_origin,
            "entries": row[0] if row else 0,
            "checkpoints": [_as_dict(one) for one in found],
        }
        return answer(request, "checkpoints.html", data, page={"more": len(found) == PAGE})

    return router


def note_routes(web: Web) -> APIRouter:
    """A note is public."""
    router = APIRouter()

    @router.get("/checkpoints/{size}")
    def checkpoint(size: int) -> Response:
        if not 0 <= size < 1 << 62:
            raise NotFound("no checkpoint has this size")
        with web.connection() as conn:
            found = history(conn, web.log_id(conn), limit=1, below=size + 1)
        if not found or found[0].tree_size != size:
            raise NotFound("no checkpoint has this size")
        return Response(found[0].note, headers=BRIEFLY, media_type=TEXT)

    return router


def _as_dict(found: Stored) -> dict[str, Any]:
    return {
        "tree_size": found.tree_size,
        "root_hash": found.note.split("\n")[2],
        "cosignatures": found.cosignatures,
        "signed_at": found.signed_at,
        "vkey": found.vkey,
        "note": found.note,
    }
