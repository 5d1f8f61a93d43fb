"""User agents: parsed once each (ua-parser, uap-core), kept in a bounded cache."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ua_parser import parse

TOOLS = re.compile(
    r"\b(curl|wget|python|requests|aiohttp|httpx|urllib|go-http|go-client|golang|java/|jakarta|libwww|perl|ruby|"
    r"httpie|postman|insomnia|axios|node-fetch|undici|scrapy|headless\w*|phantomjs|selenium|puppeteer|"
    r"playwright|hydra|powershell|guzzlehttp|restsharp|sqlmap|nmap|nikto|masscan|zgrab|boto3?|aws-cli)",
    re.IGNORECASE,
)
SYSTEMS = ("windows", "iphone", "ipad", "ios", "android", "mac os", "macos", "macintosh", "cros", "linux", "ubuntu")
SAME_SYSTEM = {"iphone": "ios", "ipad": "ios", "mac os x": "macos", "mac os": "macos", "macintosh": "macos",
               "ubuntu": "linux", "chrome os": "cros"}  # fmt: skip
PHONES = ("ios", "android")
VERSION = re.compile(r"\d+")


@dataclass(slots=True, frozen=True)
class Agent:
    """The parts of a user agent the baseline and the rules compare."""

    browser: str
    version: int
    os: str
    kind: str  # desktop, mobile, tool or other
    tool: bool


NONE = Agent("none", 0, "none", "other", False)


@lru_cache(maxsize=65_536)
def agent(user_agent: str | None) -> Agent:
    """Parse a user agent; an empty one is NONE, a home-made one falls back to its first word."""
    if not user_agent:
        return NONE
    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else re.split(r"[/ ]", user_agent, maxsplit=1)[0]
    major = found.user_agent.major if found.user_agent else None
    if major is None:
        digits = VERSION.search(user_agent)
        major = digits.group() if digits else "0"
    system = found.os.family.lower() if found.os else next((s for s in SYSTEMS if s in user_agent.lower()), "none")
    system = SAME_SYSTEM.get(system, system)
    tool = bool(TOOLS.search(user_agent))
    kind = "tool" if tool else "mobile" if system in PHONES else "desktop" if system != "none" else "other"
    return Agent(browser.lower(), int(major[:6]) if major.isdigit() else 0, system, kind, tool)


@lru_cache(maxsize=65_536)
def similarity(first: str | None, second: str | None) -> float:
    """How alike two user agents are, 0..1: 1 equal, 0.96 another version of one browser and system."""
    if first == second:
        return 1.0
    if first is None or second is None:
        return 0.5  # one side did not say: neither the same nor another
    one, two = agent(first), agent(second)
    if one.browser == two.browser and one.os == two.os:
        return 0.96
    same = 0.35 * (one.browser == two.browser) + 0.45 * (one.os == two.os) + 0.1 * (one.kind == two.kind)
    return same if not (one.tool ^ two.tool) else 0.0
