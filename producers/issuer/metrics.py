"""Counters of the issuer; labels are fixed words, never anything from a request."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest


class Metrics:
    """One registry for each issuer, so that two can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.granted = Counter("tokentrail_issuer_grants", "Access tokens granted.", ["grant"], registry=self.registry)
        self.refused = Counter(
            "tokentrail_issuer_refusals",
            "Requests refused, by OAuth error.",
            ["error"],
            registry=self.registry,
        )
        self.logins = Counter(
            "tokentrail_issuer_logins", "Login attempts, by outcome.", ["outcome"], registry=self.registry
        )
        self.commands = Counter(
            "tokentrail_issuer_commands",
            "Revocation commands, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tokentrail_issuer_token_seconds",
            "Time to answer a token request.",
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
