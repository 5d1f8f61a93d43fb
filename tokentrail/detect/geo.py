"""Distances on the globe and the network part of an address."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import asin, cos, radians, sin, sqrt

EARTH_KM = 6_371.0


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in kilometres (haversine); coordinates in degrees."""
    p1, p2 = radians(lat1), radians(lat2)
    half = sin((p2 - p1) / 2) ** 2 + cos(p1) * cos(p2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(min(1.0, half)))


@lru_cache(maxsize=262_144)
def network(ip: str) -> str:
    """The /24 of an IPv4 address or the /48 of an IPv6 one; what is no address stands for itself."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"{address.exploded[:14]}::/48"
        address = address.ipv4_mapped
    return f"{IPv4Address(int(address) & 0xFFFFFF00)}/24"
