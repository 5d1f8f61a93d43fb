"""Pages and their JSON twins say the same; what is stored stays text; reads are on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from urllib.parse import quote

import httpx
import psycopg
import pytest

from tests.integration.web.conftest import ALERT, ENTRIES, HOSTILE, HOSTILE_INDEX, TOKEN, Serve, browsing
from tokentrail.ledger.export import printable

TWINS = ["/search?limit=5", f"/entries/{HOSTILE_INDEX}", "/checkpoints", "/alerts", f"/alerts/{ALERT}", "/health"]


def twin(path: str) -> str:
    base, _, query = path.partition("?")
    return f"{base}.json?{query}"


@pytest.mark.parametrize("path", TWINS)
def test_a_page_and_its_twin(path: str, serve_web: Serve) -> None:
    with browsing(serve_web()) as client:
        page, data = client.get(path), client.get(twin(path))
        assert (page.status_code, data.status_code) == (200, 200)
        assert data.headers["content-type"] == "application/json"
        assert client.get(path, headers={"accept": "application/json"}).headers["content-type"] == "application/json"
        shown = unescape(page.text)
        for key in ("root_hash", "status", "severity", "leaf_hash", "subject"):
            for found in _values(data.json(), key):
                assert printable(found).split("\n")[0] in shown or "search" in path, (key, found)


def _values(value: object, key: str) -> list[str]:
    if isinstance(value, dict):
        here = [value[key]] if isinstance(value.get(key), str) else []
        return here + [found for item in value.values() for found in _values(item, key)]
    if isinstance(value, list):
        return [found for item in value for found in _values(item, key)]
    return []


@pytest.mark.parametrize(
    "path",
    [f"/entries/{HOSTILE_INDEX}", "/alerts", f"/alerts/{ALERT}", "/search?limit=1", f"/search?sub={quote(HOSTILE)}"],
)
def test_hostile_text_stays_text(path: str, serve_web: Serve) -> None:
    with browsing(serve_web()) as client:
        page = client.get(path).text
        assert "<script" not in page
        assert "<img" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page
        assert "{{7*7}}" in page
        assert "&lt;script&gt;" in page


def test_what_every_answer_carries(serve_web: Serve) -> None:
    with browsing(serve_web(TOKEN)) as client:
        for path in (
            "/login",
            "/search",
            "/checkpoint",
            "/tile/0/000",
            "/static/style.css",
            "/nothing",
            "/health.json",
        ):
            headers = client.get(path).headers
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert "script-src" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert "server" not in headers


def test_a_search_finds_what_was_asked_for(serve_web: Serve) -> None:
    with browsing(serve_web()) as client:
        found = client.get("/search.json", params={"sub": HOSTILE}).json()
        assert [entry["index"] for entry in found["entries"]] == [HOSTILE_INDEX]
        assert found["entries"][0]["event"]["user_agent"] == HOSTILE
        assert client.get("/search.json", params={"type": "Test", "limit": 7}).json()["entries"][0]["index"] == ENTRIES
        assert client.get("/search.json", params={"sub": "nobody"}).json()["entries"] == []
        event_id = found["entries"][0]["event_id"]
        assert client.get(f"/events/{event_id}").headers["location"] == f"/entries/{HOSTILE_INDEX}"


def test_every_read_is_on_record(serve_web: Serve, superuser: psycopg.Connection) -> None:
    """A29: as many records as reads, with who, what and how many."""
    served = serve_web(TOKEN)
    with browsing(served) as client:
        client.post("/login", data={"token": TOKEN, "name": "ada"})
        client.get("/search")  # the empty form reads nothing
        client.get("/search", params={"sub": HOSTILE, "purpose": "a complaint"})
        client.get("/search.json", params={"limit": 3})
        client.get("/entries/5")
        client.get("/entries/9999")
    rows = superuser.execute("select event from ledger.outbox where type = 'LedgerRead' order by id").fetchall()
    events = [json.loads(row[0]) for row in rows]
    assert [(event["rows"], event["purpose"]) for event in events] == [(1, "a complaint"), (3, None), (1, None)]
    assert all(event["reader"].startswith("ada (login ") for event in events)
    assert [json.loads(event["query"]) for event in events] == [
        {"sub": HOSTILE, "limit": 100},
        {"limit": 3},
        {"index": 5},
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/search?limit=0", 400),
        ("/search?limit=x", 400),
        ("/search?from=yesterday", 400),
        ("/search?sub=%00", 400),
        ("/search?ip=10.0.0.1", 200),
        ("/entries/-1", 400),
        ("/entries/x", 400),
        ("/entries/99999999999999999999", 400),
        ("/entries/9999", 404),
        ("/events/x", 400),
        ("/alerts?status=none", 400),
        ("/alerts/x", 404),
        ("/checkpoints?below=-1", 400),
        ("/nothing", 404),
        ("/.env", 404),
        ("/static/../app.py", 404),
    ],
)
def test_what_cannot_be_is_said_in_the_form_asked_for(path: str, status: int, serve_web: Serve) -> None:
    with browsing(serve_web()) as client:
        page = client.get(path)
        assert page.status_code == status
        assert page.headers["content-type"].startswith("text/html")
        data = client.get(path, headers={"accept": "application/json"})
        assert data.status_code == status
        assert status == 200 or data.json()["error"]


def test_health_says_late_and_down(
    serve_web: Serve, superuser: psycopg.Connection, stop_all: Callable[[], None]
) -> None:
    served = serve_web()
    stop_all()
    assert httpx.get(f"{served.url}/health.json").json()["status"] == "ok"
    superuser.execute("delete from ledger.checkpoint")
    superuser.execute("update ledger.entry set appended_at = appended_at - interval '31 seconds' where index = 0")
    found = httpx.get(f"{served.url}/health.json")
    assert (found.status_code, found.json()["status"], found.json()["signed_entries"]) == (200, "late", 0)
    metrics = httpx.get(f"{served.url}/metrics").text
    assert f"tokentrail_ledger_entries {ENTRIES + 1}.0" in metrics
    assert "tokentrail_alerts_open 1.0" in metrics
    superuser.execute("alter table ledger.log rename to gone")
    found = httpx.get(f"{served.url}/health.json")
    assert (found.status_code, found.json()["status"]) == (503, "down")
