"""A web process over a signed log, with an alert; what is stored tries to be more than text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr

from consumers import scorer_queue
from consumers.scorer_state import Seal
from tests.integration.checkpoint.conftest import (  # noqa: F401 - fixtures
    Grow,
    Start,
    await_size,
    grow,
    log,
    running,
    start,
    stop_all,
    superuser,
)
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.http_server import listen, serve, url_of
from tokentrail.ledger.drafts import own
from tokentrail.ledger.own_entry import append_own, find_log
from tokentrail.web import Web, WebSettings, build

TOKEN = "a token of some length"
HOSTILE = "<script>fetch('/stolen')</script><img src=x onerror=\"document.title='owned'\">\u202e{{7*7}}\x1b[31m"
ALERT = "0b51e8a4-3f2e-5a0c-8b7e-6f1f5d7c9a10"
ENTRIES = 300
HOSTILE_INDEX = ENTRIES


@dataclass(frozen=True)
class Served:
    """Where it is, over which log."""

    url: str
    settings: Settings
    web: Web


@pytest.fixture
def signed(log: Settings, grow: Grow, start: Start) -> Settings:  # noqa: F811
    """A log of 300 dull entries and a hostile one, all signed; and an alert about the hostile subject."""
    grow(ENTRIES)
    draft = own("Test", subject=HOSTILE, user_agent=HOSTILE)
    draft.client_id = HOSTILE
    with connect(log, "writer") as conn:
        append_own(conn, log, find_log(conn, log.ledger_origin), [draft])
        conn.commit()
    with connect(log, "scorer") as conn:
        conn.execute(
            """insert into scorer.alert (alert_id, incident_id, subject, client_id, severity, score, detections, sealed)
            values (%s, %s, %s, %s, 'high', 0.9, %s, %s)""",
            (ALERT, ALERT, HOSTILE, HOSTILE, [HOSTILE], Seal(log).close({"reasons": [HOSTILE]}, ALERT)),
        )
        conn.commit()
    start()
    await_size(log, ENTRIES + 1)
    return log


Serve = Callable[..., Served]


@pytest.fixture
def serve_web(signed: Settings) -> Iterator[Serve]:
    """Start a web process in a thread; `token` is what it wants to see."""
    ends: list[Callable[[], None]] = []

    def begin(token: str | None = None) -> Served:
        web = Web(signed, WebSettings(web_token=SecretStr(token) if token else None), scorer_queue)
        web.open()
        listener, stop = listen("127.0.0.1", 0), threading.Event()
        thread = threading.Thread(target=serve, args=(build(web), listener, stop), daemon=True)
        thread.start()

        def end() -> None:
            stop.set()
            thread.join(10)
            web.close()

        ends.append(end)
        return Served(url_of(listener), signed, web)

    yield begin
    for end in ends:
        end()


@contextmanager
def browsing(served: Served, **headers: str) -> Iterator[httpx.Client]:
    """A client that looks like a browser of this machine."""
    with httpx.Client(base_url=served.url, headers={"accept": "text/html", **headers}) as client:
        yield client
