"""The deny-list of a validator: what is revoked, in memory, until it would have expired anyway."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MICROS = 1_000_000
TARGETS = ("jti", "session", "subject", "client", "family", "issuer")


class DenyList:
    """Revoked jtis, sessions, subjects, clients, families and issuers.

    A jti is denied outright. The others deny tokens issued up to the moment of revocation, so that a person
    can log in again. Written by one feed, read by any thread: each read is a few dictionary look-ups and
    takes no lock.
    """

    def __init__(self, max_entries: int = 2_000_000, clock: Callable[[], float] = time.time) -> None:
        self.max_entries = max_entries
        self.overflowed = False
        self._clock = clock
        # value -> (revoked_at, until), both Unix microseconds
        self._by: dict[str, dict[str, tuple[int, int]]] = {target: {} for target in TARGETS}
        self._size = 0
        self._expiry: list[tuple[int, str, str]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._size

    def add(self, target: str, value: str, revoked_at: int, until: int) -> None:
        """Deny until a time. Of two entries for one value the later times hold, so order does not matter."""
        entries = self._by.get(target)
        if entries is None or until <= self._clock() * MICROS:
            return
        with self._lock:
            known = entries.get(value)
            if known is None and self._size >= self.max_entries and not self._expire_locked():
                self.overflowed = True
                return
            if known is not None:
                revoked_at, until = max(known[0], revoked_at), max(known[1], until)
            if known is None or until != known[1]:
                heapq.heappush(self._expiry, (until, target, value))
            self._size += known is None
            entries[value] = (revoked_at, until)

    def release(self, target: str, value: str) -> None:
        """Take an entry away before its time: the revocation was undone."""
        with self._lock:
            if self._by.get(target, {}).pop(value, None) is not None:
                self._size -= 1

    def denies(self, claims: Mapping[str, Any]) -> str | None:
        """Which of jti, session, subject, client, issuer denies a token with these claims, or None."""
        by = self._by
        now = None
        for target, claim in (
            ("jti", "jti"),
            ("session", "sid"),
            ("subject", "sub"),
            ("client", "client_id"),
            ("issuer", "iss"),
        ):
            entries = by[target]
            if not entries:
                continue
            entry = entries.get(claims.get(claim, ""))
            if entry is None:
                continue
            now = now or self._clock() * MICROS
            if entry[1] > now and (target == "jti" or claims["iat"] * MICROS <= entry[0]):
                return target
        return None

    def expire(self) -> int:
        """Drop what is past its time; returns how many. The feed calls it now and then."""
        with self._lock:
            return self._expire_locked()

    def _expire_locked(self) -> int:
        now = self._clock() * MICROS
        dropped = 0
        while self._expiry and self._expiry[0][0] <= now:
            until, target, value = heapq.heappop(self._expiry)
            entry = self._by[target].get(value)
            if entry is not None and entry[1] <= until:
                del self._by[target][value]
                dropped += 1
                self._size -= 1
        if dropped:
            self.overflowed = False
        return dropped

    def entries(self) -> Iterator[tuple[str, str, int, int]]:
        """A copy of what is denied: (target, value, revoked_at, until)."""
        with self._lock:
            copied = [(t, v, *times) for t, values in self._by.items() for v, times in values.items()]
        return iter(copied)
