"""Keys: read once, checked, named by their thumbprint (RFC 7638), never shown.

A key setting holds PEM, PEM with the line ends written as \\n, or either in base64. Several PEM blocks in one
setting are a rotation: the first is used, the others still verify or decrypt what they made before.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.jwk import OKPKey, RSAKey

from tokentrail.credentials import resolve
from tokentrail.errors import ConfigError

MIN_RSA_BITS = 2048
SIGNATURE_ALG = "RS256"
ENCRYPTION_ALGS = ("RSA-OAEP", "RSA-OAEP-256")
CONTENT_ENC = "A256CBC-HS512"

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
# Moduli made by Infineon's RSALib (CVE-2017-15361) are powers of 65537 modulo each of these primes.
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


class BadKeyError(ConfigError):
    """A key is missing, unreadable or too weak; the message names the setting, never the key."""


@dataclass(frozen=True)
class SigningKey:
    """An RSA key that signs (or, without its private half, verifies) RS256 and nothing else."""

    kid: str
    key: RSAKey

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"


@dataclass(frozen=True)
class EncryptionKey:
    """An RSA key tokens are encrypted to (its private half decrypts them), and its one algorithm."""

    kid: str
    key: RSAKey
    alg: str = "RSA-OAEP"

    def __repr__(self) -> str:
        return f"EncryptionKey(kid={self.kid!r}, alg={self.alg!r})"


@dataclass(frozen=True)
class CommandKey:
    """An Ed25519 key that signs (or verifies) revocation commands."""

    kid: str
    key: OKPKey

    def __repr__(self) -> str:
        return f"CommandKey(kid={self.kid!r})"


def signing_keys(setting: str, name: str = "TOKENTRAIL_SIGNING_KEY") -> list[SigningKey]:
    """Private RSA keys of a setting, the active one first. Raises ConfigError naming the setting."""
    return [_signing(pem, name, private=True) for pem in pem_blocks(setting, name)]


def verifying_key(pem: str, name: str = "public key") -> SigningKey:
    """One public RSA key that verifies RS256."""
    return _signing(pem_blocks(pem, name)[0], name, private=False)


def decryption_keys(
    setting: str, name: str = "TOKENTRAIL_ENCRYPTION_KEY", alg: str = "RSA-OAEP"
) -> list[EncryptionKey]:
    """Private RSA keys an audience decrypts its tokens with."""
    return [_encryption(pem, name, alg, private=True) for pem in pem_blocks(setting, name)]


def audience_key(pem: str, name: str = "public key", alg: str = "RSA-OAEP") -> EncryptionKey:
    """The public RSA key of an audience. A private key is refused: it has no business here."""
    return _encryption(pem_blocks(pem, name)[0], name, alg, private=False)


def command_key(setting: str, name: str = "TOKENTRAIL_COMMAND_KEY") -> CommandKey:
    """The private Ed25519 key that signs commands."""
    raw = _load(pem_blocks(setting, name)[0], name, private=True)
    if not isinstance(raw, Ed25519PrivateKey):
        raise BadKeyError(f"{name} is not an Ed25519 key: make one with `tokentrail keys new`")
    return _command(OKPKey.import_key(raw, {"use": "sig", "alg": "Ed25519"}))


def command_public_keys(setting: str, name: str = "TOKENTRAIL_COMMAND_PUBLIC_KEY") -> dict[str, CommandKey]:
    """The Ed25519 keys whose commands are obeyed, by kid."""
    found = {}
    for pem in pem_blocks(setting, name):
        raw = _load(pem, name, private=False)
        if not isinstance(raw, Ed25519PublicKey):
            raise BadKeyError(f"{name} is not an Ed25519 public key")
        made = _command(OKPKey.import_key(raw, {"use": "sig", "alg": "Ed25519"}))
        found[made.kid] = made
    return found


def public_of(key: CommandKey) -> CommandKey:
    """The verifying half of a command key."""
    return _command(OKPKey.import_key(key.key.public_key, {"use": "sig", "alg": "Ed25519"}))


def jwks(keys: Sequence[SigningKey]) -> dict[str, list[Mapping[str, Any]]]:
    """The JWK Set (RFC 7517 section 5) of the public halves."""
    return {"keys": [{**k.key.as_dict(private=False), "kid": k.kid, "use": "sig", "alg": SIGNATURE_ALG} for k in keys]}


def from_jwks(document: Mapping[str, Any]) -> dict[str, SigningKey]:
    """The RS256 keys of a JWK Set by kid; keys for other uses, without kid, or too weak are left out.

    Of several keys with one kid none is taken: a signature must say which key it is by (RFC 7517 section
    4.5).
    """
    found: dict[str, SigningKey] = {}
    twice: set[str] = set()
    listed = document.get("keys")
    for jwk in listed if isinstance(listed, list) else []:
        if not isinstance(jwk, dict) or jwk.get("kty") != "RSA" or not isinstance(jwk.get("kid"), str):
            continue
        if not _may_verify(jwk):
            continue
        try:
            raw = _public_numbers(jwk).public_key()
            check_rsa(raw, "JWKS key")
        except (ConfigError, ValueError, KeyError, TypeError):
            continue
        if jwk["kid"] in found:
            twice.add(jwk["kid"])
        found[jwk["kid"]] = SigningKey(jwk["kid"], _rsa(raw, "sig", SIGNATURE_ALG))
    return {kid: key for kid, key in found.items() if kid not in twice}


def _may_verify(jwk: Mapping[str, Any]) -> bool:
    """RFC 7517 sections 4.2 to 4.4: what a key says it is for."""
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig"
        and jwk.get("alg", SIGNATURE_ALG) == SIGNATURE_ALG
        and isinstance(operations, list)
        and "verify" in operations
    )


def check_rsa(raw: rsa.RSAPublicKey | rsa.RSAPrivateKey, name: str) -> None:
    """Refuse what joserfc accepts: under 2048 bits, a small exponent, or a key of the ROCA kind."""
    public = raw.public_key() if isinstance(raw, rsa.RSAPrivateKey) else raw
    numbers = public.public_numbers()
    if public.key_size < MIN_RSA_BITS:
        raise BadKeyError(f"{name} has {public.key_size} bits: RSA keys need at least {MIN_RSA_BITS}")
    if numbers.e < 65537:
        raise BadKeyError(f"{name} has a small public exponent: make one with `tokentrail keys new`")
    if _is_roca(numbers.n):
        raise BadKeyError(
            f"{name} was made by a faulty generator (CVE-2017-15361): make one with `tokentrail keys new`"
        )


def pem_blocks(setting: str, name: str) -> list[str]:
    """The PEM blocks in a setting, from PEM, PEM with \\n for line ends, or base64 of either."""
    text = resolve(setting, name).strip()
    if "-----BEGIN" not in text:
        try:
            text = base64.b64decode(re.sub(r"\s+", "", text), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            raise BadKeyError(f"{name} is neither PEM nor base64 of PEM") from None
    text = text.replace("\\n", "\n")
    blocks = [match.group(0) + "\n" for match in _PEM.finditer(text)]
    if not blocks:
        raise BadKeyError(f"{name} holds no PEM block")
    return blocks


def _load(pem: str, name: str, *, private: bool) -> Any:
    try:
        if private:
            return serialization.load_pem_private_key(pem.encode(), password=None)
        return serialization.load_pem_public_key(pem.encode())
    except (ValueError, TypeError):
        # The library's message may quote the key, so it is not chained.
        kind = "private" if private else "public"
        raise BadKeyError(f"{name} is not a readable unencrypted {kind} key in PEM") from None


def _signing(pem: str, name: str, *, private: bool) -> SigningKey:
    key = _rsa_from(pem, name, private=private, use="sig", alg=SIGNATURE_ALG)
    return SigningKey(key.thumbprint(), key)


def _encryption(pem: str, name: str, alg: str, *, private: bool) -> EncryptionKey:
    if alg not in ENCRYPTION_ALGS:
        raise BadKeyError(f"{name}: encryption is {' or '.join(ENCRYPTION_ALGS)}, nothing else")
    key = _rsa_from(pem, name, private=private, use="enc", alg=alg)
    return EncryptionKey(key.thumbprint(), key, alg)


def _rsa_from(pem: str, name: str, *, private: bool, use: str, alg: str) -> RSAKey:
    raw = _load(pem, name, private=private)
    if not isinstance(raw, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        raise BadKeyError(f"{name} is not an RSA key")
    check_rsa(raw, name)
    return _rsa(raw, use, alg)


def _rsa(raw: rsa.RSAPrivateKey | rsa.RSAPublicKey, use: str, alg: str) -> RSAKey:
    key = RSAKey.import_key(raw, {"use": use, "alg": alg})
    key.ensure_kid()  # fills the dictionary form once, so that no token pays for it
    return key


def _command(key: OKPKey) -> CommandKey:
    key.ensure_kid()
    return CommandKey(key.thumbprint(), key)


def _public_numbers(jwk: Mapping[str, Any]) -> rsa.RSAPublicNumbers:
    def number(name: str) -> int:
        text = jwk[name]
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")

    return rsa.RSAPublicNumbers(number("e"), number("n"))


def _is_roca(modulus: int) -> bool:
    return all(_is_power_of_65537(modulus % p, p) for p in _ROCA_PRIMES)


def _is_power_of_65537(value: int, prime: int) -> bool:
    power = 1
    for _ in range(prime):
        if power == value:
            return True
        power = power * 65537 % prime
    return False
