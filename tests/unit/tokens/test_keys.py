"""Keys are read in every form an environment can carry, refused when weak, and never shown."""

from __future__ import annotations

import base64
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tokentrail.errors import ConfigError
from tokentrail.tokens import keys, make_keys


def test_pem_escaped_pem_and_base64_are_the_same_key(signing_pem: str) -> None:
    kids = {
        keys.signing_keys(form)[0].kid
        for form in (signing_pem, signing_pem.replace("\n", "\\n"), make_keys.one_line(signing_pem))
    }
    assert len(kids) == 1


def test_several_blocks_are_a_rotation(signing_pem: str, audience_pem: str) -> None:
    loaded = keys.signing_keys(audience_pem + signing_pem)
    assert [k.kid for k in loaded] == [keys.signing_keys(p)[0].kid for p in (audience_pem, signing_pem)]


@pytest.mark.parametrize("setting", ["", "junk", "!!!", base64.b64encode(b"hello").decode()])
def test_what_is_no_key_names_the_setting(setting: str) -> None:
    with pytest.raises(ConfigError, match="TOKENTRAIL_SIGNING_KEY"):
        keys.signing_keys(setting)


def test_weak_keys_are_refused() -> None:
    """RFC 7518 sections 3.3 and 4.2 want 2048 bits; joserfc only warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short = make_keys.rsa_pem(1024)
    with pytest.raises(ConfigError, match="1024 bits"):
        keys.signing_keys(short)
    small = rsa.generate_private_key(public_exponent=3, key_size=2048)
    with pytest.raises(ConfigError, match="exponent"):
        keys.check_rsa(small, "key")
    with pytest.raises(ConfigError, match="not an RSA key"):
        keys.signing_keys(make_keys.ed25519_pem())


def test_a_roca_modulus_is_refused() -> None:
    """CVE-2017-15361:

    p = k*M + 65537^a mod M; a modulus of that shape is a power of 65537 modulo each small prime.
    """
    product = 1
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157):
        product *= prime
    modulus = pow(65537, 12345, product) + product * (1 << (2047 - product.bit_length()))
    modulus += product * 2 if modulus.bit_length() < 2048 else 0
    assert keys._is_roca(modulus)
    assert not keys._is_roca(
        rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key().public_numbers().n
    )


def test_errors_and_names_never_show_the_key(signing_pem: str) -> None:
    inside = signing_pem.splitlines()[5]
    loaded = keys.signing_keys(signing_pem)[0]
    assert inside not in repr(loaded)
    broken = signing_pem.replace(inside, inside[:-4] + "!!!!")
    with pytest.raises(ConfigError) as caught:
        keys.signing_keys(broken)
    assert inside[:20] not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_jwks_is_public_and_read_back(signing: keys.SigningKey) -> None:
    """RFC 7517 section 9.2: no private parameter is published."""
    document = keys.jwks([signing])
    assert set(document["keys"][0]) == {"kty", "n", "e", "kid", "use", "alg"}
    assert set(keys.from_jwks(document)) == {signing.kid}
    bad = [
        {"kty": "oct", "k": "AA", "kid": "x"},
        {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "y"},
        "no",
        {},
    ]
    assert keys.from_jwks({"keys": bad}) == {}
    assert keys.from_jwks({"keys": "no"}) == {}
    good = dict(document["keys"][0])
    assert keys.from_jwks({"keys": [good, good]}) == {}
    assert keys.from_jwks({"keys": [good | {"use": "enc"}]}) == {}
    assert keys.from_jwks({"keys": [good | {"key_ops": ["encrypt"]}]}) == {}
    assert keys.from_jwks({"keys": [good | {"alg": "PS256"}]}) == {}


def test_an_environment_has_every_key() -> None:
    made = make_keys.environment()
    assert keys.signing_keys(made["TOKENTRAIL_SIGNING_KEY"])
    assert keys.decryption_keys(made["TOKENTRAIL_ENCRYPTION_KEY"])
    command = keys.command_key(made["TOKENTRAIL_COMMAND_KEY"])
    assert command.kid in keys.command_public_keys(made["TOKENTRAIL_COMMAND_PUBLIC_KEY"])
    assert keys.public_of(command).kid == command.kid
    assert not keys.public_of(command).key.is_private
