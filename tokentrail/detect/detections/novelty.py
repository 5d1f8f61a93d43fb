"""What is new for the subject: the statistical baseline, tools, hours, rest, grants."""

from __future__ import annotations

from tokentrail.detect import observation as o
from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment

Answer = tuple[float, str] | None
SUCCESS = (o.LOGIN_SUCCESS, o.MFA_SUCCESS, o.TOKEN_ISSUE, o.TOKEN_REFRESH, o.TOKEN_USE)
SIGN_IN = (o.LOGIN_SUCCESS, o.TOKEN_ISSUE)


def _unfamiliar(m: Moment) -> Answer:
    facts = m.facts
    strange = facts.freeman_net + facts.freeman_agent
    if strange < m.policy.settings.unfamiliar or m.subject.n < m.policy.settings.learned:
        return None
    if facts.unfamiliar < 0.3:
        return None
    weight = min(0.5, 0.06 * strange * facts.unfamiliar)
    return weight, f"network and user agent are {strange:.1f} nats stranger than the subject's habit"


def _hour(m: Moment) -> Answer:
    if m.facts.hour < m.policy.settings.unusual_hour or m.facts.unfamiliar < 0.3:
        return None
    return 0.08, f"an hour ({int(m.now // 3600) % 24}:00 UTC) at which the subject is never seen"


def _dormant(m: Moment) -> Answer:
    days = 2.0**m.facts.rest - 1.0
    if days < m.policy.settings.dormant_days:
        return None
    return 0.1 + 0.35 * m.facts.unfamiliar, f"the account wakes after {int(days)} days"


def _tool(m: Moment) -> Answer:
    if m.facts.tool < 1.0:
        return None
    return 0.4, f"a tool ({m.agent.browser}) where the subject is a person"


def _skew(m: Moment) -> Answer:
    event = m.event
    apart = abs(event.ts - event.occurred) if event.occurred is not None else 0.0
    if apart < m.policy.settings.skew_seconds:
        return None
    return 0.15, f"the issuer's clock and the broker's differ by {int(apart)} s"


def _grant(m: Moment) -> Answer:
    if m.facts.new_grant < 1.0 or m.event.grant is None or m.subject.n < m.policy.settings.learned:
        return None
    return 0.1, f"first use of the grant {m.event.grant} by this subject"


DETECTIONS = (
    Detection("unfamiliar_properties", "T1078", "Freeman et al. 2016, Wiefling et al. 2022", SUCCESS,
              "Compare device, network and country with the last month.", _unfamiliar),
    Detection("unusual_hour", "T1078", "own history", SIGN_IN, "Ask about shifts and travel.", _hour),
    Detection("dormant_account", "T1078", "30 to 90 days", SIGN_IN,
              "Is the person back, or should the account be closed?", _dormant),
    Detection("tool_user_agent", "T1078", "Sigma", SUCCESS, "Which script, who runs it?", _tool),
    Detection("clock_skew", "T1070.006", "own setting", (*SUCCESS, o.LOGIN_FAILURE),
              "Late delivery, a wrong clock, or an event dated back to hide?", _skew),
    Detection("grant_first_use", "T1528", "Panther", (o.TOKEN_ISSUE,), "Who asked for it?", _grant),
)  # fmt: skip
