"""Small scenes for the engine: a subject with a habit, and events told in a few words."""

from __future__ import annotations

import itertools
from typing import Any

from tokentrail.detect.backtest import Run
from tokentrail.detect.engine import Verdict
from tokentrail.detect.models import Models
from tokentrail.detect.observation import from_record
from tokentrail.detect.policy import Policy, parse

START = 1_760_000_000.0
DAY = 86_400.0
LAPTOP = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
NEWER = LAPTOP.replace("126", "127")
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"
    " Mobile/15E148 Safari/604.1"
)
HOME = {"ip": "198.18.1.5", "asn": 100, "country": "AA", "city": "Alpha", "lat": 47.0, "lon": 8.0,
        "user_agent": LAPTOP, "device_id": "laptop"}  # fmt: skip
FAR = {"ip": "203.0.113.9", "asn": 900, "country": "ZZ", "city": "Zeta", "lat": -33.0, "lon": 151.0,
       "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
       "device_id": "stranger"}  # fmt: skip
POLICY = parse({"issuers": {"https://id.test": {"kids": ["k1"]}}, "max_lifetime_seconds": 900})


class Scene:
    """Feeds a world event by event; the clock goes on by `after` seconds each time."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.run = Run(policy, Models())
        self.now = START
        self._number = itertools.count()

    def event(self, kind: str, subject: str = "ann", after: float = 1.0, **more: Any) -> Verdict:
        """One event; returns its verdict."""
        self.now += after
        record = {"event_id": f"e{next(self._number)}", "type": kind, "ts": self.now, "subject": subject,
                  "client_id": "web", "iss": "https://id.test", **more}  # fmt: skip
        return self.run.verdict(from_record(record))

    def habit(self, subject: str = "ann", days: int = 20, where: dict[str, Any] | None = None) -> None:
        """Logins once a day, so that the subject is known; ends a day after the last."""
        for _ in range(days):
            self.event("login_success", subject, after=DAY, **(where or HOME))
            self.event("token_issue", subject, jti=f"{subject}{self.now}", scope="read", **(where or HOME))
        self.now += 7_200

    def session(self, subject: str = "ann", where: dict[str, Any] | None = None, jti: str = "j1") -> None:
        """A token j1 of family f1 issued to the subject's place."""
        self.event("token_issue", subject, after=60, jti=jti, family="f1", gen=0, scope="read", kid="k1",
                   exp=self.now + 900, **(where or HOME))  # fmt: skip


def only(kind: dict[str, Any], **change: Any) -> dict[str, Any]:
    """A place with a few things changed."""
    return {**kind, **change}
