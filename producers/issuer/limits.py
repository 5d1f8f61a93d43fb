"""Limits on guessing: how often one name, one client or one address may fail before it has to wait.

NIST SP 800-63B section 5.2.2 wants a limit on one account; addresses are limited too, more generously,
because an office or a carrier is one address. Counts live in this process: with n replicas an attacker gets n
times as many.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """At most `failures` within `seconds`."""

    failures: int
    seconds: float


class Guesses:
    """Failures by key in a sliding window, in bounded memory:

    the longest untouched keys are forgotten first.
    """

    def __init__(self, limit: Limit, *, max_keys: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._max_keys, self._clock = limit, max_keys, clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> int:
        """Seconds until this key may try again; 0 when it may now."""
        with self._lock:
            times = self._recent(key)
            if len(times) < self._limit.failures:
                return 0
            return max(1, round(times[-self._limit.failures] + self._limit.seconds - self._clock()))

    def failed(self, key: str) -> None:
        """Count a failure."""
        with self._lock:
            times = self._recent(key)
            times.append(self._clock())
            self._failed[key] = times[-self._limit.failures :]
            self._failed.move_to_end(key)
            if len(self._failed) > self._max_keys:
                self._failed.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """A success wipes the slate of this key."""
        with self._lock:
            self._failed.pop(key, None)

    def _recent(self, key: str) -> list[float]:
        since = self._clock() - self._limit.seconds
        return [at for at in self._failed.get(key, ()) if at > since]


class LoginLimits:
    """The limits of one issuer: by login name, by client, by address."""

    def __init__(self, account: Limit, address: Limit) -> None:
        self.accounts = Guesses(account)
        self.clients = Guesses(account)
        self.addresses = Guesses(address)

    def wait(self, account: str, address: str | None) -> int:
        """Seconds an attempt has to wait, 0 for none."""
        return max(self.accounts.wait(account), self.addresses.wait(address) if address else 0)

    def failed(self, account: str, address: str | None) -> None:
        """A login failed."""
        self.accounts.failed(account)
        if address:
            self.addresses.failed(address)
