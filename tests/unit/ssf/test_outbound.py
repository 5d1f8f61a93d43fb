"""A receiver's URL never leads into our own network (faults.md A27)."""

from __future__ import annotations

import ipaddress

import pytest

from tokentrail.ssf.outbound import UnsafeUrlError, judge

PUBLIC = ["93.184.215.14"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    with pytest.raises(UnsafeUrlError, match="not public"):
        judge("https://receiver.example/events", resolve=lambda *_: [address])
    with pytest.raises(UnsafeUrlError, match="not public"):
        judge("https://receiver.example/events", resolve=lambda *_: [*PUBLIC, address])


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/",
        "ftp://receiver.example/",
        "file:///etc/passwd",
        "https://user:secret@receiver.example/",
        "https://receiver.example:22/",
        "https://receiver.example:99999/",
        "https:///nothing",
        "https://receiver.example/#part",
        "https://receiver.example\\@127.0.0.1/",
        "https://receiver.example/\n",
        "https://räceiver.example/",
        "https://receiver.example/" + "x" * 3000,
        "//receiver.example/",
        "",
    ],
)
def test_urls_that_are_not_plain_https(url: str) -> None:
    with pytest.raises(UnsafeUrlError):
        judge(url, resolve=lambda *_: PUBLIC)


def test_the_judged_address_is_the_one_to_connect_to() -> None:
    """DNS rebinding: the name is asked once, what it says later does not matter."""
    answers = iter([PUBLIC, ["127.0.0.1"]])
    target = judge("https://receiver.example/events?a=1", resolve=lambda *_: next(answers))
    assert (target.address, target.host, target.port) == (PUBLIC[0], "receiver.example", 443)


def test_a_name_without_address() -> None:
    with pytest.raises(UnsafeUrlError, match="no address"):
        judge("https://receiver.example/", resolve=lambda *_: [])


def test_networks_of_ours_only_when_allowed() -> None:
    loopback = (ipaddress.ip_network("127.0.0.0/8"),)
    assert judge("http://127.0.0.1:8080/", allowed=loopback).address == "127.0.0.1"
    with pytest.raises(UnsafeUrlError):
        judge("http://127.0.0.1:8080/")
    with pytest.raises(UnsafeUrlError):
        judge("http://localhost:8080/", allowed=loopback, resolve=lambda *_: ["127.0.0.1", "10.0.0.1"])
