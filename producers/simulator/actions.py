"""What anybody can do, honest or not: one vocabulary that both drivers play.

An action names a session by a handle of the plan's own; the driver keeps the tokens that belong to it.
"""

from dataclasses import dataclass
from enum import StrEnum

from producers.simulator.devices import Device
from producers.simulator.networks import Network


class Verb(StrEnum):
    """Kinds of actions."""

    LOGIN = "login"  # a person signs in with a password, and a second factor where they have one
    REFRESH = "refresh"  # a refresh token is presented
    USE = "use"  # an access token is presented to a resource server
    LOGOUT = "logout"  # the session is ended by its owner
    KICK = "kick"  # the session is ended by the operator (forced re-login)
    ISSUE = "issue"  # a service account takes a token with its secret
    FORGE = "forge"  # a token nobody issued is presented to a resource server
    STEAL = "steal"  # the tokens of session `stolen` are copied into session `session`; nobody sees it


class Outcome(StrEnum):
    """How a login is meant to end; the driver sends the credentials that make it so."""

    OK = "ok"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a name, not a password
    UNKNOWN_USER = "unknown_user"
    MFA_REFUSED = "mfa_refused"  # the password is right, the prompt on the phone is refused or ignored
    MFA_WRONG = "mfa_wrong"  # the password is right, the code is mistyped


class Forgery(StrEnum):
    """What is wrong with a forged token."""

    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_ISSUER = "unknown_issuer"
    OVER_LONG = "over_long"  # signed with the issuer's stolen key, valid for a day
    NO_EXPIRY = "no_expiry"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request comes from, as a trusted edge proxy tells it: degrees, ISO 3166 country."""

    ip: str
    asn: int
    country: str
    city: str
    lat: float
    lon: float
    user_agent: str
    device_id: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """One request. `at`: seconds of the plan's clock; `attack` and `incident` are empty for honest people."""

    at: float
    verb: Verb
    actor: str
    session: str
    source: Source
    client: str
    outcome: Outcome = Outcome.OK
    mfa: bool = False
    back: int = 0  # refresh: present the token of that many rotations ago; use: an older access token
    widen: bool = False  # refresh or issue: ask for a scope never granted
    forgery: Forgery | None = None
    stolen: str = ""  # steal: the victim's session
    wait: float = 0.0  # real seconds to leave since the session's last action, however fast the clock runs
    attack: str = ""
    incident: str = ""


def source(network: Network, address: str, device: Device | None, agent: str = "") -> Source:
    """The edge proxy's view of one request from `device`, or from a program that calls itself `agent`."""
    point = network.place
    return Source(
        ip=address,
        asn=network.asn,
        country=point.country,
        city=point.city,
        lat=point.lat,
        lon=point.lon,
        user_agent=device.user_agent if device else agent,
        device_id=device.device_id if device else None,
    )
