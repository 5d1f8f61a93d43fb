"""The days of service accounts: tokens by client secret, used at once, steadily or in a nightly batch."""

from collections.abc import Iterator

from producers.simulator.actions import Action, Verb, source
from producers.simulator.dice import seeded
from producers.simulator.people import DAY, HOUR, ServiceAccount


class Machine:
    """One service account, a day at a time."""

    def __init__(self, service: ServiceAccount, seed: int, pace: float = 1.0) -> None:
        self.service = service
        self.pace = pace
        self._rng = seeded(seed, "machine", service.client)
        self._sessions = 0

    def day(self, day: int) -> Iterator[Action]:
        """All actions of one UTC day, in order of time."""
        service, rng = self.service, self._rng
        for at in self._times(day):
            where = source(service.network, service.network.address(rng), None, service.agent)
            self._sessions += 1
            session = f"{service.client}.{self._sessions}"
            yield Action(at, Verb.ISSUE, service.client, session, where, service.client)
            for n in range(service.uses):
                yield Action(at + 1 + n * 20, Verb.USE, service.client, session, where, service.client)

    def _times(self, day: int) -> list[float]:
        rng = self._rng
        if self.service.batch_hour is not None:
            start = day * DAY + self.service.batch_hour * HOUR
            return sorted(start + rng.uniform(0, 1800) for _ in range(round(24 * self.pace)))
        step = HOUR / (self.service.per_hour * self.pace)
        times, at = [], day * DAY + rng.uniform(0, step)
        while at < (day + 1) * DAY:
            times.append(at)
            at += step * rng.uniform(0.9, 1.1)
        return times
