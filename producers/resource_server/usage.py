"""TokenUsed: at once for a token's first use from a network, then one count a minute."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tokentrail import events
from tokentrail.tokens.claims import is_identifier
from tokentrail.tokens.refusal import NotReadyError, TokenRefusedError
from tokentrail.tokens.validate import Accepted

WINDOW_SECONDS = 60
FORGET_SECONDS = 900
MAX_TRACKED = 200_000
MICROS = 1_000_000


@dataclass
class _Use:
    """One token from one network: the event that told of it first, and what came since."""

    event: dict[str, Any]
    count: int
    since: float
    last: float


class UsageRecorder:
    """Counts uses in memory. `publish` is called for each event that is due; it must not block."""

    def __init__(
        self,
        identity: str,
        publish: Callable[[str, dict[str, Any]], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity, self._publish, self._clock = identity, publish, clock
        self._uses: dict[tuple[str, str, str], _Use] = {}
        self._lock = threading.Lock()

    def note(self, shown: Accepted | TokenRefusedError, source: Mapping[str, Any]) -> None:
        """A token was shown, and accepted or refused.

        That we could not judge it (NotReadyError) is not its use.
        """
        if isinstance(shown, NotReadyError):
            return
        event = self._event(shown, source)
        key = (event["jti"] or _fingerprint(event), network(source), event["failure_reason"] or "")
        now = self._clock()
        with self._lock:
            known = self._uses.get(key)
            if known is not None and now - known.last < FORGET_SECONDS:
                known.count += 1
                known.last = now
                known.since = known.since if known.count > 1 else now
                return
            if len(self._uses) >= MAX_TRACKED:
                self._uses.pop(next(iter(self._uses)))
            self._uses[key] = _Use(event, 0, now, now)
        self._publish(events.TOKEN_USED, dict(event))

    def flush(self, *, everything: bool = False) -> int:
        """Publish the counts whose minute is over; returns how many.

        Forgets tokens that were not seen for long.
        """
        now = self._clock()
        due = []
        with self._lock:
            for key, use in list(self._uses.items()):
                if use.count and (everything or now - use.since >= WINDOW_SECONDS):
                    due.append(self._count_event(use, now))
                    use.count = 0
                elif not use.count and now - use.last >= FORGET_SECONDS:
                    del self._uses[key]
        for event in due:
            self._publish(events.TOKEN_USED, event)
        return len(due)

    def _count_event(self, use: _Use, now: float) -> dict[str, Any]:
        window = max(1, min(WINDOW_SECONDS, round(now - use.since)))
        return use.event | {
            "event_id": events.uuid7(),
            "occurred_at": events.now_micros(),
            "uses": use.count,
            "window_seconds": window,
        }

    def _event(self, shown: Accepted | TokenRefusedError, source: Mapping[str, Any]) -> dict[str, Any]:
        refused = shown if isinstance(shown, TokenRefusedError) else None
        claims = shown.claimed.claims if isinstance(shown, TokenRefusedError) else shown.claims
        kid = shown.claimed.kid if isinstance(shown, TokenRefusedError) else shown.kid
        return events.new_event(
            issuer=self._identity,
            subject=_text(claims, "sub"),
            client_id=_text(claims, "client_id"),
            session_id=_text(claims, "sid"),
            jti=_text(claims, "jti"),
            source=dict(source),
            success=refused is None,
            failure_reason=refused.reason if refused else None,
            token_issuer=_text(claims, "iss"),
            kid=kid if kid and is_identifier(kid) else None,
            issued_at=_micros(claims.get("iat")),
            expires_at=_micros(claims.get("exp")),
            audience=_text(claims, "aud"),
            scope=_scope(claims),
            uses=1,
            window_seconds=0,
        )


def network(source: Mapping[str, Any]) -> str:
    """The network of an address: /24 of IPv4, /48 of IPv6; changing hosts within it is no news."""
    try:
        address = ipaddress.ip_address(source.get("ip") or "")
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    """A claim that is a plain identifier.

    A refused token may say anything: free text stays out of the log.
    """
    value = claims.get(name)
    return value if isinstance(value, str) and is_identifier(value) else None


def _scope(claims: Mapping[str, Any]) -> str | None:
    value = claims.get("scope")
    fits = isinstance(value, str) and all(is_identifier(word) for word in value.split(" "))
    return str(value) if fits else None


def _micros(seconds: object) -> int | None:
    """Seconds as microseconds, if they are a date a person could live to see."""
    return int(seconds) * MICROS if isinstance(seconds, int) and 0 <= seconds < 1 << 33 else None


def _fingerprint(event: Mapping[str, Any]) -> str:
    """Tokens without a jti are told apart by what they claim."""
    said = repr([event[name] for name in ("subject", "client_id", "token_issuer", "kid", "issued_at")])
    return sha256(said.encode()).hexdigest()
