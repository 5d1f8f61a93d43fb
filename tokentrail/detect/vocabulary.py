"""Values seen across the population, each with a small whole number and a count.

Subjects keep counts by number: a dict of small ints is a fifth of the memory of a dict of texts.
"""

from __future__ import annotations

from math import log

IP, NET, ASN, COUNTRY, CITY, AGENT, BROWSER, SYSTEM, KIND, DEVICE, CLIENT, GRANT = range(12)
FEATURES = ("ip", "net", "asn", "country", "city", "agent", "browser", "system", "kind", "device", "client", "grant")


class Vocabulary:
    """Maps (feature, value) to an id; `count[id]` is how many learned sightings had it."""

    __slots__ = ("count", "distinct", "feature", "ids", "text", "total", "users")

    def __init__(self) -> None:
        self.ids: list[dict[str, int]] = [{} for _ in FEATURES]
        self.count: list[float] = []
        self.users: list[int] = []
        self.text: list[str] = []
        self.feature: list[int] = []
        self.distinct = [0] * len(FEATURES)
        self.total = 0.0

    def id(self, feature: int, value: str | None) -> int:
        """The number of a value, made on first sight; a missing value is -1."""
        if value is None:
            return -1
        known = self.ids[feature]
        found = known.get(value)
        if found is None:
            found = known[value] = len(self.text)
            self.text.append(value)
            self.feature.append(feature)
            self.count.append(0.0)
            self.users.append(0)
        return found

    def learn(self, number: int, first_for_subject: bool) -> None:
        """Count one learned sighting of an id."""
        if number < 0:
            return
        if self.count[number] == 0.0:
            self.distinct[self.feature[number]] += 1
        self.count[number] += 1.0
        if first_for_subject:
            self.users[number] += 1

    def share(self, number: int) -> float:
        """P(v) over the population; an unseen value gets 1/(N+M) (Freeman et al., NDSS 2016)."""
        if number < 0:
            return 1.0
        total = self.total
        count = self.count[number]
        distinct = self.distinct[self.feature[number]] + 1
        if count <= 0.0:
            return 1.0 / (total + distinct + 1.0)
        return count / total * (1.0 - distinct / (total + distinct))

    def rarity(self, number: int) -> float:
        """-log P(v), 0 for what everybody has."""
        return -log(self.share(number)) if number >= 0 else 0.0
