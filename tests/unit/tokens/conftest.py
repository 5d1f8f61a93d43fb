"""Keys made once for the session: nothing secret is in the tree."""

from __future__ import annotations

import pytest

from tokentrail.tokens import keys, make_keys
from tokentrail.tokens.mint import Minter

ISSUER = "https://issuer.example"
AUDIENCE = "records"


@pytest.fixture(scope="session")
def signing_pem() -> str:
    return make_keys.rsa_pem()


@pytest.fixture(scope="session")
def audience_pem() -> str:
    return make_keys.rsa_pem()


@pytest.fixture(scope="session")
def signing(signing_pem: str) -> keys.SigningKey:
    return keys.signing_keys(signing_pem)[0]


@pytest.fixture(scope="session")
def to_audience(audience_pem: str) -> keys.EncryptionKey:
    return keys.audience_key(make_keys.public_pem(audience_pem))


@pytest.fixture(scope="session")
def decryption(audience_pem: str) -> list[keys.EncryptionKey]:
    return keys.decryption_keys(audience_pem)


@pytest.fixture(scope="session")
def minter(signing: keys.SigningKey) -> Minter:
    return Minter(ISSUER, signing)
