"""The hand-made risk: rules joined by noisy-or, and what suspicion rubs off on later events.

It needs no training and stands alone at a cold start; the trained model is blended over it.
"""

from __future__ import annotations

from math import exp

from tokentrail.detect import observation as o
from tokentrail.detect.detections import Finding
from tokentrail.detect.moment import Moment
from tokentrail.detect.windows import LN2

HALF_LIFE = 12 * 3_600.0
REMEMBER = 0.3
MAX_CONTEXTS = 8


def combine(findings: list[Finding]) -> float:
    """Noisy-or of the weights: independent reasons add up and never pass 1."""
    quiet = 1.0
    for finding in findings:
        quiet *= 1.0 - finding.weight
    return 1.0 - quiet


def recall(m: Moment) -> None:
    """Fill the stain facts: suspicion that earlier events left on this context and on the subject."""
    risk = m.subject.risk
    if not risk:
        return
    here = m.context.key()
    for key, (value, at) in risk.items():
        left = value * exp(-(m.now - at) * LN2 / HALF_LIFE)
        if key == here:
            m.facts.stain = max(m.facts.stain, left)
        else:
            m.facts.stain_subject = max(m.facts.stain_subject, left)


def volume(m: Moment) -> float:
    """How much a failure belongs to a visible attack, 0..1, before any threshold is passed."""
    f = m.facts
    if f.fail == 0.0 or f.unfamiliar < 0.2:
        return 0.0
    source = max(f.src_mid, 0.8 * f.src_slow, 0.7 * f.net_slow) * (0.4 + 0.6 * f.src_share)
    everywhere = 0.8 * max(f.agent_surge, 0.7 * f.all_surge, 0.7 * f.asn_surge)
    account = 0.8 * f.foreign_1h**0.5 + 0.3 * f.fail_ips
    strength = max(source, everywhere, account) * f.unfamiliar
    return 1.0 / (1.0 + exp(2.6 - 1.1 * strength))


def remember(m: Moment, score: float) -> None:
    """Leave suspicion on the subject's context, the token and the family."""
    if score < REMEMBER or m.event.type == o.TOKEN_REVOKE or not m.event.success:
        return
    if m.facts.unfamiliar < 0.25 and m.facts.bind_agent < 0.05:
        return  # the subject's own place: a reuse seen there was done elsewhere
    subject = m.subject
    if subject.risk is None:
        subject.risk = {}
    key = m.context.key()
    before = subject.risk.get(key)
    # Only a graver event renews it: a stain must not feed on the scores that it causes.
    if before is None or score > before[0] * 1.05 or m.now - before[1] > 4 * HALF_LIFE:
        subject.risk[key] = (score, m.now)
    if len(subject.risk) > MAX_CONTEXTS:
        del subject.risk[min(subject.risk, key=lambda k: subject.risk[k][1] if subject.risk else 0.0)]
    if m.token is not None and m.facts.bind_ip == 0.0 and score > m.token.risk:
        m.token.risk = score
    if m.family is not None and m.event.type == o.TOKEN_ISSUE and score > m.family.risk:
        m.family.risk = score
