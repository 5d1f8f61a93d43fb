"""From rules, combiner and forest to one risk, with the reasons that no single rule gives."""

from __future__ import annotations

from math import exp, log

from tokentrail.detect.detections import Finding
from tokentrail.detect.moment import Moment
from tokentrail.detect.suspicion import combine, volume

CERTAIN = frozenset(("refresh_token_reuse", "use_after_revoke", "unknown_issuer_or_key", "lifetime_over_policy"))
FLOOR = 0.97
TRUST = 0.8  # of the combiner against the rules: chosen on worlds of a generator it was not trained on
SURE = 0.85  # a rule this sure alerts, whatever the models think (a cold start, a world they never saw)
ALERT = 0.46


def blend(m: Moment, findings: list[Finding], chance: float, rank: float) -> tuple[float, float, list[str]]:
    """(risk 0..1, the risk by rules alone, notes). `chance` and `rank` are -1 where there is no model."""
    notes: list[str] = []
    facts = m.facts
    rules = combine(findings)
    many = volume(m)
    stained = max(0.85 * facts.stain, 0.7 * facts.stain_token * min(1.0, facts.unfamiliar * 1.5))
    hand = 1.0 - (1.0 - rules) * (1.0 - many) * (1.0 - stained)
    if many > 0.5:
        notes.append("failures from sources strange to their accounts are far above the usual")
    if stained > 0.3:
        notes.append("follows a suspicious event from the same place and machine")
    if rank >= 0.0:
        hand = 1.0 - (1.0 - hand) * (1.0 - 0.12 * max(0.0, rank - 0.9) * 10.0 * facts.unfamiliar)
        if rank > 0.995 and facts.unfamiliar > 0.3:
            notes.append("few events of this stream are as unusual (isolation forest)")
    if chance < 0.0:
        risk = hand
    else:
        risk = _sigmoid(TRUST * _logit(chance) + (1.0 - TRUST) * _logit(hand))
    certain = [f.weight for f in findings if f.detection.id in CERTAIN or (f.weight >= FLOOR)]
    if findings and findings[0].weight >= SURE:
        risk = max(risk, ALERT + 0.1 * risk)
    if certain:
        risk = max(risk, FLOOR + 0.03 * max(certain) * (0.5 + 0.5 * risk))
    if m.subject.n < m.policy.settings.learned and risk > 0.2:
        notes.append("little is known of the subject yet: judged against the population")
    return min(max(risk, 0.0), 1.0), hand, notes


def _logit(p: float) -> float:
    p = min(max(p, 1e-5), 1.0 - 1e-5)
    return log(p / (1.0 - p))


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + exp(-x))
