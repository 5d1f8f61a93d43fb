"""Where a request comes from is believed only from proxies of our own."""

from __future__ import annotations

import pytest

from producers.origin import Origin, networks
from tokentrail.errors import ConfigError

PLACE = {
    "cloudfront-viewer-country": "DE",
    "cloudfront-viewer-city": "K%C3%B6ln",
    "cloudfront-viewer-latitude": "50.9",
    "cloudfront-viewer-longitude": "6.9",
    "cloudfront-viewer-asn": "3320",
}
PROXY = Origin(networks("10.0.0.0/8, 127.0.0.1"))


def test_headers_of_a_stranger_are_ignored() -> None:
    source = Origin().source("203.0.113.7", {"x-forwarded-for": "1.1.1.1", **PLACE})
    assert (source["ip"], source["country"], source["lat"]) == ("203.0.113.7", None, None)
    assert PROXY.source("203.0.113.7", {"x-forwarded-for": "1.1.1.1"})["ip"] == "203.0.113.7"


@pytest.mark.parametrize(
    ("forwarded", "ip"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("9.9.9.9, 203.0.113.7, 10.1.1.1", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("junk", "10.0.0.1"),
        ("203.0.113.7, junk", "10.0.0.1"),
        ("999.1.1.1", "10.0.0.1"),
        ("fe80::1%eth0", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("10.9.9.9", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_hop_that_is_not_ours(forwarded: str, ip: str) -> None:
    """faults.md B33: every address is parsed before anything else sees it."""
    assert PROXY.source("10.0.0.1", {"x-forwarded-for": forwarded})["ip"] == ip


def test_the_place_is_taken_when_it_is_sane() -> None:
    source = PROXY.source("127.0.0.1", PLACE)
    assert (source["country"], source["city"], source["asn"]) == ("DE", "Köln", 3320)
    assert (source["lat"], source["lon"]) == (50.9, 6.9)
    odd = {
        "cloudfront-viewer-country": "Germany",
        "cloudfront-viewer-latitude": "NaN",
        "cloudfront-viewer-longitude": "1e999",
        "cloudfront-viewer-asn": "-1",
        "cloudfront-viewer-city": "a\r\nb\x1b[31m",
        "x-device-id": "<script>",
        "user-agent": "x" * 9000 + "\x00",
    }
    source = PROXY.source("127.0.0.1", odd)
    assert [source[n] for n in ("country", "lat", "lon", "asn", "device_id")] == [None] * 5
    assert source["city"] == "a  b [31m"
    assert len(source["user_agent"]) == 512


def test_a_wrong_network_names_the_variable() -> None:
    with pytest.raises(ConfigError, match="TOKENTRAIL_TRUSTED_PROXIES"):
        networks("10.0.0.1/8")
