"""The analyst's queue: what looks wrong, why, and what was decided."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from tokentrail.web.access import Known
from tokentrail.web.auth import Viewer
from tokentrail.web.render import answer, wants_json
from tokentrail.web.state import AlertQueue, Web

STATES = ("open", "acknowledged", "confirmed", "dismissed", "all")
MAX_ROWS = 200


def routes(web: Web, queue: AlertQueue) -> APIRouter:
    """List, detail and review, with their twins."""
    router = APIRouter()
    known = Depends(Known(web))

    @router.get("/alerts")
    @router.get("/alerts.json")
    def alerts(
        request: Request,
        viewer: Viewer = known,  # noqa: ARG001 - not for everybody
        status: str = Query("open", pattern="^(open|acknowledged|confirmed|dismissed|all)$"),
    ) -> Response:
        found = queue.find(web.settings, status, MAX_ROWS)
        return answer(request, "alerts.html", {"status": status, "alerts": found}, page={"states": STATES})

    @router.get("/alerts/{alert_id}")
    @router.get("/alerts/{alert_id}.json")  # tried first: the path above takes any ending
    def alert(request: Request, alert_id: str, viewer: Viewer = known) -> Response:  # noqa: ARG001
        return answer(request, "alert.html", {"alert": queue.detail(web.settings, alert_id)})

    @router.post("/alerts/{alert_id}/review")
    def review(
        request: Request,
        alert_id: str,
        viewer: Viewer = known,
        verdict: str = Form(pattern="^(ack|dismiss|confirm)$"),
        comment: str = Form("", max_length=1000),
        csrf: str = Form("", max_length=200),
    ) -> Response:
        web.auth.check_form(request, viewer, csrf)
        done = queue.review(web.settings, alert_id, verdict, viewer.name, comment or None)
        if wants_json(request):
            return answer(request, "alert.html", done)
        return RedirectResponse(f"/alerts/{done['alert_id']}", status_code=303)

    return router
