"""Where a push may go: a receiver names the URL, so it must not lead into our own network (OWASP ASVS 1.3.6).

The name is resolved once, every address is judged, and the connection is made to a judged address: a name
that changes its mind in between (DNS rebinding) changes nothing. Redirects are never followed.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tokentrail.errors import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PORTS = frozenset({443, 8443})
MAX_URL_CHARS = 2048

# Prefixes that carry an IPv4 address inside an IPv6 one: NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC
# 4380).
_EMBEDDING = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class UnsafeUrlError(Refused):
    """A URL that a push must not go to; the message names the rule."""


@dataclass(frozen=True)
class Target:
    """A judged URL: connect to `address`, and say `host` in TLS and in the Host header."""

    url: str
    host: str
    port: int
    address: str


def judge(
    url: str,
    *,
    allowed: tuple[Network, ...] = (),
    resolve: Callable[[str, int], list[str]] | None = None,
) -> Target:
    """The target of a push URL. `allowed` are networks of ours that may be reached all the same, and over http.

    Raises UnsafeUrlError when the URL is not plain https, or any address of its name is not a public one.
    """
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or "\\" in url:
        raise UnsafeUrlError("the URL is too long or has odd characters")
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise UnsafeUrlError("the URL cannot be read") from None
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.password or parts.fragment:
        raise UnsafeUrlError("only https URLs without user names are pushed to")
    addresses = [ipaddress.ip_address(text) for text in (resolve or _resolve)(host, port)]
    if not addresses:
        raise UnsafeUrlError("the name has no address")
    inside = all(any(address in network for network in allowed) for address in addresses)
    if not inside:
        _demand_public(parts.scheme, port, addresses)
    return Target(url, host, port, str(addresses[0]))


def _demand_public(scheme: str, port: int, addresses: list[Address]) -> None:
    if scheme != "https" or port not in PORTS:
        raise UnsafeUrlError(f"only https on port {' or '.join(map(str, sorted(PORTS)))} is pushed to")
    if not all(is_public(address) for address in addresses):
        raise UnsafeUrlError("the name leads into a network that is not public")


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, and hides no other one in itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _EMBEDDING):
            return False
    return address.is_global and not address.is_multicast


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in found]
