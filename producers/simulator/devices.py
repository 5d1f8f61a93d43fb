"""Devices and their user agents: real browsers' strings, upgrades, and the tools programs call themselves."""

import random
from dataclasses import dataclass, replace

_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_BLINK = " AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0"
_WEBKIT = " AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.0"
_TEMPLATES: dict[tuple[str, str], str] = {
    ("chrome", "windows"): _WINDOWS + ")" + _BLINK + " Safari/537.36",
    ("edge", "windows"): _WINDOWS + ")" + _BLINK + " Safari/537.36 Edg/{v}.0.0.0",
    ("firefox", "windows"): _WINDOWS + "; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    ("chrome", "macos"): _MAC + _BLINK + " Safari/537.36",
    ("safari", "macos"): _MAC + _WEBKIT + " Safari/605.1.15",
    ("firefox", "linux"): "Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    ("safari", "ios"): "Mozilla/5.0 (iPhone; CPU iPhone OS {v}_0 like Mac OS X)"
    + _WEBKIT
    + " Mobile/15E148 Safari/604.1",
    ("chrome", "android"): "Mozilla/5.0 (Linux; Android 10; K)" + _BLINK + " Mobile Safari/537.36",
}
_CURRENT = {"chrome": 142, "edge": 142, "firefox": 145, "safari": 26}
# fmt: off
LAPTOPS: tuple[tuple[str, str, int], ...] = (
    ("chrome", "windows", 34), ("edge", "windows", 26), ("firefox", "windows", 6),
    ("chrome", "macos", 18), ("safari", "macos", 10), ("firefox", "linux", 6),
)
PHONES: tuple[tuple[str, str, int], ...] = (("safari", "ios", 58), ("chrome", "android", 42))
# fmt: on
SERVICE_AGENTS = (
    "python-requests/2.32.5",
    "python-httpx/0.28.1",
    "Go-http-client/2.0",
    "okhttp/4.12.0",
    "Java/21.0.5",
    "axios/1.12.2",
    "curl/8.14.1",
)
ATTACK_TOOLS = ("python-requests/2.31.0", "Go-http-client/1.1", "curl/7.88.1", "aiohttp/3.9.5")


@dataclass(frozen=True, slots=True)
class Device:
    """A device as a server sees it: the cookie's device id and the user agent it sends."""

    device_id: str
    browser: str
    os: str
    version: int

    @property
    def user_agent(self) -> str:
        """The string sent in the User-Agent header."""
        return _TEMPLATES[self.browser, self.os].format(v=self.version)

    def upgraded(self) -> "Device":
        """The same device after its browser updated itself."""
        return replace(self, version=self.version + 1)

    def without_cookies(self, rng: random.Random) -> "Device":
        """The same device after its owner cleared the cookies: the server sees a new id."""
        return replace(self, device_id=new_device_id(rng))


def new_device_id(rng: random.Random) -> str:
    """A random device id, 16 hexadecimal digits."""
    return f"{rng.getrandbits(64):016x}"


def pick(rng: random.Random, choices: tuple[tuple[str, str, int], ...]) -> Device:
    """A device by market share; versions trail the newest by up to three releases."""
    browser, os, _ = rng.choices(choices, weights=[w for _, _, w in choices])[0]
    lag = rng.choices((0, 1, 2, 3), weights=(60, 25, 10, 5))[0] if browser != "safari" else rng.randrange(2)
    return Device(new_device_id(rng), browser, os, _CURRENT[browser] - lag)
