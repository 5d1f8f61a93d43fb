"""Ordinary life, with everything in it that looks like an attack and is none."""

from __future__ import annotations

import random

from tokentrail.detect.evaluation.geography import City, Geography, Spot
from tokentrail.detect.evaluation.people import Device, Person, Service, new_device
from tokentrail.detect.evaluation.stream import Session, Stream

DAY = 86_400.0


class Life:
    """Plays people and services into a stream; `origin` is the stream's first midnight."""

    def __init__(self, geo: Geography, rng: random.Random, stream: Stream, origin: float, days: int) -> None:
        self.geo, self.rng, self.stream, self.origin, self.days = geo, rng, stream, origin, days
        self.sessions: list[Session] = []
        self.expiry = rng.randrange(days)  # the Monday when passwords expire
        self.kick = (rng.randrange(days), rng.uniform(6, 18))  # the forced re-login of one client

    def person(self, p: Person) -> None:
        """All days of one person."""
        rng = self.rng
        for day in range(self.days):
            if day < p.joins or (p.away and p.away[0] <= day <= p.away[1]):
                continue
            self._change(p, day)
            weekend = (day % 7) >= 5
            if rng.random() > (p.weekend if weekend else 0.92):
                continue
            for _ in range(min(6, max(1, int(rng.expovariate(1 / p.habit) + 0.5)))):
                hour = p.shift + abs(rng.gauss(0, 1.0)) + rng.choice((0, 0, 2, 5, 8))
                self._session(p, self.origin + day * DAY + hour * 3_600 + rng.uniform(0, 1_800), day)

    def _change(self, p: Person, day: int) -> None:
        """New phones, browser upgrades, cleared cookies, other addresses, moves."""
        rng, geo = self.rng, self.geo
        for i, device in enumerate(p.devices):
            if rng.random() < 0.03:
                p.devices[i] = Device(device.kind, device.id, _upgraded(device.agent))
            if rng.random() < 0.008:
                p.devices[i] = Device(device.kind, f"{rng.getrandbits(64):016x}", p.devices[i].agent)
            if rng.random() < 0.003:
                p.devices[i] = new_device(geo, device.kind, 122)
        if rng.random() < 0.05:
            p.home_spot = geo.spot(p.home, p.city)
        if rng.random() < 0.0015:
            p.city = rng.choice(geo.cities[p.city.country])
            p.home = rng.choice(geo.home[p.city.country])
            p.home_spot = geo.spot(p.home, p.city)
        if p.away and day == int(p.away[1]) + 1 and rng.random() < 0.5:
            p.devices = [new_device(geo, d.kind, 124) for d in p.devices]

    def _where(self, p: Person, day: int) -> tuple[Spot, Device, City | None]:
        """Address, machine and, on a journey, the city."""
        rng, geo = self.rng, self.geo
        trip = next((c for start, end, c in p.trips if start <= day < end), None)
        device = rng.choice(p.devices)
        if device.kind == "phone" and rng.random() < 0.6:
            return geo.spot(p.carrier), device, trip  # abroad it still looks like home
        if trip is not None:
            return geo.spot(rng.choice(geo.hotel[trip.country] + geo.home[trip.country]), trip), device, trip
        if p.vpn is not None and rng.random() < 0.5:
            return geo.spot(p.vpn), device, None
        if p.corporate is not None and rng.random() < 0.4:
            return p.corporate, device, None
        if p.office is not None and rng.random() < p.office_share:
            return p.office, device, None
        if rng.random() < 0.03:  # a café, a friend, a train
            net = rng.choice(geo.home[p.city.country] + geo.hotel[p.city.country])
            return geo.spot(net, p.city), device, None
        return p.home_spot, device, None

    def _session(self, p: Person, ts: float, day: int) -> None:
        rng, stream = self.rng, self.stream
        spot, device, _ = self._where(p, day)
        client = rng.choice(p.clients)
        fails = 0
        if rng.random() < p.clumsy:
            fails = rng.choice((1, 1, 1, 2, 2, 3))
        if rng.random() < 0.003:
            fails = rng.randint(5, 16)  # forgot the password
        if day == self.expiry and p.office is not None and rng.random() < 0.5:
            spot, fails = p.office, rng.randint(1, 4)
        refused = rng.random() < 0.004
        if refused:
            stream.emit("mfa_failure", ts - 5, p.name, spot, device, client_id=client)
        session = stream.login(ts, p.name, client, spot, device, fails=fails)
        if day == self.expiry and rng.random() < 0.15:
            self._stale_password(p, ts + 300, client)
        end = self._use(p, session, ts + 25 * (fails + 2))
        if rng.random() < 0.35:
            stream.revoke(end, session)
            if rng.random() < 0.2:  # calls in flight
                for _ in range(rng.randint(1, 2)):
                    stream.use(end + rng.uniform(0.1, 5), session)
        if rng.random() < 0.15:
            self.sessions.append(session)

    def _stale_password(self, p: Person, ts: float, client: str) -> None:
        """A phone goes on with the old password by itself."""
        rng = self.rng
        device = next((d for d in p.devices if d.kind == "phone"), p.devices[0])
        for _ in range(rng.randint(8, 40)):
            self.stream.emit("login_failure", ts, p.name, self.geo.spot(p.carrier), device, client_id=client)
            ts += rng.uniform(200, 900)

    def _use(self, p: Person, s: Session, ts: float) -> float:
        """Calls and refreshes until the person stops; the network may change under one session."""
        rng, stream = self.rng, self.stream
        spot, device = s.spot, s.device
        calls = max(1, int(rng.expovariate(1 / p.calls)))
        if rng.random() < 0.01:
            calls *= rng.randint(4, 15)  # a report, a long evening
        pause = rng.choice((20.0, 120.0, 400.0))
        for _ in range(min(calls, 300)):
            if ts > s.until - 20:
                stream.refresh(ts, s, spot, device)
                if rng.random() < 0.02:  # the answer was lost
                    self._retry(ts + rng.uniform(0.5, 12), s, spot, device)
                ts += 0.5
            stream.use(ts, s, spot, device)
            ts += rng.expovariate(1 / pause)
            if device.kind == "phone" and rng.random() < 0.08:
                spot = rng.choice((self.geo.spot(p.carrier), p.home_spot))
            elif p.vpn is not None and rng.random() < 0.04:
                spot = self.geo.spot(p.vpn)
            elif rng.random() < 0.01:
                spot = self.geo.spot(p.carrier)  # tethered to the phone
        return ts

    def _retry(self, ts: float, s: Session, spot: Spot, device: Device) -> None:
        self.stream.emit("token_refresh", ts, s.subject, spot, device, client_id=s.client, jti=s.jti, family=s.family,
                         gen=s.gen - 1, scope=s.scope, exp=round(s.until, 3), kid=self.stream.kid)  # fmt: skip

    def relogin(self, people: list[Person]) -> None:
        """Every session of one client is ended: its users all sign in again within the hour."""
        rng = self.rng
        day, hour = self.kick
        client = rng.choice(people).clients[0]
        for p in people:
            if client in p.clients and rng.random() < 0.5:
                ts = self.origin + day * DAY + hour * 3_600 + rng.uniform(0, 3_600)
                spot, device, _ = self._where(p, day)
                session = self.stream.login(ts, p.name, client, spot, device, fails=int(rng.random() < 0.1))
                self._use(p, session, ts + 30)

    def service(self, s: Service) -> None:
        """A job by the clock; deployments move it, month ends make it busy."""
        rng, stream = self.rng, self.stream
        device = Device("service", "", s.agent)
        ts = self.origin + rng.uniform(0, s.period)
        end = self.origin + self.days * DAY
        while ts < end:
            if rng.random() < 0.002:
                s.spots = [self.geo.spot(rng.choice(self.geo.hosting)) for _ in s.spots]
            session = stream.issue(ts, s.name, s.client, rng.choice(s.spots), device, scope=s.scope)
            busy = 6 if rng.random() < 0.01 else 1
            for _ in range(max(1, int(rng.gauss(s.calls, 1))) * busy):
                stream.use(ts + rng.uniform(1, min(600, s.period)), session)
            ts += s.period * rng.uniform(0.95, 1.05)


def _upgraded(agent: str) -> str:
    """The next version of the browser."""
    for version in range(130, 105, -1):
        if f"Chrome/{version}." in agent:
            return agent.replace(f"Chrome/{version}.", f"Chrome/{version + 1}.").replace(
                f"Edg/{version}.", f"Edg/{version + 1}."
            )
        if f"Firefox/{version}." in agent:
            return agent.replace(f":{version}.", f":{version + 1}.").replace(f"/{version}.", f"/{version + 1}.")
    return agent.replace("Version/17.", "Version/18.")
