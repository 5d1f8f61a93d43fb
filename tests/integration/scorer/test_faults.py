"""The scorer as a process: killed in the middle, and shared out over two instances."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from tests.integration.scorer.conftest import ISSUER, PHONE, SCRIPT, Stream, wait_for
from tokentrail import events as e
from tokentrail.config import Settings


def environment(settings: Settings) -> dict[str, str]:
    """What the process is told from outside."""
    names = ("kafka_bootstrap", "database_url", "schema_registry_url", "data_key", "command_key", "issuer")
    said = {}
    for name in names:
        value = getattr(settings, name)
        said[f"TOKENTRAIL_{name.upper()}"] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return {**os.environ, **said, "TOKENTRAIL_STATE_DIR": str(settings.state_dir)}


@contextmanager
def process(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`tokentrail scorer` as its own process, ended at the end."""
    made = subprocess.Popen([sys.executable, "-c", "from tokentrail.cli import main; main()", "scorer"],
                            env=environment(settings))  # fmt: skip
    try:
        yield made
    finally:
        made.send_signal(signal.SIGCONT)
        made.terminate()
        made.wait(20)


def fail(stream: Stream, subject: str, ip: str, agent: str = SCRIPT) -> None:
    """A failed login."""
    stream.send(e.LOGIN_ATTEMPTED, subject=subject, client_id="web", success=False, method="password",
                failure_reason="wrong_password", typed_name_hash=None,
                source=e.source(ip=ip, user_agent=agent, country="BR", asn=28573))  # fmt: skip


def done(stream: Stream, count: int) -> bool:
    """Whether the scorer's positions cover so many events."""
    (total,) = stream.rows("select coalesce(sum(next_offset), 0) from scorer.partition_position")[0]
    return bool(total >= count)


def test_killed_and_frozen_it_says_everything_once(scoring: Settings, stream: Stream) -> None:
    sent = 0
    with process(scoring) as first:
        for n in range(300):
            fail(stream, f"victim-{n % 6}", f"203.0.113.{n % 3}")
            sent += 1
            if n == 200:
                stream.flush()
                wait_for(lambda: done(stream, 40), 30)
                first.kill()
    stream.flush()
    with process(scoring) as second:
        wait_for(lambda: done(stream, 250), 30)
        second.send_signal(signal.SIGSTOP)
        with process(scoring):
            for n in range(100):
                fail(stream, f"victim-{n % 6}", "203.0.113.9")
                sent += 1
            stream.flush()
            time.sleep(3)
            second.send_signal(signal.SIGCONT)
            wait_for(lambda: done(stream, sent), 90)
    said = [event for _, event in stream.topic(e.ALERTS, seconds=12, at_least=500)]
    stored = {str(row[0]) for row in stream.rows("select alert_id from scorer.alert")}
    assert {event["alert_id"] for event in said} == stored
    assert max(Counter(event["event_id"] for event in said).values()) == 1
    assert any("brute_force" in event["detections"] for event in said)


def test_two_instances_see_one_spray_together(scoring: Settings, stream: Stream) -> None:
    with process(scoring), process(scoring):
        settled = e.source(ip="192.0.2.7", user_agent=PHONE, device_id="p", country="CH", asn=3303)
        for n in range(12):
            stream.send(e.LOGIN_ATTEMPTED, subject=f"known-{n}", client_id="web", success=True, method="password",
                        failure_reason=None, typed_name_hash=None, source=settled, issuer=ISSUER)  # fmt: skip
        stream.flush()
        wait_for(lambda: done(stream, 12), 60)
        wait_for(lambda: len(stream.rows("select distinct owner from scorer.partition_position")) == 2, 60)
        # Each of the two has about twelve of these accounts: alone, neither would see fifteen.
        for n in range(26):
            fail(stream, f"s-{n}", "198.51.100.77")
            stream.flush()
            time.sleep(0.05)
        for n in range(26):
            fail(stream, f"s-{n}", "198.51.100.77")
        stream.flush()
        wait_for(lambda: done(stream, 64), 60)
        found = stream.rows(
            "select 1 from scorer.alert where detections && array['credential_stuffing', 'password_spray']"
        )
        assert found
