"""Whose signatures count: the keys of each trusted issuer, given outright or fetched from its JWK Set."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from tokentrail.tokens.keys import SigningKey, from_jwks
from tokentrail.tokens.refusal import NotReadyError


class Keys(Protocol):
    """Verification keys of one issuer."""

    def find(self, kid: str) -> SigningKey | None:
        """The key of this kid, or None when the issuer does not publish it."""


class FixedKeys:
    """Keys known beforehand, as a JWK Set or a list."""

    def __init__(self, keys: Mapping[str, Any] | list[SigningKey]) -> None:
        self._keys = {k.kid: k for k in keys} if isinstance(keys, list) else from_jwks(keys)

    def find(self, kid: str) -> SigningKey | None:
        """See Keys.find."""
        return self._keys.get(kid)


class RemoteKeys:
    """The JWK Set at a URL, kept `max_age` seconds, asked again for an unknown kid every `min_wait` at most.

    When it cannot be fetched the last set is used up to `grace` seconds more; after that NotReadyError
    (no_keys).
    """

    def __init__(self, url: str, *, max_age: float = 300.0, min_wait: float = 5.0, grace: float = 900.0) -> None:
        self._url = url
        self._max_age, self._min_wait, self._grace = max_age, min_wait, grace
        self._keys: dict[str, SigningKey] = {}
        self._fetched = self._tried = float("-inf")
        self._lock = threading.Lock()

    def find(self, kid: str) -> SigningKey | None:
        """See Keys.find."""
        now = time.monotonic()
        if kid not in self._keys or now - self._fetched > self._max_age:
            self._refresh(now)
        if now - self._fetched > self._max_age + self._grace:
            raise NotReadyError("no_keys", f"the keys at {self._url} could not be fetched")
        return self._keys.get(kid)

    def _refresh(self, now: float) -> None:
        with self._lock:
            if now - self._tried < self._min_wait:
                return
            self._tried = now
            try:
                answer = httpx.get(self._url, timeout=3.0, follow_redirects=False)
                answer.raise_for_status()
                fetched = from_jwks(answer.json())
            except (httpx.HTTPError, ValueError):
                return
            # A set without any usable key is a fault of the other side, not an order to trust nobody.
            if fetched:
                self._keys, self._fetched = fetched, now
