"""Who may see what: each page with each kind of visitor; forms of other sites; guessing."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.web.conftest import ALERT, TOKEN, Serve, Served, browsing
from tokentrail.db import connect
from tokentrail.web.auth import LOGINS_A_MINUTE

PUBLIC = ["/checkpoint", "/tile/0/000", "/tile/entries/000", "/entries/3/proof", "/entries/3/leaf", "/checkpoints/301",
          "/health", "/health.json", "/metrics", "/login", "/static/style.css"]  # fmt: skip
PRIVATE = ["/search", "/search.json", "/search?sub=x", "/entries/3", "/entries/3.json", "/checkpoints",
           "/checkpoints.json", "/alerts", "/alerts.json", f"/alerts/{ALERT}", f"/alerts/{ALERT}.json",
           "/events/019af6c2-5b1e-7c3d-8f00-2b9d5f1f0a11"]  # fmt: skip
BEARER = {"authorization": f"Bearer {TOKEN}"}


def csrf(page: httpx.Response) -> str:
    return page.text.partition('name="csrf" value="')[2].partition('"')[0]


def status_of(served: Served) -> str:
    with connect(served.settings, "reader", autocommit=True) as conn:
        return str(conn.execute("select status from scorer.alert").fetchall()[0][0])


def log_in(client: httpx.Client) -> None:
    done = client.post("/login", data={"token": TOKEN, "name": "ada"})
    assert (done.status_code, done.headers["location"]) == (303, "/search")
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_public_and_private(serve_web: Serve) -> None:
    served = serve_web(TOKEN)
    for path in PUBLIC:
        assert httpx.get(served.url + path).status_code == 200, path
    for path in PRIVATE:
        page = httpx.get(served.url + path, headers={"accept": "text/html"})
        assert page.status_code == (401 if ".json" in path else 303), path
        assert httpx.get(served.url + path, headers={"authorization": "Bearer wrong"}).status_code == 403, path
        assert httpx.get(served.url + path, headers={"cookie": "tokentrail_session=x"}).status_code in (303, 401), path
        assert httpx.get(served.url + path, headers=BEARER).status_code in (200, 404), path
        assert httpx.get(served.url + path, headers=BEARER).headers["cache-control"] == "no-store"


def test_without_a_token_only_this_machine_may_look(serve_web: Serve) -> None:
    served = serve_web()
    for path in PRIVATE:
        assert httpx.get(served.url + path).status_code in (200, 404), path
        for headers in ({"host": "evil.example"}, {"x-forwarded-for": "127.0.0.1"}, {"forwarded": "for=127.0.0.1"}):
            assert httpx.get(served.url + path, headers=headers).status_code == 403, (path, headers)
    assert httpx.post(f"{served.url}/login", data={"token": "", "name": "x"}).status_code in (400, 401)


def test_log_in_review_log_out(serve_web: Serve) -> None:
    served = serve_web(TOKEN)
    with browsing(served) as client:
        assert client.post("/login", data={"token": "wrong", "name": "ada"}).status_code == 401
        log_in(client)
        page = client.get(f"/alerts/{ALERT}")
        assert "ada" in page.text
        form = {"verdict": "confirm", "comment": "seen", "csrf": csrf(page)}
        assert client.post(f"/alerts/{ALERT}/review", data=form).status_code == 303
        assert status_of(served) == "confirmed"
        assert "by ada: seen" in client.get(f"/alerts/{ALERT}").text
        assert client.post("/logout", data={"csrf": csrf(page)}).status_code == 303
        assert client.get("/search").status_code == 303


@pytest.mark.parametrize("token", [None, TOKEN])
def test_forms_of_other_sites_change_nothing(token: str | None, serve_web: Serve) -> None:
    served = serve_web(token)
    with browsing(served) as client:
        if token:
            log_in(client)
        good = csrf(client.get(f"/alerts/{ALERT}"))
        for headers, value in (
            ({}, ""),
            ({}, "0" * 64),
            ({"origin": "https://evil.example"}, good),
            ({"origin": "null"}, good),
            ({"sec-fetch-site": "cross-site"}, good),
        ):
            done = client.post(f"/alerts/{ALERT}/review", data={"verdict": "dismiss", "csrf": value}, headers=headers)
            assert done.status_code == 403
        assert status_of(served) == "open"
        assert client.get(f"/alerts/{ALERT}/review").status_code == 405
        done = client.post(
            f"/alerts/{ALERT}/review", data={"verdict": "dismiss", "csrf": good}, headers={"origin": served.url}
        )
        assert done.status_code == 303


def test_a_session_of_another_has_another_secret(serve_web: Serve) -> None:
    served = serve_web(TOKEN)
    with browsing(served) as ada, browsing(served) as eve:
        log_in(ada)
        log_in(eve)
        stolen = csrf(eve.get(f"/alerts/{ALERT}"))
        assert ada.post(f"/alerts/{ALERT}/review", data={"verdict": "ack", "csrf": stolen}).status_code == 403


def test_guessing_is_slowed(serve_web: Serve) -> None:
    served = serve_web(TOKEN)
    with browsing(served) as client:
        found = [client.post("/login", data={"token": f"t{i}", "name": "x"}).status_code for i in range(30)]
        assert found == [401] * LOGINS_A_MINUTE + [403] * (30 - LOGINS_A_MINUTE)
        assert client.post("/login", data={"token": TOKEN, "name": "x"}).status_code == 403


def test_bearers_review_in_json(serve_web: Serve) -> None:
    served = serve_web(TOKEN)
    headers = {**BEARER, "accept": "application/json"}
    done = httpx.post(f"{served.url}/alerts/{ALERT}/review", data={"verdict": "ack"}, headers=headers)
    assert done.json()["status"] == "acknowledged"
    for data in ({"verdict": "delete"}, {}):
        answer = httpx.post(f"{served.url}/alerts/{ALERT}/review", data=data, headers=headers)
        assert answer.status_code == 400
        assert "verdict" in answer.json()["error"]
