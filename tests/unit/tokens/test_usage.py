"""TokenUsed at once for a first use from a network, then counts a minute."""

from __future__ import annotations

from typing import Any

from producers.resource_server.usage import UsageRecorder
from tokentrail import events
from tokentrail.tokens.refusal import Claimed, NotReadyError, UntrustedTokenError
from tokentrail.tokens.validate import Accepted


class Recorded:
    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[dict[str, Any]] = []
        self.recorder = UsageRecorder("api", lambda _type, event: self.events.append(event), lambda: self.now)

    def use(self, jti: str = "j" * 22, ip: str = "203.0.113.7") -> None:
        claims = {"jti": jti, "sub": "u", "iat": 1, "exp": 2, "client_id": "c", "iss": "https://i"}
        self.recorder.note(Accepted(claims, "kid"), events.source(ip=ip))


def test_first_use_at_once_then_a_count() -> None:
    recorded = Recorded()
    for _ in range(4):
        recorded.use()
    assert [(e["uses"], e["window_seconds"]) for e in recorded.events] == [(1, 0)]
    recorded.recorder.flush()
    assert len(recorded.events) == 1
    recorded.now = 61
    recorded.recorder.flush()
    assert [(e["uses"], e["window_seconds"]) for e in recorded.events] == [(1, 0), (3, 60)]
    assert recorded.events[0]["event_id"] != recorded.events[1]["event_id"]
    recorded.use(ip="203.0.113.200")  # the same /24
    recorded.use(ip="198.51.100.1")
    assert len(recorded.events) == 3


def test_refused_tokens_are_told_once_with_what_they_claim() -> None:
    recorded = Recorded()
    claimed = Claimed({"jti": "x" * 22, "sub": "Jane Doe, 1.1.1980", "iss": "https://evil", "exp": 10**30}, "k")
    for _ in range(3):
        recorded.recorder.note(UntrustedTokenError("unknown_issuer", "no", claimed), events.source(ip="::1"))
    assert len(recorded.events) == 1
    event = recorded.events[0]
    assert (event["success"], event["failure_reason"], event["token_issuer"]) == (
        False,
        "unknown_issuer",
        "https://evil",
    )
    assert event["subject"] is None
    assert event["expires_at"] is None
    recorded.recorder.note(NotReadyError("stale", "no"), events.source())
    assert len(recorded.events) == 1


def test_tokens_not_seen_for_long_are_forgotten() -> None:
    recorded = Recorded()
    recorded.use()
    recorded.now = 901
    recorded.recorder.flush()
    recorded.use()
    assert len(recorded.events) == 2
