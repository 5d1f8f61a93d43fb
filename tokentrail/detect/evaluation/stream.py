"""Rows of a backtest file with their truth, and how a session looks in them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tokentrail.detect.evaluation.geography import Spot
from tokentrail.detect.evaluation.people import Device

ISSUER = "https://login.example"
LIFETIME = 900.0


@dataclass(slots=True)
class Knobs:
    """What differs between organisations' streams."""

    devices: float = 1.0  # share of events that carry a device id
    places: float = 1.0  # share with coordinates
    mfa: float = 0.5  # share of logins with a second factor
    mfa_first: bool = True  # login_success is written before the second factor
    revoke_all: bool = True  # a logout's row names the family too
    failed_device: float = 0.8  # failures that carry the device id
    asns: float = 1.0
    cities: float = 1.0
    families: bool = True


@dataclass(slots=True)
class Session:
    """Tokens of one login, for those who use or steal them."""

    subject: str
    client: str
    family: str
    jti: str
    gen: int
    scope: str
    spot: Spot
    device: Device
    until: float


@dataclass(slots=True)
class Stream:
    """Rows and labels as they are made; sort before use."""

    rng: random.Random
    knobs: Knobs
    rows: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, tuple[str, str]] = field(default_factory=dict)
    kid: str = "k1"

    def emit(self, kind: str, ts: float, subject: str, spot: Spot, device: Device, **more: Any) -> None:
        """One row; `attack=(type, incident)` labels it."""
        rng = self.rng
        attack = more.pop("attack", None)
        knobs = self.knobs
        carry = knobs.failed_device if kind == "login_failure" else 1.0
        placed = rng.random() < knobs.places
        event_id = f"{rng.getrandbits(64):016x}"
        row: dict[str, Any] = {
            "event_id": event_id, "type": kind, "ts": round(ts, 3), "subject": subject, "client_id": None,
            "jti": None, "ip": spot.ip, "asn": spot.asn, "country": spot.city.country, "city": spot.city.name,
            "lat": spot.city.lat if placed else None, "lon": spot.city.lon if placed else None,
            "user_agent": device.agent or None,
            "device_id": (device.id or None) if rng.random() < knobs.devices * carry else None,
            "success": not kind.endswith("failure"), "family": None, "gen": None, "iss": ISSUER, "kid": None,
            "scope": None, "exp": None,
        }  # fmt: skip
        if rng.random() >= knobs.asns:
            row["asn"] = None
        if rng.random() >= knobs.cities:
            row["city"] = None
        row.update(more)
        if not knobs.families:
            row["family"] = row["gen"] = None
        self.rows.append(row)
        if attack is not None:
            self.labels[event_id] = attack

    def login(  # noqa: PLR0913
        self, ts: float, subject: str, client: str, spot: Spot, device: Device, *, fails: int = 0,
        scope: str = "records.read", attack: tuple[str, str] | None = None, mfa: bool | None = None,
    ) -> Session:  # fmt: skip
        """Failures, success, second factor and the first tokens."""
        rng, knobs = self.rng, self.knobs
        for _ in range(fails):
            self.emit("login_failure", ts, subject, spot, device, client_id=client, attack=attack)
            ts += rng.uniform(2, 25)
        second = rng.random() < knobs.mfa if mfa is None else mfa
        if knobs.mfa_first or not second:
            self.emit("login_success", ts, subject, spot, device, client_id=client, attack=attack)
        if second:
            self.emit("mfa_success", ts + rng.uniform(3, 20), subject, spot, device, client_id=client, attack=attack)
            ts += 21
            if not knobs.mfa_first:
                self.emit("login_success", ts, subject, spot, device, client_id=client, attack=attack)
        return self.issue(ts + 0.3, subject, client, spot, device, scope=scope, attack=attack)

    def issue(
        self, ts: float, subject: str, client: str, spot: Spot, device: Device, *, scope: str,
        attack: tuple[str, str] | None = None,
    ) -> Session:  # fmt: skip
        """A token with a refresh family."""
        family, jti = f"f{self.rng.getrandbits(48):012x}", f"t{self.rng.getrandbits(48):012x}"
        self.emit("token_issue", ts, subject, spot, device, client_id=client, jti=jti, family=family, gen=0,
                  kid=self.kid, scope=scope, exp=round(ts + LIFETIME, 3), attack=attack)  # fmt: skip
        return Session(subject, client, family, jti, 0, scope, spot, device, ts + LIFETIME)

    def use(self, ts: float, s: Session, spot: Spot | None = None, device: Device | None = None, **more: Any) -> None:
        """One call with the session's access token."""
        more = {"client_id": s.client, "jti": s.jti, "family": s.family, "kid": self.kid, "exp": round(s.until, 3),
                "scope": s.scope, **more}  # fmt: skip
        self.emit("token_use", ts, s.subject, spot or s.spot, device or s.device, **more)

    def refresh(
        self, ts: float, s: Session, spot: Spot | None = None, device: Device | None = None, **more: Any
    ) -> None:
        """Rotate the session's refresh token."""
        presented, s.gen, s.until = s.gen, s.gen + 1, ts + LIFETIME
        s.jti = f"t{self.rng.getrandbits(48):012x}"
        more = {"gen": presented, "scope": s.scope, "exp": round(s.until, 3), "kid": self.kid, **more}
        self.emit("token_refresh", ts, s.subject, spot or s.spot, device or s.device, client_id=s.client, jti=s.jti,
                  family=s.family, **more)  # fmt: skip

    def revoke(self, ts: float, s: Session, **more: Any) -> None:
        """A logout."""
        family = s.family if self.knobs.revoke_all else None
        self.emit("token_revoke", ts, s.subject, s.spot, s.device, client_id=s.client, jti=s.jti, family=family, **more)
