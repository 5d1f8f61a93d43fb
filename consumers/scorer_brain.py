"""The engine with what a live stream adds: who owns which subject, what changed, what was said lately."""

from __future__ import annotations

from typing import Any
from uuid import uuid5

from consumers.scorer_alerts import Said
from consumers.scorer_events import observation
from tokentrail.codec.wire import Decoded
from tokentrail.detect.attacks import Sighting, overhear
from tokentrail.detect.decisions import LIMIT, Decision, Limiter, decide
from tokentrail.detect.detections import Finding
from tokentrail.detect.detections.operations import STORM
from tokentrail.detect.engine import Verdict, score
from tokentrail.detect.feedback import Reviews
from tokentrail.detect.incidents import NAMESPACE, Alert, Book
from tokentrail.detect.learned import Retrainer
from tokentrail.detect.models import Models
from tokentrail.detect.observation import TOKEN_REVOKE, Observation
from tokentrail.detect.policy import Policy
from tokentrail.detect.state import World
from tokentrail.events import ALERT_REVIEWED
from tokentrail.stream import Record

REMEMBERED = 100_000
STORM_SECONDS = 600.0


class Brain:
    """World, models, limits and the book of recent alerts of one process. `hear` is the only way in."""

    def __init__(self, policy: Policy, issuer: str | None, models: Models) -> None:
        self.policy = policy
        self.world = World()
        self.models = models
        self.limiter = Limiter()
        self.book = Book()
        self.dirty: dict[str, int] = {}
        self.offsets: dict[tuple[str, int], int] = {}
        self.partitions: dict[tuple[str, int], set[str]] = {}
        self.reviews = Reviews()
        self._stormed = 0.0
        self._issuer = issuer
        self._retrainer = Retrainer(background=True)
        self._heard: dict[int, None] = {}

    def start(self, book: Any) -> None:
        """Take up the book of recent alerts from a cut; None at the first start."""
        # The topic is read from its beginning, so a key that never issued is not one of ours.
        self.world.complete = True
        if book is not None:
            self.book.said = {k: (t, i) for k, t, i in book["said"]}
            self.book.commanded = dict(book["commanded"])
            self.limiter.recent.extend((t, s, d, i) for t, s, d, i in book["recent"])
            self.limiter.active = dict(book["active"])

    def dump_book(self) -> Any:
        """What `start` takes, as JSON values."""
        return {
            "said": [[k, *v] for k, v in self.book.said.items()],
            "commanded": self.book.commanded,
            "recent": list(self.limiter.recent),
            "active": self.limiter.active,
        }

    def take(self, topic: str, partition: int, names: list[str], offset: int) -> None:
        """A partition is ours."""
        self.partitions[topic, partition] = set(names)
        self.offsets[topic, partition] = offset

    def drop(self, topic: str, partition: int) -> None:
        """A partition is no longer ours."""
        names = self.partitions.pop((topic, partition), set())
        self.offsets.pop((topic, partition), None)
        world = self.world
        for name in names:
            world.subjects.pop(name, None)
            self.dirty.pop(name, None)
        world.tokens = {k: t for k, t in world.tokens.items() if t.subject not in names}
        world.families = {k: f for k, f in world.families.items() if f.subject not in names}

    def overhear(self, sighting: Sighting, at: float) -> None:
        """Another scorer saw a strange sign-in."""
        overhear(self.world, sighting, max(at, self.world.now))

    def hear(self, decoded: Decoded, message: Record) -> tuple[Said | None, Sighting | None]:
        """Score one record: what should be said of it, and what other scorers should know. Heard once."""
        mark = hash(message.value())
        if mark in self._heard:
            return None, None
        self._heard[mark] = None
        if len(self._heard) > REMEMBERED:
            del self._heard[next(iter(self._heard))]
        event = observation(decoded, message)
        if event is None:
            self._reviewed(decoded, message)
            return None, None
        verdict = score(self.world, event, self.policy, self.models)
        name = event.subject or (f"client:{event.client_id}" if event.client_id else "?")
        self.dirty[name] = message.partition()
        self.partitions[message.topic(), message.partition()].add(name)
        if event.type == TOKEN_REVOKE:
            return None, None  # our own revocations, and anybody's, are knowledge, never suspicion
        self._retrainer.offer(verdict, self.models)
        decision = decide(event, verdict, self.policy, self.limiter, self.world.now)
        alert = self.book.enter(event, verdict, decision, self.policy, self.world.now)
        said = None if alert is None else Said(alert, event, verdict, decision, self._audience(event))
        return said, verdict.sighting

    def _reviewed(self, decoded: Decoded, message: Record) -> None:
        """An analyst's word on an alert clears or condemns its subject."""
        if decoded.type != ALERT_REVIEWED:
            return
        event = decoded.event
        now = message.timestamp()[1] / 1_000.0
        if self.reviews.hear(self.world, event["subject"], event["verdict"], event["reviewer"], now):
            self.dirty[event["subject"]] = message.partition()

    def storm(self) -> Said | None:
        """One alert when the blast-radius limit trips; the next not before ten minutes have passed."""
        now = self.limiter.tripped
        if not now or now - self._stormed < STORM_SECONDS:
            return None
        self._stormed = now
        reason = f"more than the allowed share of accounts would be revoked: {LIMIT}"
        event = Observation(event_id=f"storm-{int(now)}", type="storm", ts=now, subject=None, occurred=now)
        verdict = Verdict(0.9, [Finding(STORM, 0.9, reason)], model=self.models.version)
        alert_id = str(uuid5(NAMESPACE, event.event_id))
        return Said(Alert(alert_id, alert_id, None, None), event, verdict, Decision("high", alert=True), None)

    def _audience(self, event: Observation) -> str | None:
        """Which issuer must obey: the token's own where it is one of ours, else the one we know."""
        known = self.policy.issuers or self.world.keys
        if event.iss is not None and event.iss in known:
            return event.iss
        return self._issuer or next(iter(known), None)
