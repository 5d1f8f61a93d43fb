"""Far more than ever: calls and issues over the own habit."""

from __future__ import annotations

from tokentrail.detect import observation as o
from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment

Answer = tuple[float, str] | None


def _bulk(m: Moment) -> Answer:
    facts, s = m.facts, m.policy.settings
    level = 2.0**facts.uses_level - 1.0
    if facts.uses_pace < s.pace or level < s.pace_level or facts.history < 2.0:
        return None
    return min(0.8, 0.3 + 0.15 * facts.uses_pace), f"{2.0**facts.uses_pace:.0f} times the subject's busiest pace so far"


def _client(m: Moment) -> Answer:
    if m.facts.client_pace < m.policy.settings.client_pace:
        return None
    return min(0.8, 0.25 + 0.15 * m.facts.client_pace), (
        f"the client issues {2.0**m.facts.client_pace:.0f} times as fast as on its busiest day"
    )


DETECTIONS = (
    Detection("bulk_use", "T1550.001", "own history", (o.TOKEN_USE, o.TOKEN_REFRESH),
              "What was read? A report or a script that was announced?", _bulk),
    Detection("client_issuance_spike", "T1528", "own history", (o.TOKEN_ISSUE,),
              "Ask the client's team; rotate its secret before revoking by client.", _client, "alert", "client"),
)  # fmt: skip
