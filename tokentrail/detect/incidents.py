"""Alerts without repetition: what was said of an incident a short while ago is not said again."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid5

from tokentrail.detect.decisions import Decision, Target
from tokentrail.detect.engine import Verdict
from tokentrail.detect.observation import Observation
from tokentrail.detect.policy import Policy

NAMESPACE = UUID("6f5d6c1e-2f7b-5d0c-9a41-0c8f6f1d7e55")
VOLUME = frozenset(("password_spray", "credential_stuffing", "password_spray_distributed", "device_many_subjects"))


@dataclass(slots=True, frozen=True)
class Alert:
    """An alert to raise: ids are derived from event and detection, so that scoring twice changes nothing."""

    alert_id: str
    incident_id: str
    command_id: str | None
    target: Target | None


@dataclass(slots=True)
class Book:
    """What was alerted and commanded lately, by incident key; `folded` counts what was not repeated."""

    said: dict[str, tuple[float, str]] = field(default_factory=dict)
    commanded: dict[str, float] = field(default_factory=dict)
    pruned: float = 0.0
    folded: int = 0

    def enter(
        self, event: Observation, verdict: Verdict, decision: Decision, policy: Policy, now: float
    ) -> Alert | None:
        """The alert to publish for a decision, or None where it repeats one."""
        if not decision.alert:
            return None
        self._prune(now, policy.alert_repeat_seconds)
        top = verdict.detections[0] if verdict.findings else "risk"
        place = f"source:{event.ip}" if top in VOLUME and event.ip else f"subject:{event.subject or event.client_id}"
        target = decision.revoke
        if target is not None and f"{target.target}:{target.value}" in self.commanded:
            target = None
        key = f"{place}|{top}"
        before = self.said.get(key)
        if before is not None and target is None:
            self.folded += 1
            return None
        alert_id = str(uuid5(NAMESPACE, f"{event.event_id}|{top}"))
        incident = self.said.get(place, (now, alert_id))[1]
        self.said[key] = (now, incident)
        self.said[place] = (now, incident)
        if target is None:
            return Alert(alert_id, incident, None, None)
        self.commanded[f"{target.target}:{target.value}"] = now
        command_id = str(uuid5(NAMESPACE, f"{alert_id}|{target.target}|{target.value}"))
        return Alert(alert_id, incident, command_id, target)

    def _prune(self, now: float, keep: float) -> None:
        if now - self.pruned < keep / 4:
            return
        self.pruned = now
        self.said = {k: v for k, v in self.said.items() if now - v[0] <= keep}
        self.commanded = {k: t for k, t in self.commanded.items() if now - t <= keep}
