"""A token is accepted only as RFC 9068, RFC 7519, RFC 8725 and our policy want it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.jwe import JWERegistry
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from tests.unit.tokens.conftest import AUDIENCE, ISSUER
from tokentrail.tokens import claims as rules
from tokentrail.tokens import keys, make_keys
from tokentrail.tokens.denylist import MICROS, DenyList
from tokentrail.tokens.mint import Minter, NotMintedError
from tokentrail.tokens.refusal import TokenRefusedError
from tokentrail.tokens.trust import FixedKeys
from tokentrail.tokens.validate import NothingDenied, Validator

SUBJECT = "u_3kX9vQ2mZ81LpT4w"


class Listed:
    """A deny-list that is always ready."""

    def __init__(self, deny_list: DenyList) -> None:
        self.denies = deny_list.denies

    def check(self) -> None:
        return


@pytest.fixture
def validator(signing: keys.SigningKey, decryption: list[keys.EncryptionKey]) -> Validator:
    return Validator(AUDIENCE, decryption, {ISSUER: FixedKeys([signing])}, NothingDenied())


def mint(minter: Minter, to: keys.EncryptionKey, **over: Any) -> Any:
    given = {
        "subject": SUBJECT,
        "client_id": "c_app",
        "lifetime": 300,
        "more": {"scope": "records.read", "sid": "s1"},
    }
    return minter.mint(over.pop("audience", AUDIENCE), to, **(given | over))


def base_claims(**over: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": AUDIENCE,
        "exp": now + 300,
        "iat": now,
        "jti": rules.new_id(),
        "client_id": "c_app",
    } | over
    return {name: value for name, value in made.items() if value is not None}


def nested(
    payload: dict[str, Any] | bytes,
    signing: keys.SigningKey,
    to: keys.EncryptionKey,
    inner: dict[str, Any] | None = None,
    outer: dict[str, Any] | None = None,
) -> str:
    """A nested token with any header, as an attacker or a careless issuer could make it."""
    header = {"alg": "RS256", "typ": "at+jwt", "kid": signing.kid} | (inner or {})
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    loose = JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    signed = jws.serialize_compact(
        {k: v for k, v in header.items() if v is not None}, body, signing.key, registry=loose
    )
    return encrypted(signed, to, outer)


def encrypted(signed: str, to: keys.EncryptionKey, outer: dict[str, Any] | None = None) -> str:
    header = {"alg": "RSA-OAEP", "enc": "A256CBC-HS512", "cty": "JWT", "kid": to.kid} | (outer or {})
    loose = JWERegistry(algorithms=[header["alg"], header["enc"], "DEF"], strict_check_header=False)
    raw = keys.RSAKey.import_key(to.key.raw_value)
    return jwe.encrypt_compact({k: v for k, v in header.items() if v is not None}, signed, raw, registry=loose)


def refused(validator: Validator, token: str) -> str:
    with pytest.raises(TokenRefusedError) as caught:
        validator.validate(token)
    return caught.value.reason


def test_a_minted_token_is_accepted(minter: Minter, to_audience: keys.EncryptionKey, validator: Validator) -> None:
    made = mint(minter, to_audience)
    accepted = validator.validate(made.token)
    assert accepted.claims["jti"] == made.jti
    assert accepted.scopes == {"records.read"}
    assert validator.validate(made.token) == accepted  # from the cache, the same


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ({"typ": "JWT"}, "header"),  # RFC 9068 section 4
        ({"typ": None}, "header"),
        ({"kid": None}, "header"),
        ({"kid": "another"}, "unknown_key"),
        ({"jku": "https://evil.example/jwks"}, "header"),  # RFC 8725 section 3.10
        ({"x5u": "https://evil.example/x"}, "header"),
        ({"jwk": {"kty": "RSA", "n": "AQ", "e": "AQAB"}}, "header"),
        ({"crit": ["b64"], "b64": True}, "header"),
    ],
)
def test_an_inner_header_off_the_list_is_refused(
    signing: keys.SigningKey,
    to_audience: keys.EncryptionKey,
    validator: Validator,
    inner: dict[str, Any],
    reason: str,
) -> None:
    assert refused(validator, nested(base_claims(), signing, to_audience, inner)) == reason


@pytest.mark.parametrize(
    ("outer", "reason"),
    [
        ({"cty": None}, "header"),  # RFC 7519 section 5.2
        ({"zip": "DEF"}, "header"),  # RFC 8725 section 3.6
        ({"kid": None}, "header"),
        ({"kid": "another"}, "undecryptable"),
        ({"enc": "A256GCM"}, "algorithm"),  # RFC 8725 section 3.1
        ({"alg": "RSA-OAEP-256"}, "algorithm"),
    ],
)
def test_an_outer_header_off_the_list_is_refused(
    signing: keys.SigningKey,
    to_audience: keys.EncryptionKey,
    validator: Validator,
    outer: dict[str, Any],
    reason: str,
) -> None:
    assert refused(validator, nested(base_claims(), signing, to_audience, outer=outer)) == reason


def test_none_and_hmac_are_refused(
    signing: keys.SigningKey, to_audience: keys.EncryptionKey, validator: Validator
) -> None:
    """RFC 8725 section 3.2, and the confusion of section 2.1: the public key used as an HMAC secret."""

    def segment(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    none = f"{segment({'alg': 'none', 'typ': 'at+jwt', 'kid': signing.kid})}.{segment(base_claims())}."
    assert refused(validator, encrypted(none, to_audience)) == "malformed"
    assert refused(validator, encrypted(none + "AA", to_audience)) == "algorithm"
    secret = OctKey.import_key(make_keys.secret())
    header = {"alg": "HS256", "typ": "at+jwt", "kid": signing.kid}
    confused = jws.serialize_compact(header, json.dumps(base_claims()).encode(), secret, algorithms=["HS256"])
    assert refused(validator, encrypted(confused, to_audience)) == "algorithm"


def test_a_signature_of_another_key_is_refused(
    minter: Minter, signing: keys.SigningKey, to_audience: keys.EncryptionKey, validator: Validator
) -> None:
    other = keys.signing_keys(make_keys.rsa_pem())[0]
    forged = keys.SigningKey(signing.kid, other.key)
    assert refused(validator, mint(Minter(ISSUER, forged), to_audience).token) == "bad_signature"
    assert refused(validator, mint(Minter("https://other.example", signing), to_audience).token) == "unknown_issuer"


def test_a_changed_token_is_refused(minter: Minter, to_audience: keys.EncryptionKey, validator: Validator) -> None:
    """RFC 7516 section 5.2: one character changed anywhere is noticed."""
    token = mint(minter, to_audience).token
    for at in range(0, len(token), 97):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(TokenRefusedError):
            validator.validate(changed)


def from_now(seconds: int) -> Callable[[], int]:
    """Unix time so many seconds from when it is asked."""
    return lambda: int(time.time()) + seconds


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"exp": None}, "lifetime"),
        ({"iat": None}, "lifetime"),
        ({"exp": from_now(5000)}, "lifetime"),
        ({"aud": "another"}, "audience"),  # RFC 9068 section 4
        ({"jti": "short"}, "claims"),
        ({"sub": "jane.doe@example.org"}, "claims"),
        ({"sub": "jane_doe_1980"}, "claims"),
        ({"name": "Jane"}, "claims"),
        ({"iat": from_now(600), "exp": from_now(700)}, "not_yet_valid"),
        ({"iat": from_now(-600), "exp": from_now(-300)}, "expired"),
        ({"exp": 1e400}, "lifetime"),
        ({"scope": "a\u0000b"}, "claims"),
    ],
)
def test_claims_against_the_rules_are_refused(
    signing: keys.SigningKey,
    to_audience: keys.EncryptionKey,
    validator: Validator,
    over: dict[str, Any],
    reason: str,
) -> None:
    # Times are told when the test runs: a suite can take longer than a token lives.
    claims = {name: value() if callable(value) else value for name, value in over.items()}
    assert refused(validator, nested(base_claims(**claims), signing, to_audience)) == reason


def test_odd_json_is_refused(signing: keys.SigningKey, to_audience: keys.EncryptionKey, validator: Validator) -> None:
    twice = json.dumps(base_claims()).replace("{", '{"sub": "other", ', 1).encode()
    deep = b"[" * 3000 + b"]" * 3000
    for payload in (twice, b"[]", b"null", b"\xff", deep):
        assert refused(validator, nested(payload, signing, to_audience)) == "malformed"


@pytest.mark.parametrize("token", ["", "junk", "a.b.c", "a.b.c.d.e", "." * 4, "ä.b.c.d.e", "\ud800", "A" * 9000])
def test_junk_is_malformed(validator: Validator, token: str) -> None:
    assert refused(validator, token) == "malformed"


def test_a_revoked_token_is_refused_though_cached(
    minter: Minter,
    signing: keys.SigningKey,
    to_audience: keys.EncryptionKey,
    decryption: list[keys.EncryptionKey],
) -> None:
    deny_list = DenyList()
    validator = Validator(AUDIENCE, decryption, {ISSUER: FixedKeys([signing])}, Listed(deny_list))
    made = mint(minter, to_audience)
    validator.validate(made.token)
    until = (made.expires_at + 5) * MICROS
    deny_list.add("jti", made.jti, made.issued_at * MICROS, until)
    assert refused(validator, made.token) == "revoked"
    deny_list.release("jti", made.jti)
    validator.validate(made.token)
    deny_list.add("session", "s1", (made.issued_at + 1) * MICROS, until)
    assert refused(validator, made.token) == "revoked"


def test_rotation_with_overlap(
    signing_pem: str, to_audience: keys.EncryptionKey, decryption: list[keys.EncryptionKey]
) -> None:
    """RFC 7517 section 4.5:

    new tokens carry the new kid, old ones verify as long as their key is published.
    """
    before = keys.signing_keys(signing_pem)
    after = keys.signing_keys(make_keys.rotated(signing_pem))
    assert [k.kid for k in after][1:] == [before[0].kid]
    old = mint(Minter(ISSUER, before[0]), to_audience).token
    new = mint(Minter(ISSUER, after[0]), to_audience).token
    published = Validator(AUDIENCE, decryption, {ISSUER: FixedKeys(keys.jwks(after))}, NothingDenied())
    assert published.validate(old).kid != published.validate(new).kid
    retired = keys.signing_keys(make_keys.rotated(make_keys.one_line(signing_pem), keep=0))
    gone = Validator(AUDIENCE, decryption, {ISSUER: FixedKeys(keys.jwks(retired))}, NothingDenied())
    assert refused(gone, old) == "unknown_key"


def test_minting_refuses_what_must_not_exist(minter: Minter, to_audience: keys.EncryptionKey) -> None:
    for over in (
        {"lifetime": 901},
        {"lifetime": 0},
        {"subject": "alice"},
        {"more": {"email": "x"}},
        {"audience": "a b"},
    ):
        with pytest.raises(NotMintedError):
            mint(minter, to_audience, **over)


def test_oaep_256_by_a_switch(minter: Minter, signing: keys.SigningKey, audience_pem: str) -> None:
    """RFC 7518 section 4.3; one algorithm a key: the token for the other algorithm is refused."""
    public = make_keys.public_pem(audience_pem)
    made = mint(minter, keys.audience_key(public, alg="RSA-OAEP-256")).token
    theirs = Validator(
        AUDIENCE,
        keys.decryption_keys(audience_pem, alg="RSA-OAEP-256"),
        {ISSUER: FixedKeys([signing])},
        NothingDenied(),
    )
    assert theirs.validate(made)
    ours = Validator(AUDIENCE, keys.decryption_keys(audience_pem), {ISSUER: FixedKeys([signing])}, NothingDenied())
    assert refused(ours, made) == "algorithm"
