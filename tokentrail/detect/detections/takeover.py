"""A success where an attack was: the moment an account is lost."""

from __future__ import annotations

from tokentrail.detect import observation as o
from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment

Answer = tuple[float, str] | None
SUCCESS = (o.LOGIN_SUCCESS, o.MFA_SUCCESS, o.TOKEN_ISSUE)
MFA = (o.MFA_FAILURE, o.MFA_SUCCESS, o.LOGIN_SUCCESS, o.TOKEN_ISSUE)


def _after_attack(m: Moment) -> Answer:
    facts, s = m.facts, m.policy.settings
    if facts.unfamiliar < 0.3 or not m.event.success:
        return None
    victims = 2.0**facts.src_victims - 1.0
    if victims >= s.after_attack_victims and facts.src_share >= 0.3:
        return 0.95, f"success from an address that just failed on about {int(victims)} accounts"
    if facts.unfamiliar < 0.55:
        return None
    attacked = m.subject.alarm and m.now - m.subject.alarm <= s.after_attack_seconds
    if attacked and facts.foreign_24h >= s.after_attack_fails:
        return 0.9, f"success from a strange place after {int(facts.fails_24h)} failures on this account"
    return None


def _fatigue(m: Moment) -> Answer:
    facts, s = m.facts, m.policy.settings
    refused = facts.refused_10m + (m.event.type == o.MFA_FAILURE)
    if m.event.type == o.MFA_FAILURE:
        many = refused >= s.mfa_refusals
        return (0.85, f"{int(refused)} second-factor prompts refused in 10 minutes") if many else None
    if refused >= s.mfa_refusals_success:
        return 0.96, f"a prompt was accepted after {int(refused)} refusals in 10 minutes"
    return None


DETECTIONS = (
    Detection("success_after_attack", "T1078", "Elastic, within 180 minutes", SUCCESS,
              "Treat as lost: end the sessions, reset the password, read what was opened.",
              _after_attack, "revoke", "subject"),
    Detection("mfa_fatigue", "T1621", "Okta, Elastic: 5 in 10 minutes", MFA,
              "Call the person on a known number: did they approve it?", _fatigue, "revoke", "subject"),
)  # fmt: skip
