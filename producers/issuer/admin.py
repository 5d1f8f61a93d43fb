"""Administration: audiences, clients and people. Each function works in the caller's transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection

from producers.issuer.passwords import new_totp_secret
from producers.issuer.secret import VARIABLE, IssuerSecret, token_hash
from producers.issuer.settings import IssuerSettings
from tokentrail.credentials import resolve
from tokentrail.errors import ConfigError, Refused
from tokentrail.tokens import claims as rules
from tokentrail.tokens.keys import audience_key

GRANTS = ("client_credentials", "refresh_token", "password", "authorization_code")


@dataclass(frozen=True)
class NewClient:
    """A client to be made. `name` is a label for people; the client id is random."""

    name: str
    grants: Sequence[str]
    audiences: Sequence[str]
    scope: Sequence[str] = ()
    redirect_uris: Sequence[str] = ()
    public: bool = False
    jwks: Mapping[str, Any] | None = None
    may_introspect: str = "own"
    may_revoke: bool = True
    require_dpop: bool = False


@dataclass(frozen=True)
class Credentials:
    """What is shown once: the secret is stored only as a hash."""

    client_id: str
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True)
class Person:
    """A person made: the opaque subject, and the TOTP secret (base32) to be shown once."""

    subject: str
    totp_secret: str | None = field(default=None, repr=False)


def issuer_secret(settings: IssuerSettings) -> IssuerSecret:
    """The issuer's secret from the environment.

    Raises ConfigError naming the variable when it is not there.
    """
    if settings.issuer_secret is None:
        raise ConfigError("issuer_secret is not known: set TOKENTRAIL_ISSUER_SECRET (`tokentrail keys new`)")
    return IssuerSecret(resolve(settings.issuer_secret.get_secret_value(), VARIABLE))


def add_audience(
    conn: Connection, name: str, public_pem: str, *, lifetime: int = 300, encryption_alg: str = "RSA-OAEP"
) -> str:
    """Make or change an audience; returns its key id.

    Raises ConfigError for a key that is too weak or private.
    """
    if not rules.is_identifier(name):
        raise Refused("an audience name has letters, digits and . _ : ~ / - only")
    if not 0 < lifetime <= rules.MAX_LIFETIME:
        raise Refused(f"a token lives 1 to {rules.MAX_LIFETIME} seconds")
    key = audience_key(public_pem, "the audience's public key", encryption_alg)
    conn.execute(
        """insert into issuer.audience (name, kid, public_key, encryption_alg, lifetime) values (%s, %s, %s, %s, %s)
        on conflict (name) do update set kid = excluded.kid, public_key = excluded.public_key,
            encryption_alg = excluded.encryption_alg, lifetime = excluded.lifetime, disabled_at = null""",
        (name, key.kid, public_pem, encryption_alg, lifetime),
    )
    return key.kid


def add_client(conn: Connection, client: NewClient) -> Credentials:
    """Make a client with a random id and, unless it is public or brings keys, a random secret."""
    unknown = set(client.grants) - set(GRANTS)
    if unknown or not client.grants:
        raise Refused(f"a grant is one of {', '.join(GRANTS)}")
    if not client.audiences:
        raise Refused("a client needs at least one audience")
    if any(not rules.is_scope(word) for word in client.scope):
        raise Refused("a scope is made of scope tokens (RFC 6749 section 3.3)")
    made = Credentials(rules.new_id("c_"), None if client.public or client.jwks else secrets.token_urlsafe(32))
    conn.execute(
        """insert into issuer.client (client_id, name, secret_hash, jwks, grants, audiences, scope, redirect_uris,
            may_introspect, may_revoke, require_dpop) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            made.client_id,
            client.name,
            token_hash(made.client_secret) if made.client_secret else None,
            json.dumps(client.jwks) if client.jwks else None,
            list(client.grants),
            list(client.audiences),
            list(client.scope),
            list(client.redirect_uris),
            client.may_introspect,
            client.may_revoke,
            client.require_dpop,
        ),
    )
    return made


def add_person(conn: Connection, secret: IssuerSecret, name: str, password_hash: str, *, totp: bool = False) -> Person:
    """Make a person. The name is stored only as a keyed hash, the password as its Argon2id hash.

    Raises Refused when somebody has that name.
    """
    subject = rules.new_id("u_")
    totp_secret, shown = new_totp_secret() if totp else (None, None)
    sealed = secret.seal(totp_secret, subject) if totp_secret else None
    try:
        conn.execute(
            """insert into issuer.person (subject, name_hash, password_hash, totp_sealed)
            values (%s, %s, %s, %s)""",
            (subject, secret.name_hash(name), password_hash, sealed),
        )
    except psycopg.errors.UniqueViolation:
        raise Refused("somebody has that name: choose another") from None
    return Person(subject, shown)


def add_people(conn: Connection, secret: IssuerSecret, names: Sequence[str], password_hash: str) -> dict[str, Person]:
    """Many simulated people who share one password hash, made once; never for real people."""
    made = {name: Person(rules.new_id("u_")) for name in names}
    with conn.cursor() as cursor:
        cursor.executemany(
            """insert into issuer.person (subject, name_hash, password_hash) values (%s, %s, %s)""",
            [(person.subject, secret.name_hash(name), password_hash) for name, person in made.items()],
        )
    return made


def set_password(conn: Connection, subject: str, password_hash: str) -> bool:
    """Change a person's password; False when there is no such subject."""
    changed = conn.execute("update issuer.person set password_hash = %s where subject = %s", (password_hash, subject))
    return changed.rowcount == 1
