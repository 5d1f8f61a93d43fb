"""An invented world: countries, cities, networks. Every seed draws its own; nothing of it is real."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

DESKTOPS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36"
    " Edg/{v}.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0"
    " Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{s}"
    " Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{f}.0) Gecko/20100101 Firefox/{f}.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{f}.0) Gecko/20100101 Firefox/{f}.0",
)
PHONES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {i} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{s}"
    " Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; {m}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36",
)
TOOLS = ("python-requests/2.32.3", "curl/8.5.0", "Go-http-client/2.0", "okhttp/4.12.0", "axios/1.7.2",
         "Apache-HttpClient/4.5.14 (Java/17.0.9)", "aws-sdk-go/1.44", "hydra/9.5")  # fmt: skip
MODELS = ("SM-S918B", "SM-A546B", "Pixel 8", "Pixel 7a", "22101316G", "CPH2451", "M2101K6G")


@dataclass(slots=True)
class City:
    """A place with a name and a position."""

    country: str
    name: str
    lat: float
    lon: float


@dataclass(slots=True)
class Net:
    """A network: its kind is home, mobile, office, vpn, hosting or hotel."""

    asn: int
    kind: str
    country: str
    prefix: str
    cities: list[City]
    pool: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Spot:
    """An address where somebody is, as an event shows it."""

    ip: str
    asn: int
    city: City


class Geography:
    """Countries with their networks, drawn from a seed."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._asn = rng.randrange(1_000, 60_000)
        self._block = rng.sample(range(11, 223), 200)
        self._used = 0
        letters = "ABCDEFGHIJKLMNOPRSTUVZ"
        names = rng.sample([a + b for a in letters for b in letters], rng.randint(14, 40))
        self.countries = names
        self.cities = {c: self._cities(c) for c in names}
        self.home = {c: [self._net("home", c) for _ in range(rng.randint(2, 7))] for c in names}
        self.mobile = {c: [self._mobile(c) for _ in range(rng.randint(1, 3))] for c in names}
        self.hotel = {c: [self._net("hotel", c)] for c in names}
        self.hosting = [self._net("hosting", rng.choice(names)) for _ in range(rng.randint(4, 12))]
        self.vpn = [self._vpn() for _ in range(rng.randint(2, 5))]

    def _cities(self, country: str) -> list[City]:
        lat, lon = self.rng.uniform(-40, 62), self.rng.uniform(-170, 170)
        spread = self.rng.choice((1.5, 4.0, 9.0))
        return [
            City(country, f"{country}-{i}", round(lat + self.rng.gauss(0, spread), 3) % 80,
                 round((lon + self.rng.gauss(0, spread * 1.5) + 180) % 360 - 180, 3))
            for i in range(self.rng.randint(3, 12))
        ]  # fmt: skip

    def _net(self, kind: str, country: str) -> Net:
        self._asn += self.rng.randint(1, 400)
        self._used += 1
        block = self._block[self._used % 200]
        return Net(self._asn, kind, country, f"{block}.{self.rng.randrange(256)}", self.cities[country])

    def _mobile(self, country: str) -> Net:
        """A carrier: few addresses for many, and every one of them looks like its hub."""
        net = self._net("mobile", country)
        if self.rng.random() < 0.7:
            net.cities = [self.rng.choice(net.cities)]
        count = self.rng.choice((3, 12, 60))
        net.pool = [f"{net.prefix}.{self.rng.randrange(4)}.{self.rng.randrange(256)}" for _ in range(count)]
        return net

    def _vpn(self) -> Net:
        """A consumer VPN: exits in many countries under one or two ASNs."""
        net = self._net("vpn", self.rng.choice(self.countries))
        net.cities = [self.rng.choice(self.cities[c]) for c in self.rng.sample(self.countries, 8)]
        net.pool = [f"{net.prefix}.{i}.{self.rng.randrange(256)}" for i in range(24)]
        return net

    def spot(self, net: Net, city: City | None = None) -> Spot:
        """An address of a network; home networks give each customer their own."""
        rng = self.rng
        if net.pool:
            i = rng.randrange(len(net.pool))
            return Spot(net.pool[i], net.asn, net.cities[i % len(net.cities)])
        where = city if city is not None and rng.random() < 0.85 else rng.choice(net.cities)
        return Spot(f"{net.prefix}.{rng.randrange(256)}.{rng.randrange(256)}", net.asn, where)

    def shared(self, kind: str, country: str) -> Spot:
        """One address that many share: an office, a gateway."""
        return self.spot(self._net(kind, country))

    def agent(self, kind: str, version: int) -> str:
        """A user agent of the day for `phone` or `desktop`."""
        rng = self.rng
        text = rng.choice(PHONES if kind == "phone" else DESKTOPS)
        return text.format(v=version, f=version - 3, s=f"17.{rng.randrange(1, 6)}", i=f"17_{rng.randrange(1, 6)}",
                           m=rng.choice(MODELS))  # fmt: skip
