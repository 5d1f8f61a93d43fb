"""A session in two hands, and sessions beyond habit."""

from __future__ import annotations

from tokentrail.detect import observation as o
from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment

Answer = tuple[float, str] | None
USE = (o.TOKEN_USE, o.TOKEN_REFRESH)


def _two_networks(m: Moment) -> Answer:
    facts = m.facts
    changed = facts.bind_agent > 1.0 - m.policy.settings.agent_similarity or facts.bind_device
    if not facts.bind_ip or not changed:
        return None
    if facts.bind_asn and facts.bind_agent > 0.2 and facts.unfamiliar >= 0.55:
        return 0.95, "one session from another address, network and user agent than it was issued to"
    if facts.unfamiliar < 0.3:
        return None
    return 0.45, "one session from another address with another user agent"


def _concurrent(m: Moment) -> Answer:
    facts = m.facts
    if facts.issues_pace < 1.0 or 2.0**facts.issues_level - 1.0 < m.policy.settings.sessions_level:
        return None
    if facts.unfamiliar < 0.3:
        return None
    return 0.2, f"about {int(2.0**facts.issues_level - 1)} sessions opened within 30 minutes"


def _os_change(m: Moment) -> Answer:
    """One device id under another operating system: a copied cookie or a spoofed agent."""
    facts = m.facts
    if m.context.device < 0 or facts.new_device > 0.0 or facts.new_system < 1.0:
        return None
    return 0.45, f"a known device id now says it runs {m.agent.os}"


DETECTIONS = (
    Detection("session_on_two_networks", "T1539, T1550.001", "Panther: agent similarity under 0.95", USE,
              "Which of the two is the person? End the session.", _two_networks, "revoke", "jti"),
    Detection("concurrent_sessions", "T1550.004", "3 in 30 minutes, against habit", (o.TOKEN_ISSUE,),
              "Compare the devices.", _concurrent),
    Detection("os_change_on_device", "T1539", "Okta, within 60 minutes", (*USE, o.LOGIN_SUCCESS, o.TOKEN_ISSUE),
              "A browser may pretend; a device does not change system.", _os_change),
)  # fmt: skip
