"""New keys for an environment. They are returned to be printed once; nothing here writes a file."""

from __future__ import annotations

import base64
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tokentrail.tokens.keys import pem_blocks

RSA_BITS = 2048


def rsa_pem(bits: int = RSA_BITS) -> str:
    """A new private RSA key, PKCS#8 PEM."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def ed25519_pem() -> str:
    """A new private Ed25519 key, PKCS#8 PEM."""
    return _pem(Ed25519PrivateKey.generate())


def public_pem(private: str) -> str:
    """The public half of a private PEM."""
    key = serialization.load_pem_private_key(private.encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def one_line(pem: str) -> str:
    """PEM as base64 on one line: survives shells, env files and compose files."""
    return base64.b64encode(pem.encode()).decode()


def secret() -> str:
    """32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def environment() -> dict[str, str]:
    """Every key a whole Tokentrail needs, by the name of its variable."""
    command = ed25519_pem()
    return {
        "TOKENTRAIL_SIGNING_KEY": one_line(rsa_pem()),
        "TOKENTRAIL_ENCRYPTION_KEY": one_line(rsa_pem()),
        "TOKENTRAIL_CHECKPOINT_KEY": one_line(ed25519_pem()),
        "TOKENTRAIL_DATA_KEY": secret(),
        "TOKENTRAIL_ISSUER_SECRET": secret(),
        "TOKENTRAIL_COMMAND_KEY": one_line(command),
        "TOKENTRAIL_COMMAND_PUBLIC_KEY": one_line(public_pem(command)),
    }


def rotated(setting: str, keep: int = 1) -> str:
    """A signing-key setting with a new key before the old ones, of which `keep` stay."""
    old = pem_blocks(setting, "TOKENTRAIL_SIGNING_KEY")[:keep]
    return one_line("".join([rsa_pem(), *old]))


def _pem(key: rsa.RSAPrivateKey | Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
