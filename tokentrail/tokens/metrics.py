"""What a validator did and how fresh its deny-list is, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokentrail.tokens.denylist_feed import DenyListFeed


class Counted(Protocol):
    """A validator that counts its answers."""

    accepted: int
    refused: dict[str, int]


class ValidatorMetrics(Collector):
    """Register it once:

    `REGISTRY.register(ValidatorMetrics(validator, feed))`. Labels are reason codes only.
    """

    def __init__(self, validator: Counted, feed: DenyListFeed) -> None:
        self._validator, self._feed = validator, feed

    def collect(self) -> Iterator[Metric]:
        """Read the counters when Prometheus asks."""
        accepted = CounterMetricFamily("tokentrail_validator_accepted", "Tokens accepted.")
        accepted.add_metric([], self._validator.accepted)
        yield accepted
        refused = CounterMetricFamily("tokentrail_validator_refused", "Tokens refused.", labels=["reason"])
        for reason, count in sorted(self._validator.refused.items()):
            refused.add_metric([reason], count)
        yield refused
        for name, help_, value in (
            ("entries", "Entries in the deny-list.", len(self._feed.deny_list)),
            ("age_seconds", "Seconds since the deny-list was known to be complete.", min(self._feed.age, 1e9)),
            ("ready", "1 once the deny-list was read to its end.", int(self._feed.ready.is_set())),
            ("unreadable", "Entries that could not be read.", self._feed.unreadable),
        ):
            yield GaugeMetricFamily(f"tokentrail_denylist_{name}", help_, value)
