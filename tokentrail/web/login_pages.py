"""Log in with the token, log out."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from tokentrail.web.access import Known
from tokentrail.web.auth import COOKIE, Viewer
from tokentrail.web.render import answer
from tokentrail.web.state import Web


def routes(web: Web) -> APIRouter:
    """The login page says nothing of the log."""
    router = APIRouter()
    known = Depends(Known(web))

    @router.get("/login")
    def page(request: Request) -> Response:
        return answer(request, "login.html", {"error": None})

    @router.post("/login")
    def login(request: Request, token: str = Form(max_length=1000), name: str = Form(max_length=100)) -> Response:
        web.auth.check_site(request)
        session = web.auth.login(token, name.strip() or "web")
        if session is None:
            return answer(request, "login.html", {"error": "this is not the token"}, status=401)
        done = RedirectResponse("/search", status_code=303)
        done.set_cookie(
            COOKIE,
            session,
            max_age=web.own.web_session_seconds,
            httponly=True,
            samesite="strict",
            secure=web.own.web_secure_cookies,
        )
        return done

    @router.post("/logout")
    def logout(request: Request, viewer: Viewer = known, csrf: str = Form("", max_length=200)) -> Response:
        web.auth.check_form(request, viewer, csrf)
        web.auth.logout(request)
        done = RedirectResponse("/login", status_code=303)
        done.delete_cookie(COOKIE)
        return done

    return router
