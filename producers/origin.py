"""Where a request comes from: the address, device and place, believed only from whom we trust.

Anybody can write X-Forwarded-For or a CloudFront-Viewer header. They count only when the peer that speaks to
us is a proxy of our own; otherwise the peer's address is all that is known of the place.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from tokentrail import events
from tokentrail.errors import ConfigError
from tokentrail.phi import scrub

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_AGENT_CHARS = 512
MAX_HOPS = 32
_DEVICE = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


def networks(setting: str) -> tuple[Network, ...]:
    """Networks from a comma-separated setting. Raises ConfigError naming the variable."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in setting.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"TOKENTRAIL_TRUSTED_PROXIES is wrong: {error}") from None


class Origin:
    """Reads where requests come from, given the proxies in front of us."""

    def __init__(self, trusted_proxies: tuple[Network, ...] = ()) -> None:
        self._trusted = trusted_proxies

    def source(self, peer: str | None, headers: Mapping[str, str]) -> dict[str, Any]:
        """The event contract's source record of a request with this peer address and these headers."""
        known: dict[str, Any] = {"ip": _address(peer)}
        if self._is_trusted(peer):
            known["ip"] = self._client(peer, headers.get("x-forwarded-for", ""))
            known |= _place(headers)
        known["user_agent"] = _printable(headers.get("user-agent"), MAX_AGENT_CHARS)
        device = headers.get("x-device-id", "")
        known["device_id"] = device if _DEVICE.match(device) and scrub(device) == device else None
        return events.source(**known)

    def _is_trusted(self, address: str | None) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._trusted)

    def _client(self, peer: str | None, forwarded: str) -> str | None:
        """The last address in X-Forwarded-For that is not a proxy of ours; what stands before may be invented."""
        for part in reversed(forwarded.split(",")[-MAX_HOPS:]):
            address = _address(part.strip())
            if address is None:
                break
            if not self._is_trusted(address):
                return address
        return _address(peer)


def _parse(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return mapped or parsed


def _address(text: str | None) -> str | None:
    """An address in its one canonical form (RFC 5952), IPv4 out of its IPv6 mapping, zone ids refused."""
    parsed = _parse(text)
    if parsed is None or getattr(parsed, "scope_id", None):
        return None
    return str(parsed)


def _place(headers: Mapping[str, str]) -> dict[str, Any]:
    """Country, city, coordinates and network as Amazon CloudFront names them; what is not sane is left out."""
    country = headers.get("cloudfront-viewer-country", "")
    asn = headers.get("cloudfront-viewer-asn", "")
    return {
        "country": country if _COUNTRY.match(country) else None,
        "city": _printable(_utf8(headers.get("cloudfront-viewer-city")), 128),
        "asn": int(asn) if asn.isascii() and asn.isdigit() and int(asn) < 2**32 else None,
        "lat": _degrees(headers.get("cloudfront-viewer-latitude"), 90.0),
        "lon": _degrees(headers.get("cloudfront-viewer-longitude"), 180.0),
    }


def _utf8(text: str | None) -> str | None:
    """A header with bytes beyond ASCII, as the proxy meant it: servers hand headers over as Latin-1."""
    try:
        return unquote(text.encode("latin-1").decode()) if text else None
    except UnicodeError:
        return text


def _degrees(text: str | None, bound: float) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= bound else None


def _printable(text: str | None, limit: int) -> str | None:
    """Text without control characters: it will stand in a log, a page and a CSV file one day."""
    if not text:
        return None
    return scrub("".join(c if c.isprintable() else " " for c in text[:limit])).strip() or None
