"""The simulated people and machines as the issuer knows them: names, passwords, secrets. All live in memory only."""

import base64
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from psycopg import Connection

from producers.issuer import admin
from producers.issuer.passwords import TOTP_STEP_SECONDS, Passwords, totp_code
from producers.issuer.secret import IssuerSecret
from producers.simulator.people import Person, Population

SCOPE = ("openid", "records:read")
SERVICE_SCOPE = ("records:read",)
WIDENED = "openid records:read records:export"


@dataclass(slots=True)
class Login:
    """What a person types; `last_step` is the newest one-time code used, since each is good once."""

    name: str
    subject: str
    totp: bytes | None = field(default=None, repr=False)
    last_step: int = 0

    def code(self) -> str:
        """The next one-time code that the issuer has not seen."""
        if self.totp is None:
            return ""
        self.last_step = max(self.last_step + 1, int(time.time()) // TOTP_STEP_SECONDS - 1)
        return totp_code(self.totp, self.last_step)


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody's credentials, by the plan's subject or client name."""

    password: str = field(repr=False)
    logins: dict[str, Login]
    clients: dict[str, str]
    """Plan client name to client id."""
    basic: dict[str, bytes] = field(repr=False)
    """Authorization header line of each service account."""
    names: dict[str, str]
    """Issuer's subject or client id to the plan's name, for reading what was found."""


class Casting:
    """Makes the cast in the issuer's tables, in the caller's transaction."""

    def __init__(self, conn: Connection, secret: IssuerSecret, passwords: Passwords) -> None:
        self._conn, self._secret = conn, secret
        self._password = secrets.token_urlsafe(12)
        self._hash = passwords.hash(self._password)  # one hash for all: 300 of them would take seconds

    def make(self, population: Population, audience: str) -> Cast:
        """People (with a run's own login names, so that runs do not collide), their clients, the services."""
        run = secrets.token_hex(3)
        logins = self._people([p for p in population.people if not p.mfa], run)
        logins |= {p.subject: self._with_totp(p, run) for p in population.people if p.mfa}
        clients = {name: self._public(name, audience) for name in population.clients}
        basic: dict[str, bytes] = {}
        for service in population.services:
            made = self._confidential(service.client, audience)
            clients[service.client] = made.client_id
            basic[service.client] = _basic(made.client_id, made.client_secret or "")
        names = {login.subject: login.name for login in logins.values()}
        names |= {client_id: name for name, client_id in clients.items()}
        return Cast(self._password, logins, clients, basic, names)

    def _people(self, people: Sequence[Person], run: str) -> dict[str, Login]:
        made = admin.add_people(self._conn, self._secret, [f"{p.name}.{run}" for p in people], self._hash)
        return {p.subject: Login(f"{p.name}.{run}", made[f"{p.name}.{run}"].subject) for p in people}

    def _with_totp(self, person: Person, run: str) -> Login:
        name = f"{person.name}.{run}"
        made = admin.add_person(self._conn, self._secret, name, self._hash, totp=True)
        return Login(name, made.subject, base64.b32decode(made.totp_secret or ""))

    def _public(self, name: str, audience: str) -> str:
        grants = ("password", "refresh_token")
        client = admin.NewClient(name, grants, (audience,), SCOPE, public=True)
        return admin.add_client(self._conn, client).client_id

    def _confidential(self, name: str, audience: str) -> admin.Credentials:
        client = admin.NewClient(name, ("client_credentials",), (audience,), SERVICE_SCOPE)
        return admin.add_client(self._conn, client)


def _basic(client_id: str, secret: str) -> bytes:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    return b"Authorization: Basic " + base64.b64encode(pair) + b"\r\n"
