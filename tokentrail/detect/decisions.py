"""From verdicts to deeds: alert or not, revoke or not, and when to stop and ask a person.

Scores know nothing of this. The blast-radius limit counts subjects, so that one bad model or one
poisoned feed cannot log out a hospital; what it holds back is proposed, never dropped.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tokentrail.detect.detections import Finding
from tokentrail.detect.engine import Verdict
from tokentrail.detect.observation import Observation
from tokentrail.detect.policy import Policy

FALLBACK = {
    "family": ("family", "jti", "session", "subject"),
    "jti": ("jti", "session", "family", "subject"),
    "session": ("session", "jti", "family", "subject"),
    "subject": ("session", "jti", "family", "subject"),  # A9: bind to what was seen, not to the person
    "client": ("client",),
}
LIMIT = "the blast-radius limit is reached: two persons must release it"


@dataclass(slots=True, frozen=True)
class Target:
    """What a command revokes: jti, family, session, subject or client, and its id."""

    target: str
    value: str


@dataclass(slots=True)
class Decision:
    """What policy makes of a verdict. `held` says why a revocation was not made."""

    severity: str
    alert: bool = False
    revoke: Target | None = None
    held: str | None = None
    proposed: Target | None = None  # what would have been revoked


@dataclass(slots=True)
class Limiter:
    """At most so many subjects a minute and so large a share of the active ones in ten minutes."""

    recent: deque[tuple[float, str, str, str]] = field(default_factory=deque)  # when, subject, detection, tenant
    active: dict[str, float] = field(default_factory=dict)
    pruned: float = 0.0
    tripped: float = 0.0

    def see(self, now: float, subject: str, window: float) -> None:
        """Note an active subject."""
        self.active[subject] = now
        if now - self.pruned > window / 4:
            self.pruned = now
            self.active = {s: t for s, t in self.active.items() if now - t <= window}

    def allow(
        self, now: float, subject: str, policy: Policy, detection: str = "", tenant: str = "", critical: bool = True
    ) -> bool:
        """Whether one more subject may be revoked automatically; counts it when it may.

        Limits hold over all, for each tenant (issuer) and for each detection; part of the budget is kept
        for critical ones, so that decoys cannot use it up.
        """
        window = policy.active_window_seconds
        while self.recent and now - self.recent[0][0] > window:
            self.recent.popleft()
        hit = {s for _, s, _, _ in self.recent}
        if subject in hit:
            return True
        minute = [(s, d, i) for t, s, d, i in self.recent if now - t <= 60.0]
        part = 1.0 if critical else 1.0 - policy.reserved_for_critical
        share = max(policy.min_share_subjects, int(policy.max_share_of_active * len(self.active)))
        full = (
            len(minute) >= policy.max_subjects_per_minute * part
            or len(hit) >= max(1, share * part)
            or sum(d == detection for _, d, _ in minute if detection) >= policy.max_per_detection
            or sum(i == tenant for _, _, i in minute if tenant) >= policy.max_subjects_per_minute
        )
        if full:
            self.tripped = now
            return False
        self.recent.append((now, subject, detection, tenant))
        return True


def target_of(event: Observation, wish: str | None) -> Target | None:
    """The narrowest thing the event names that fulfils the wish, else the subject."""
    names = {"jti": event.jti, "family": event.family, "session": event.sid,
             "subject": event.subject if event.known_subject else None, "client": event.client_id}  # fmt: skip
    for kind in FALLBACK[wish or "subject"]:
        value = names[kind]
        if value:
            return Target(kind, value)
    return None


def decide(event: Observation, verdict: Verdict, policy: Policy, limiter: Limiter, now: float) -> Decision:
    """Apply the policy to one verdict. `now` is the stream's clock; `event.ts` may be older when late."""
    name = event.subject or event.client_id or "?"
    limiter.see(now, name, policy.active_window_seconds)
    severity = policy.severity(verdict.score)
    if severity == "none":
        return Decision(severity)
    quiet = event.client_id is not None and event.client_id in policy.quiet_clients
    limit = policy.client_alert_at.get(event.client_id or "", policy.alert_at)
    decision = Decision(severity, alert=verdict.score >= limit and not quiet)
    chosen = _automatic(verdict, policy)
    if chosen is None or not decision.alert:
        return decision
    target = target_of(event, chosen)
    if target is None:
        return decision
    decision.proposed = target
    decision.held = _held(event, policy, name, now)
    why = verdict.detections[0] if verdict.findings else "risk"
    if decision.held is None and not limiter.allow(now, name, policy, why, event.iss or "", severity == "critical"):
        decision.held = LIMIT
    if decision.held is None:
        decision.revoke = target
    return decision


def _automatic(verdict: Verdict, policy: Policy) -> str | None:
    """The target the surest automatic finding asks for, or None if nothing may revoke by itself."""
    for finding in verdict.findings:
        if may_revoke(finding, policy):
            return finding.detection.target
    return "session" if "risk" in policy.automatic and verdict.score >= policy.revoke_at else None


def may_revoke(finding: Finding, policy: Policy) -> bool:
    """Only detections the policy lists, and only where they are sure."""
    return finding.detection.may == "revoke" and finding.weight >= 0.9 and finding.detection.id in policy.automatic


def _held(event: Observation, policy: Policy, name: str, now: float) -> str | None:
    if policy.shadow:
        return "shadow mode"
    if any(start <= now < end for start, end in policy.maintenance):
        return "a maintenance window"
    if name in policy.protected:
        return "a protected account is never revoked automatically"
    if event.occurred is not None and now - event.occurred > policy.alert_max_age_seconds:
        return "the event is older than the maximum age for automatic revocation"
    return None
