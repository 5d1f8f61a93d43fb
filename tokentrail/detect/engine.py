"""The engine: one deterministic function from (world, observation, policy, models) to a verdict.

It does no input or output and reads no clock; the world it is given is moved on in place. The
consumer, the backtest and the evaluation all call `score`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tokentrail.detect import attacks, history, learning, pace, sessions, suspicion
from tokentrail.detect import observation as o
from tokentrail.detect.blend import blend
from tokentrail.detect.detections import BY_TYPE, Finding
from tokentrail.detect.facts import row
from tokentrail.detect.models import Models
from tokentrail.detect.moment import Moment, moment_of
from tokentrail.detect.observation import Observation
from tokentrail.detect.policy import Policy
from tokentrail.detect.state import World

SWEEP = 1_800.0
LEARNS = frozenset((o.LOGIN_SUCCESS, o.TOKEN_ISSUE, o.TOKEN_REFRESH, o.TOKEN_USE))


@dataclass(slots=True)
class Verdict:
    """The risk of one event, 0..1, what fired, why, and the facts it rests on."""

    score: float
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rules: float = 0.0  # the risk without the trained combiner
    row: tuple[float, ...] = ()
    model: str = "rules"
    sighting: attacks.Sighting | None = None  # what other scorers should hear of it

    @property
    def detections(self) -> list[str]:
        """Ids of the detections that fired, the surest first."""
        return [f.detection.id for f in self.findings]

    @property
    def reasons(self) -> list[str]:
        """Reasons in words, the surest first, then what weighed without a rule."""
        return [f.reason for f in self.findings] + self.notes


def score(world: World, event: Observation, policy: Policy, models: Models) -> Verdict:
    """Score one event with what was known before it, then learn from it."""
    m = moment_of(world, event, policy)
    learning.settle(world, m.subject, m.now)
    if event.type == o.TOKEN_REVOKE:
        sessions.write(m)
        return Verdict(0.0)
    _gather(m)
    findings = _fire(m)
    verdict = _judge(m, findings, models)
    _update(m, verdict.score)
    if event.type in attacks.SIGN_IN and (m.facts.fail or m.facts.unfamiliar >= 0.25):
        verdict.sighting = attacks.sighting_of(m)
    return verdict


def _gather(m: Moment) -> None:
    """All facts of the moment, each from its own part of the state."""
    facts, kind = m.facts, m.event.type
    facts.fail = float(kind == o.LOGIN_FAILURE)
    facts.login = float(kind in (o.LOGIN_SUCCESS, o.LOGIN_FAILURE))
    facts.mfa = float(kind in (o.MFA_SUCCESS, o.MFA_FAILURE))
    facts.issue = float(kind == o.TOKEN_ISSUE)
    facts.refresh = float(kind == o.TOKEN_REFRESH)
    facts.use = float(kind == o.TOKEN_USE)
    history.read(m)
    attacks.read(m)
    sessions.read(m)
    pace.read(m)
    suspicion.recall(m)


def _fire(m: Moment) -> list[Finding]:
    findings = []
    for detection in BY_TYPE[m.event.type]:
        answer = detection.decide(m)
        if answer is not None:
            findings.append(Finding(detection, answer[0], answer[1]))
    if len(findings) > 1:
        findings.sort(key=lambda f: -f.weight)
    return findings


def _judge(m: Moment, findings: list[Finding], models: Models) -> Verdict:
    facts = row(m.facts)
    chance, rank = models.judge(facts, m.facts.unfamiliar >= 0.2)
    risk, hand, notes = blend(m, findings, chance, rank)
    return Verdict(risk, findings, notes, hand, facts, models.version)


def _update(m: Moment, risk: float) -> None:
    """Learn from the event, and keep its risk in mind for what follows from the same place."""
    event = m.event
    history.write(m)
    attacks.write(m)
    sessions.write(m)
    pace.write(m)
    suspicion.remember(m, risk)
    if event.success and event.type in LEARNS:
        learning.notice(m.subject, m.context, m.client_id, m.grant_id, m.now)
    if m.now - m.world.swept > SWEEP:
        m.world.swept = m.now
        sessions.sweep(m)
        attacks.sweep(m.world, m.now)
