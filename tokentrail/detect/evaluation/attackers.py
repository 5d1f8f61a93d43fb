"""Attackers of many kinds, from loud to patient; `stealth` 0..1 is how near they keep to the victim."""

from __future__ import annotations

import random
from typing import Any

from tokentrail.detect.evaluation.geography import TOOLS, City, Geography, Spot
from tokentrail.detect.evaluation.people import Device, Person, new_device
from tokentrail.detect.evaluation.stream import Session, Stream

Label = tuple[str, str]
DAY = 86_400.0


class Attackers:
    """Plays incidents into a stream."""

    def __init__(self, geo: Geography, rng: random.Random, stream: Stream, people: list[Person]) -> None:
        self.geo, self.rng, self.stream, self.people = geo, rng, stream, people
        self.count = 0

    # --- what they have ---------------------------------------------------------------------------

    def _spot(self, victim: Person | None, stealth: float) -> Spot:
        """Hosting and VPN exits for the careless, a residential proxy beside the victim for the patient."""
        rng, geo = self.rng, self.geo
        if rng.random() > stealth or victim is None:
            net = rng.choice((*geo.hosting, *geo.vpn, rng.choice(geo.home[rng.choice(geo.countries)])))
            return geo.spot(net)
        country = victim.city.country if rng.random() < 0.8 else rng.choice(geo.countries)
        near: City | None = victim.city if rng.random() < stealth else None
        if rng.random() < 0.25:
            return geo.spot(victim.carrier if country == victim.city.country else rng.choice(geo.mobile[country]))
        return geo.spot(rng.choice(geo.home[country]), near if country == victim.city.country else None)

    def _device(self, victim: Person | None, stealth: float) -> Device:
        """A tool, a browser of their own, or one that copies the victim's agent."""
        rng = self.rng
        if rng.random() > 0.35 + 0.65 * stealth:
            return Device("tool", "" if rng.random() < 0.7 else f"{rng.getrandbits(64):016x}", rng.choice(TOOLS))
        mine = new_device(self.geo, rng.choice(("desktop", "desktop", "phone")), 118 + rng.randrange(8))
        if rng.random() < 0.3:
            mine.id = ""
        if victim is not None and rng.random() < 0.5 * stealth:
            mine.agent = rng.choice(victim.devices).agent
        return mine

    def _use(self, ts: float, s: Session, label: Label, calls: int, pace: float) -> float:
        for _ in range(calls):
            if ts > s.until - 10:
                self.stream.refresh(ts, s, attack=label)
            self.stream.use(ts, s, attack=label)
            ts += self.rng.expovariate(1 / pace)
        return ts

    def _takeover(self, ts: float, victim: Person, spot: Spot, device: Device, label: Label) -> None:
        rng = self.rng
        s = self.stream.login(ts, victim.name, rng.choice(victim.clients), spot, device, attack=label,
                              mfa=rng.random() < 0.3 and self.stream.knobs.mfa > 0.1)  # fmt: skip
        self._use(ts + 30, s, label, rng.randint(2, 20), rng.choice((5.0, 40.0, 300.0)))

    # --- guessing ---------------------------------------------------------------------------------

    def password_spray(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """One or a few sources, one or two guesses for each of many accounts."""
        rng = self.rng
        behind = victim.office if victim.office and rng.random() < 0.25 else None
        spots = [behind or self._spot(victim, stealth) for _ in range(1 if behind else rng.choice((1, 1, 2, 4)))]
        device = self._device(None, stealth)
        span = rng.choice((600.0, 3_600.0, 6 * 3_600.0, 20 * 3_600.0 * (0.3 + stealth)))
        chosen = rng.sample(self.people, min(len(self.people), rng.randint(20, 120)))
        for target in chosen:
            at = ts + rng.uniform(0, span)
            for _ in range(rng.choice((1, 1, 2))):
                self.stream.emit("login_failure", at, target.name, rng.choice(spots), device, attack=label,
                                 client_id=chosen[0].clients[0])  # fmt: skip
                at += rng.uniform(1, 60)
        for target in rng.sample(chosen, rng.choice((0, 1, 1, 2))):
            self._takeover(ts + rng.uniform(span * 0.5, span * 1.1), target, rng.choice(spots), device, label)

    def password_spray_distributed(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """Many addresses, each used once or a few times."""
        rng = self.rng
        one_agent = self._device(None, stealth)
        span = rng.choice((1_800.0, 2 * 3_600.0, 8 * 3_600.0))
        chosen = rng.sample(self.people, min(len(self.people), rng.randint(40, 150)))
        spots = [self._spot(rng.choice(self.people), stealth) for _ in range(rng.randint(8, 60))]
        for target in chosen:
            device = one_agent if rng.random() > 0.3 * stealth else self._device(None, stealth)
            self.stream.emit("login_failure", ts + rng.uniform(0, span), target.name, rng.choice(spots), device,
                             attack=label, client_id=victim.clients[0])  # fmt: skip
        if rng.random() < 0.6:
            self._takeover(ts + span * rng.random(), rng.choice(chosen), rng.choice(spots), one_agent, label)

    def credential_stuffing(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """A leaked list: names that exist and names that do not, once or twice each."""
        rng = self.rng
        spots = [self._spot(None, stealth) for _ in range(rng.choice((1, 3, 10, 30)))]
        device = self._device(None, stealth)
        span = rng.choice((600.0, 1_800.0, 2 * 3_600.0))
        for _ in range(rng.randint(60, 300)):
            known = rng.random() < 0.4
            name = rng.choice(self.people).name if known else f"u{rng.getrandbits(40):010x}"
            self.stream.emit("login_failure", ts + rng.uniform(0, span), name, rng.choice(spots), device,
                             attack=label, client_id=victim.clients[0])  # fmt: skip
        for _ in range(rng.choice((0, 1, 2, 3))):
            self._takeover(ts + span * rng.random(), rng.choice(self.people), rng.choice(spots), device, label)

    def brute_force(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """Many guesses on one account from one or a few sources."""
        rng = self.rng
        spots = [self._spot(victim, stealth) for _ in range(rng.choice((1, 1, 3, 8)))]
        device = self._device(victim, stealth)
        pace = rng.choice((1.0, 5.0, 30.0, 240.0 * stealth + 5))
        for _ in range(rng.randint(15, 120)):
            self.stream.emit("login_failure", ts, victim.name, rng.choice(spots), device, attack=label,
                             client_id=victim.clients[0])  # fmt: skip
            ts += rng.expovariate(1 / pace)
        if rng.random() < 0.5:
            self._takeover(ts, victim, rng.choice(spots), device, label)

    def device_rotation(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """One account, another face for every guess."""
        rng = self.rng
        for _ in range(rng.randint(10, 40)):
            self.stream.emit("login_failure", ts, victim.name, self._spot(victim, stealth),
                             self._device(victim, max(stealth, 0.6)), attack=label,
                             client_id=victim.clients[0])  # fmt: skip
            ts += rng.expovariate(1 / rng.choice((10.0, 120.0, 900.0)))
        if rng.random() < 0.5:
            self._takeover(ts, victim, self._spot(victim, stealth), self._device(victim, stealth), label)

    def mfa_fatigue(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """The password is known; prompts until the person gives in, or does not."""
        rng = self.rng
        spot, device = self._spot(victim, stealth), self._device(victim, max(stealth, 0.5))
        client = victim.clients[0]
        for _ in range(rng.randint(3, 14)):
            if self.stream.knobs.mfa_first:
                self.stream.emit("login_success", ts, victim.name, spot, device, client_id=client, attack=label)
            ts += rng.uniform(8, 40)
            self.stream.emit("mfa_failure", ts, victim.name, spot, device, client_id=client, attack=label)
            ts += rng.uniform(5, 120)
        if rng.random() < 0.6:
            self.stream.emit("mfa_success", ts, victim.name, spot, device, client_id=client, attack=label)
            s = self.stream.issue(ts + 0.4, victim.name, client, spot, device, scope="records.read", attack=label)
            self._use(ts + 5, s, label, rng.randint(2, 25), 30.0)

    # --- taking accounts --------------------------------------------------------------------------

    def account_takeover(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """A known password, used from somewhere; once, or on several days."""
        rng = self.rng
        spot, device = self._spot(victim, stealth), self._device(victim, max(stealth, 0.5))
        for visit in range(rng.choice((1, 1, 2, 3))):
            self._takeover(ts + visit * DAY * rng.uniform(0.2, 1.0), victim, spot, device, label)

    def quiet_takeover(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """From the victim's own city through a residential proxy, with the victim's kind of browser."""
        self.account_takeover(ts, victim, max(stealth, 0.85), label)

    def phishing_campaign(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """A relay in the middle: several people's logins succeed from one new place within a day or two."""
        rng = self.rng
        spot, device = self._spot(victim, stealth * 0.7), self._device(None, max(stealth, 0.7))
        for target in rng.sample(self.people, min(len(self.people), rng.randint(3, 10))):
            at = ts + rng.uniform(0, 1.5 * DAY)
            self._takeover(at, target, spot, device if rng.random() < 0.7 else self._device(None, 0.9), label)

    def dormant_takeover(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """An account nobody has used for long."""
        sleepers = [p for p in self.people if p.away is not None] or [victim]
        self.account_takeover(ts, self.rng.choice(sleepers), stealth, label)

    # --- stealing tokens --------------------------------------------------------------------------

    def session_hijack(self, s: Session, victim: Person, stealth: float, label: Label) -> None:
        """A copied access token, used from elsewhere while it lives; the agent may be copied too."""
        rng = self.rng
        spot, device = self._spot(victim, stealth), self._device(victim, stealth)
        if rng.random() < 0.3 + 0.4 * stealth:
            device = Device(device.kind, s.device.id if rng.random() < 0.6 else device.id, s.device.agent)
        at = s.until - rng.uniform(100, 850)
        calls = rng.randint(3, 40)
        for _ in range(calls):
            if at > s.until:
                self.stream.refresh(at, s, spot, device, attack=label)
            self.stream.use(at, s, spot, device, attack=label)
            at += rng.expovariate(1 / rng.choice((2.0, 20.0, 60.0)))

    def refresh_token_replay(self, s: Session, victim: Person, stealth: float, label: Label) -> None:
        """A copied refresh token, presented after the rightful one."""
        rng = self.rng
        spot, device = self._spot(victim, stealth), self._device(victim, stealth)
        if s.gen == 0:
            self.stream.refresh(s.until, s)
        at = s.until + rng.uniform(60, 20_000)
        jti = f"t{rng.getrandbits(48):012x}"
        self.stream.emit("token_refresh", at, s.subject, spot, device, client_id=s.client, jti=jti, family=s.family,
                         gen=rng.randrange(s.gen), scope=s.scope, exp=at + 900, kid="k1", attack=label)  # fmt: skip
        thief = Session(s.subject, s.client, s.family, jti, s.gen, s.scope, spot, device, at + 900)
        for _ in range(rng.randint(1, 15)):
            at += rng.expovariate(1 / 20)
            self.stream.use(at, thief, attack=label)

    def use_after_revoke(self, s: Session, victim: Person, stealth: float, label: Label) -> None:
        """A token used on after its session was ended."""
        rng = self.rng
        spot = self._spot(victim, stealth) if rng.random() < 0.7 else s.spot
        at = s.until - rng.uniform(400, 850)
        self.stream.revoke(at, s)
        for _ in range(rng.randint(1, 8)):
            at += rng.uniform(20, 60)
            self.stream.use(at, s, spot, self._device(victim, stealth), attack=label)

    def forged_token(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """Tokens of a key or an issuer that is not ours, or that live too long."""
        rng = self.rng
        spot, device = self._spot(victim, stealth), self._device(victim, stealth)
        ways: list[dict[str, Any]] = [{"iss": "https://login.example.evil"}, {"kid": "k9"}, {"exp": ts + 30 * DAY}]
        forged = rng.choice(ways)
        for _ in range(rng.randint(1, 12)):
            s = Session(victim.name, victim.clients[0], "", f"t{rng.getrandbits(48):012x}", 0, "records.read admin",
                        spot, device, ts + 600)  # fmt: skip
            self.stream.use(ts, s, attack=label, **{"family": None, **forged})
            ts += rng.expovariate(1 / 30)

    def scope_widening(self, s: Session, victim: Person, stealth: float, label: Label) -> None:
        """A refresh that asks for more than was granted."""
        spot, device = self._spot(victim, stealth), self._device(victim, stealth)
        s.scope = f"{s.scope} {self.rng.choice(('admin', 'records.write', 'users.manage'))}"
        at = s.until + self.rng.uniform(1, 300)
        self.stream.refresh(at, s, spot, device, attack=label)
        for _ in range(self.rng.randint(0, 8)):
            at += self.rng.expovariate(1 / 20)
            self.stream.use(at, s, spot, device, attack=label)

    # --- taking much ------------------------------------------------------------------------------

    def bulk_use(self, s: Session, victim: Person, stealth: float, label: Label) -> None:
        """Everything the session may read, fast; from the victim's own machine or from elsewhere."""
        rng = self.rng
        inside = rng.random() < 0.4
        spot = s.spot if inside else self._spot(victim, stealth)
        device = s.device if inside else self._device(victim, stealth)
        at = s.until - 800
        for _ in range(rng.randint(60, 300)):
            if at > s.until:
                self.stream.refresh(at, s, spot, device, attack=label)
            self.stream.use(at, s, spot, device, attack=label)
            at += rng.expovariate(1 / rng.choice((0.5, 2.0, 8.0)))

    def client_theft(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """A service's secret used elsewhere: many tokens, fast."""
        rng = self.rng
        services = [r for r in self.stream.rows[:4_000] if str(r["subject"]).startswith("svc-")]
        if not services:
            return self.account_takeover(ts, victim, stealth, label)
        row = rng.choice(services)
        spot = self._spot(None, stealth)
        device = Device("service", "", row["user_agent"] if rng.random() < stealth else rng.choice(TOOLS))
        for _ in range(rng.randint(10, 80)):
            s = self.stream.issue(ts, row["subject"], row["client_id"], spot, device, scope=row["scope"] or "jobs.run",
                                  attack=label)  # fmt: skip
            self._use(ts + 1, s, label, rng.randint(0, 3), 2.0)
            ts += rng.expovariate(1 / rng.choice((1.0, 20.0)))
        return None

    def device_farm(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """One machine that tries account after account through changing addresses."""
        rng = self.rng
        device = self._device(None, max(stealth, 0.5))
        device.id = device.id or f"{rng.getrandbits(64):016x}"
        for target in rng.sample(self.people, min(len(self.people), rng.randint(15, 50))):
            spot = self._spot(target, stealth)
            self.stream.emit("login_failure", ts, target.name, spot, device, attack=label, client_id=victim.clients[0])
            if rng.random() < 0.06:
                self._takeover(ts + 5, target, spot, device, label)
            ts += rng.expovariate(1 / rng.choice((5.0, 60.0)))

    def session_storm(self, ts: float, victim: Person, stealth: float, label: Label) -> None:
        """Session after session for one account."""
        rng = self.rng
        for _ in range(rng.randint(4, 14)):
            self._takeover(ts, victim, self._spot(victim, stealth), self._device(victim, stealth), label)
            ts += rng.expovariate(1 / 120)


PLAIN: tuple[str, ...] = (
    "password_spray", "password_spray_distributed", "credential_stuffing", "brute_force", "device_rotation",
    "mfa_fatigue", "account_takeover", "quiet_takeover", "phishing_campaign", "dormant_takeover", "forged_token",
    "client_theft", "device_farm", "session_storm",
)  # fmt: skip
ON_SESSION: tuple[str, ...] = (
    "session_hijack", "refresh_token_replay", "use_after_revoke", "scope_widening", "bulk_use",
)  # fmt: skip
