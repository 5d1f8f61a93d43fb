"""Builds a population from a seed: the same seed, size and length of time make the same people."""

import random
from dataclasses import dataclass

from producers.simulator import devices
from producers.simulator.dice import seeded
from producers.simulator.networks import Internet, Network
from producers.simulator.people import Episodes, Person, Population, ServiceAccount, Trip
from producers.simulator.places import CITIES, HOME_CITIES, Place

CLIENTS = ("portal", "chart", "mobile")
# fmt: off
_GIVEN = (
    "ada", "alex", "amir", "ana", "ben", "bruno", "carla", "chen", "dana", "diego", "elena", "emma", "farah",
    "femi", "grace", "hana", "hugo", "ines", "ivan", "jada", "jonas", "kai", "kofi", "lara", "leo", "lina",
    "maria", "marta", "mei", "milan", "nadia", "nina", "noah", "olga", "omar", "paul", "petra", "priya",
    "rafa", "rosa", "sam", "sara", "sofia", "tara", "theo", "tomas", "uma", "vera", "will", "yara", "yuki",
)
_FAMILY = (
    "adler", "ahmed", "baker", "berg", "bianchi", "brown", "castro", "chen", "costa", "diaz", "dubois",
    "evans", "fischer", "garcia", "green", "haas", "ito", "jansen", "jones", "kaur", "kim", "klein", "kumar",
    "lee", "lopez", "martin", "meyer", "moreau", "nair", "nguyen", "novak", "okafor", "olsen", "park",
    "patel", "perez", "popov", "reed", "rossi", "sato", "schmidt", "silva", "singh", "smith", "tanaka", "walker",
)
SERVICES = (
    "billing-sync", "claims-export", "lab-results", "scheduler", "archive-sweep", "imaging-gateway",
    "pharmacy-link", "eligibility-check", "report-builder", "audit-mirror", "device-telemetry",
    "referral-router", "backup-agent", "notification-hub",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Size:
    """How large and how eventful: `episodes` scales the chance of every ordinary difficulty."""

    people: int = 300
    services: int = 12
    days: int = 30
    episodes: float = 1.0
    mfa: float = 0.7
    mass_events: bool = True  # the Monday when passwords expire, the forced re-login of one client


def build(seed: int, size: Size) -> Population:
    """People and services. A person's own randomness is apart, so that adding one changes nobody else."""
    internet = Internet(seeded(seed, "internet"))
    rng = seeded(seed, "population")
    offices = {place.city: internet.office(place) for place, _ in HOME_CITIES}
    vpns = {city: internet.company_vpn(CITIES[city]) for city in ("Boston", "London")}
    expiry_city = rng.choice(("Boston", "New York", "Chicago"))
    builder = _Builder(internet, offices, vpns, expiry_city, size)
    people = tuple(builder.person(n, seeded(seed, "person", n)) for n in range(size.people))
    count = min(size.services, len(SERVICES))
    services = tuple(_service(n, internet, seeded(seed, "service", n)) for n in range(count))
    return Population(people, services, size.days, CLIENTS)


@dataclass(frozen=True, slots=True)
class _Builder:
    internet: Internet
    offices: dict[str, Network]
    vpns: dict[str, Network]
    expiry_city: str
    size: Size

    def person(self, n: int, rng: random.Random) -> Person:
        home = rng.choices([p for p, _ in HOME_CITIES], weights=[w for _, w in HOME_CITIES])[0]
        shift = rng.choices(("day", "late", "night"), weights=(80, 12, 8))[0]
        usual, spread = {"day": (8.4, 0.8), "late": (13.5, 0.7), "night": (21.5, 0.6)}[shift]
        starts = rng.gauss(usual, spread)
        hops = rng.random() < 0.04
        region = "London" if home.utc_offset >= 0 else "Boston"
        return Person(
            subject=f"usr_{n:05d}",
            name=f"{rng.choice(_GIVEN)}.{rng.choice(_FAMILY)}{n}",
            client=rng.choices(("portal", "chart"), weights=(60, 40))[0],
            home=home,
            home_network=self.internet.home(home),
            carrier=self.internet.carrier(home),
            office=self.offices[home.city],
            company_vpn=self.vpns[region] if rng.random() < 0.35 else None,
            vpn_exits=tuple(self.internet.consumer_vpns()) if hops else (),
            laptop=devices.pick(rng, devices.LAPTOPS),
            phone=devices.pick(rng, devices.PHONES),
            starts=starts,
            works=rng.gauss(8.3, 0.6),
            remote=rng.choice((0.0, 0.2, 0.4, 1.0)),
            weekend=0.9 if shift != "day" and rng.random() < 0.4 else rng.uniform(0.0, 0.3),
            activity=rng.lognormvariate(0.0, 0.45),
            typo=rng.uniform(0.01, 0.12),
            mfa=rng.random() < self.size.mfa,
            episodes=self.episodes(home, rng),
        )

    def episodes(self, home: Place, rng: random.Random) -> Episodes:
        """Draws the difficult days; most people have none or one of each kind in a month."""
        days, scale = self.size.days, self.size.episodes * self.size.days / 30

        def some_day(chance: float) -> int:
            happens, day = rng.random() < chance * scale, rng.randrange(max(1, days))
            return day if happens else -1

        move = some_day(0.03)
        away = rng.random() < 0.04 * self.size.episodes and days >= 40
        monday = 7 * (days // 14)
        return Episodes(
            trip=self.trip(home, rng, scale),
            move=move,
            new_home=self.internet.home(home) if move >= 0 else None,
            new_phone=some_day(0.05),
            cleared_cookies=some_day(0.12),
            laptop_upgrade=some_day(0.9),
            phone_upgrade=some_day(0.5),
            forgot_password=some_day(0.06),
            password_expires=monday if home.city == self.expiry_city and self.size.mass_events else -1,
            forced_login=days // 3 if self.size.mass_events else -1,
            away_from=3 if away else -1,
            away_until=days - rng.randrange(2, 8) if away else -1,
        )

    def trip(self, home: Place, rng: random.Random, scale: float) -> Trip | None:
        """A business trip or a holiday of two to nine days on the ground, somewhere else."""
        happens, length = rng.random() < 0.10 * scale, rng.randrange(4, 11)
        if not happens or self.size.days <= length + 2:
            return None
        place = rng.choice([p for p, _ in HOME_CITIES if p.city != home.city])
        first = rng.randrange(1, self.size.days - length)
        return Trip(first, first + length, place, self.internet.public(place), rng.random() < 0.6)


def _service(n: int, internet: Internet, rng: random.Random) -> ServiceAccount:
    batch = rng.random() < 0.3
    return ServiceAccount(
        client=SERVICES[n],
        agent=rng.choice(devices.SERVICE_AGENTS),
        network=internet.cloud(),
        per_hour=rng.choice((0.5, 1.0, 2.0, 4.0)),
        uses=rng.randrange(1, 4),
        batch_hour=rng.randrange(0, 6) if batch else None,
    )
