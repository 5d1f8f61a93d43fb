"""Search and entries, each read on record; proofs and leaves as files."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from tokentrail.errors import NotFound
from tokentrail.ledger.entry import read_entry
from tokentrail.ledger.leaves import index_of, read_leaves
from tokentrail.ledger.prove import Proved, prove
from tokentrail.ledger.query import Query as Asked
from tokentrail.ledger.search import search_entries
from tokentrail.web.access import Known
from tokentrail.web.artefacts import BRIEFLY, FOR_EVER, TEXT
from tokentrail.web.auth import Viewer
from tokentrail.web.render import answer
from tokentrail.web.state import Web

FIELDS = ("sub", "jti", "sid", "client", "ip", "type", "from", "to")
MAX_ROWS = 1000
Index = Annotated[int, Path(ge=0, lt=1 << 62)]


def routes(web: Web) -> APIRouter:
    """Search and entry pages with their twins."""
    router = APIRouter()
    known = Depends(Known(web))

    @router.get("/")
    def home() -> Response:
        return RedirectResponse("/search", status_code=302)

    @router.get("/search")
    @router.get("/search.json")
    def search(
        request: Request,
        viewer: Viewer = known,
        limit: int = Query(100, ge=1, le=MAX_ROWS),
        purpose: str | None = Query(None, max_length=1000),
    ) -> Response:
        asked = {name: request.query_params.get(name, "").strip()[:2000] or None for name in FIELDS}
        form = {**asked, "limit": limit, "purpose": purpose}
        if not any(asked.values()) and "limit" not in request.query_params:
            return answer(request, "search.html", {"query": None, "entries": []}, page={"form": form})
        query = Asked.of(**{("from_" if k == "from" else k): v for k, v in asked.items()}, limit=limit)
        with web.connection() as conn:
            found = search_entries(conn, web.settings, query, reader=viewer.name, purpose=purpose or None)
        data = {"query": query.as_dict(), "entries": [entry.as_dict() for entry in found]}
        return answer(request, "search.html", data, page={"form": form, "rows": [entry.flat() for entry in found]})

    @router.get("/events/{event_id}")
    def event(event_id: UUID, viewer: Viewer = known) -> Response:  # noqa: ARG001 - not for everybody
        with web.connection() as conn:
            index = index_of(conn, web.settings, web.log_id(conn), event_id)
        return RedirectResponse(f"/entries/{index}", status_code=302)

    @router.get("/entries/{index}")
    @router.get("/entries/{index}.json")  # tried first: the path above takes any ending
    def entry(request: Request, index: Index, viewer: Viewer = known) -> Response:
        with web.connection() as conn:
            log_id = web.log_id(conn)
            found = read_entry(conn, web.settings, log_id, index, reader=viewer.name)
            proved = prove(conn, web.settings, log_id, index)
        return answer(request, "entry.html", {"entry": found.as_dict(), "proof": _proof(proved)})

    return router


def proof_routes(web: Web) -> APIRouter:
    """The proof and the leaf of an entry, for anybody: both follow from the public tiles and bundles."""
    router = APIRouter()

    @router.get("/entries/{index}/proof")
    def proof(index: Index) -> Response:
        return Response(_covered(web, index).text(), headers=BRIEFLY, media_type=TEXT)

    @router.get("/entries/{index}/leaf")
    def leaf(index: Index) -> Response:
        _covered(web, index)
        with web.connection() as conn:
            content = read_leaves(conn, web.settings, web.log_id(conn), index, index + 1)[0]
        name = {"content-disposition": f'attachment; filename="{index}.leaf"'}
        return Response(content, headers=FOR_EVER | name, media_type="application/octet-stream")

    return router


def _covered(web: Web, index: int) -> Proved:
    with web.connection() as conn:
        found = prove(conn, web.settings, web.log_id(conn), index)
    if found is None:
        raise NotFound("no checkpoint covers this entry yet")
    return found


def _proof(found: Proved | None) -> dict[str, Any] | None:
    if found is None:
        return None
    said = found.as_dict()
    return {name: said[name] for name in ("tree_size", "inclusion", "checkpoint")}
