"""An ordinary person's days as actions: work, moving between networks, and all that looks odd but is not.

Times are in seconds since midnight UTC of the plan's first day, which is a Monday.
"""

from collections.abc import Iterator
from dataclasses import replace

from producers.simulator.actions import Action, Outcome, Source, Verb, source
from producers.simulator.devices import PHONES, Device, pick
from producers.simulator.dice import seeded
from producers.simulator.networks import Network
from producers.simulator.people import DAY, HOUR, Person

MINUTE = 60.0
RETRY_CHANCE = 0.012  # a refresh whose answer was lost is sent again
IN_FLIGHT_CHANCE = 0.15  # a call still under way when the session ends


class Life:
    """One person's life, a day at a time, in order; keeps the devices and sessions they hold."""

    def __init__(self, person: Person, seed: int, pace: float = 1.0) -> None:
        self.person = person
        self.pace = pace  # how much more than usual this person clicks
        self._rng = seeded(seed, "life", person.subject)
        self._laptop, self._phone = person.laptop, person.phone
        self._home = person.home_network
        self._sessions = 0
        self._phone_session = ""
        self._laptop_session = ""

    def day(self, day: int) -> Iterator[Action]:
        """All actions of one day of the person's local calendar, roughly in order of time."""
        episodes = self.person.episodes
        self._change(day)
        trip = episodes.trip
        flying = trip is not None and day in (trip.first, trip.last)
        if episodes.away(day) or flying:
            self._laptop_session = ""
            return
        away = trip is not None and trip.first < day < trip.last
        offset = trip.place.utc_offset if trip is not None and away else self.person.home.utc_offset
        midnight = day * DAY - offset * HOUR
        if self._rng.random() < 0.75:
            yield from self._phone_touches(midnight, away)
        if day % 7 < 5 or self._rng.random() < self.person.weekend:
            yield from self._work(midnight, day, away)

    # Devices and homes change before the day begins.

    def _change(self, day: int) -> None:
        episodes, rng = self.person.episodes, self._rng
        if day == episodes.move and episodes.new_home is not None:
            self._home = episodes.new_home
        if day == episodes.laptop_upgrade:
            self._laptop = self._laptop.upgraded()
        if day == episodes.phone_upgrade:
            self._phone = self._phone.upgraded()
        if day == episodes.new_phone:
            self._phone, self._phone_session = pick(rng, PHONES), ""
        if day == episodes.cleared_cookies:
            self._laptop, self._laptop_session = self._laptop.without_cookies(rng), ""

    # The phone keeps one session for weeks and wanders between Wi-Fi and the carrier.

    def _phone_touches(self, midnight: float, away: bool) -> Iterator[Action]:
        rng, shift = self._rng, self.person.starts - 8.4
        moments = rng.sample((7.2, 12.4, 17.6, 20.5, 22.0), k=2)
        for hour in sorted((shift + moment + rng.gauss(0, 0.4)) % 24 for moment in moments):
            at = midnight + hour * HOUR
            here = self._source(self._phone, self._phone_network(hour, away))
            if not self._phone_session:
                self._phone_session = self._new_session()
                yield from self._login(at, self._phone_session, here, "mobile")
                at += 20
            yield from self._touch(at, self._phone_session, here, "mobile")
            if rng.random() < 0.3:  # leaves the house: the same token goes on from the carrier
                outside = self._source(self._phone, self._mobile(away))
                yield self._use(at + 90, self._phone_session, outside, "mobile")

    def _phone_network(self, hour: float, away: bool) -> Network:
        at_home = hour < 8 or hour > 19
        if away and self.person.episodes.trip is not None and self._rng.random() < 0.5:
            return self.person.episodes.trip.hotel
        return self._home if at_home and not away else self._mobile(away)

    def _mobile(self, away: bool) -> Network:
        trip = self.person.episodes.trip
        return trip.hotel if away and trip is not None and not trip.phone_roams else self.person.carrier

    # The laptop signs in on most working days.

    def _work(self, midnight: float, day: int, away: bool) -> Iterator[Action]:
        rng, person, episodes = self._rng, self.person, self.person.episodes
        begin = midnight + person.starts * HOUR + rng.gauss(0, 20 * MINUTE)
        end = begin + max(2.0, person.works + rng.gauss(0, 0.5)) * HOUR
        base = self._desk(away)
        fresh = not self._laptop_session or rng.random() < 0.6
        if day == episodes.password_expires:
            begin = midnight + 8.3 * HOUR + rng.expovariate(1 / (20 * MINUTE))
            base, fresh = person.office, True
            yield from self._failures(begin, rng.randrange(1, 4), base)
            begin += 4 * MINUTE
        if day == episodes.forgot_password:
            yield from self._failures(begin, rng.randrange(4, 9), base)
            begin, fresh = begin + 15 * MINUTE, True
        if fresh:
            yield from self._sign_in(begin, base)
        yield from self._hours(begin + MINUTE, end, base, day)
        if rng.random() < 0.35:
            yield from self._logout(end + MINUTE, base)

    def _desk(self, away: bool) -> Network:
        rng, person = self._rng, self.person
        if person.vpn_exits and rng.random() < 0.8:
            return rng.choice(person.vpn_exits)
        if away and person.episodes.trip is not None:
            return person.episodes.trip.hotel
        return self._home if rng.random() < person.remote else person.office

    def _hours(self, begin: float, end: float, base: Network, day: int) -> Iterator[Action]:
        """Touches through the working day; the laptop may slip behind the company VPN and back."""
        rng, person = self._rng, self.person
        mean = 55 * MINUTE / (person.activity * self.pace)
        forced = day == person.episodes.forced_login and person.client == "portal"
        kick = (day + 0.6) * DAY  # 14:24 UTC: the operator ends all sessions of one client
        at = begin
        while at < end:
            if forced and at > kick:
                forced = False
                where = self._source(self._laptop, base)
                yield Action(kick, Verb.KICK, person.subject, self._laptop_session, where, person.client)
                yield from self._sign_in(at, base)
                at += MINUTE
            here = base
            if person.company_vpn is not None and base is not person.office and rng.random() < 0.4:
                here = person.company_vpn
            where = self._source(self._laptop, here)
            yield from self._touch(at, self._laptop_session, where, person.client)
            at += 2 * MINUTE + rng.expovariate(1 / mean)

    # Steps everything is made of.

    def _new_session(self) -> str:
        self._sessions += 1
        return f"{self.person.subject}.{self._sessions}"

    def _source(self, device: Device, network: Network) -> Source:
        return source(network, network.address(self._rng), device)

    def _use(self, at: float, session: str, where: Source, client: str) -> Action:
        return Action(at, Verb.USE, self.person.subject, session, where, client)

    def _failures(self, at: float, count: int, network: Network) -> Iterator[Action]:
        who, where = self.person, self._source(self._laptop, network)
        for _ in range(count):
            at += self._rng.uniform(15, 60)
            yield Action(at, Verb.LOGIN, who.subject, "", where, who.client, Outcome.WRONG_PASSWORD)

    def _sign_in(self, at: float, network: Network) -> Iterator[Action]:
        self._laptop_session = self._new_session()
        where = self._source(self._laptop, network)
        yield from self._login(at, self._laptop_session, where, self.person.client)

    def _login(self, at: float, session: str, where: Source, client: str) -> Iterator[Action]:
        """Signs in just before `at`, perhaps after a typing error in the password or the code."""
        rng, mfa = self._rng, self.person.mfa
        login = Action(at - 5, Verb.LOGIN, self.person.subject, session, where, client, mfa=mfa)
        if rng.random() < self.person.typo:
            yield replace(login, at=at - 35, session="", outcome=Outcome.WRONG_PASSWORD)
        if mfa and rng.random() < 0.02:
            yield replace(login, at=at - 20, session="", outcome=Outcome.MFA_WRONG)
        yield login

    def _touch(self, at: float, session: str, where: Source, client: str) -> Iterator[Action]:
        """Opens the application: a fresh access token, then calls with it."""
        rng = self._rng
        refresh = Action(at, Verb.REFRESH, self.person.subject, session, where, client)
        yield refresh
        if rng.random() < RETRY_CHANCE:
            yield replace(refresh, at=at + rng.uniform(0.5, 4), back=1)
        at += 5
        for _ in range(rng.randrange(1, 3)):
            yield self._use(at, session, where, client)
            at += rng.uniform(1, 40)

    def _logout(self, at: float, network: Network) -> Iterator[Action]:
        where = self._source(self._laptop, network)
        out = Action(at, Verb.LOGOUT, self.person.subject, self._laptop_session, where, self.person.client)
        yield out
        if self._rng.random() < IN_FLIGHT_CHANCE:
            yield replace(out, at=at + 0.3, verb=Verb.USE)
        self._laptop_session = ""
