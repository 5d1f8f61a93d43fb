"""The issuer is killed while it grants:

every token it recorded has its one event, and every event its token.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from producers.issuer import admin
from tests.integration.issuer.conftest import AUDIENCE, ENVIRONMENT, Tail, audience_pem
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.tokens import make_keys

KILLS = 3
IDENTITY = "https://issuer.example/kill-test"


def start(settings: Settings) -> tuple[subprocess.Popen[str], str]:
    """The issuer as its own process; returns it and its URL."""
    servers = {
        f"TOKENTRAIL_{name.upper()}": settings.require(name)
        for name in ("kafka_bootstrap", "database_url", "schema_registry_url")
    }
    own = {"TOKENTRAIL_STATE_DIR": str(settings.state_dir), "TOKENTRAIL_ISSUER": IDENTITY}
    process = subprocess.Popen(
        [sys.executable, "-c", "from tokentrail.cli import main; main()", "issuer"],
        env=os.environ | ENVIRONMENT | servers | own,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    found = re.search(r" at (http://\S+)", process.stderr.readline())
    assert found
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return process, found[1]


def grants(url: str, client: tuple[str, str], answered: list[str], stop: threading.Event) -> None:
    """Ask for tokens until told to stop; what is answered must be in the log."""
    while not stop.is_set():
        try:
            with httpx.Client(base_url=url, timeout=5) as http:
                while not stop.is_set():
                    answer = http.post("/token", data={"grant_type": "client_credentials"}, auth=client)
                    if answer.status_code == 200:
                        answered.append(answer.json()["access_token"])
        except httpx.HTTPError:
            time.sleep(0.05)


def test_kill_while_granting(keyed: Settings, tmp_path: Path) -> None:
    """faults.md F17, I1 and I2: the row, the event and the answer stand or fall together."""
    with connect(keyed, "issuer") as conn:
        admin.add_audience(conn, AUDIENCE, make_keys.public_pem(audience_pem()))
        made = admin.add_client(conn, admin.NewClient("load", ("client_credentials",), (AUDIENCE,)))
    tail = Tail(keyed, "tokens.events")
    answered: list[str] = []
    for number in range(KILLS):
        process, url = start(keyed)
        stop = threading.Event()
        threads = [
            threading.Thread(target=grants, args=(url, (made.client_id, made.client_secret or ""), answered, stop))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        wanted = len(answered) + 50
        deadline = time.monotonic() + 30
        while len(answered) < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL if number < KILLS - 1 else signal.SIGTERM)
        process.wait(20)
        stop.set()
        for thread in threads:
            thread.join(10)
        assert process.stderr is not None
        process.stderr.close()
    with connect(keyed, "issuer") as conn:
        rows = [row[0] for row in conn.execute("select jti from issuer.access_token").fetchall()]
        waiting = conn.execute("select count(*) from issuer.outbox").fetchone()
    assert waiting == (0,)
    tail.settle(2)
    issued = tail.of("TokenIssued", client_id=made.client_id)
    by_id = {event["event_id"]: event for event in issued}
    assert sorted(event["jti"] for event in by_id.values()) == sorted(rows)
    assert len(answered) <= len(rows)
    numbers = sorted(event["issuer_seq"] for event in by_id.values())
    stated = [e["issuer_seq"] for e in tail.of("IssuerStatement") if e["issuer_stream"] == issued[0]["issuer_stream"]]
    assert sorted(numbers + stated) == list(range(len(numbers) + len(stated)))
    tail.close()
