"""The two compact forms of our tokens, over joserfc's algorithm models.

joserfc's own compact functions look the key and the algorithm up from the header of each token. We have one
algorithm for each key and judge headers ourselves (RFC 8725 section 3.1), so each header is encoded once and
the models are called directly: a fifth of the cost of a token. Wycheproof's vectors run against exactly these
functions.
"""

from __future__ import annotations

import json
import re
import secrets
from functools import lru_cache
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwe import CompactEncryption, JWERegistry, Recipient
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

from tokentrail.tokens.keys import CONTENT_ENC, ENCRYPTION_ALGS, SIGNATURE_ALG, EncryptionKey, SigningKey

_RS256 = JWSRegistry.algorithms[SIGNATURE_ALG]
_OAEP: dict[str, Any] = {alg: JWERegistry.algorithms["alg"][alg] for alg in ENCRYPTION_ALGS}
_ENC = JWERegistry.algorithms["enc"][CONTENT_ENC]
_CEK_BYTES = _ENC.cek_size // 8
_IV_BYTES = _ENC.iv_size // 8

COMPACT_JWE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){4}\Z")
COMPACT_JWS = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\Z")


def sign(payload: bytes, key: SigningKey, typ: str) -> bytes:
    """A compact JWS by this key, RS256 (RFC 7515 section 3.1)."""
    signing_input = _jws_header(key.kid, typ) + b"." + urlsafe_b64encode(payload)
    return signing_input + b"." + urlsafe_b64encode(_RS256.sign(signing_input, key.key))


def verified_payload(compact: bytes, key: SigningKey) -> bytes | None:
    """The payload of a compact JWS if it is RS256 by this key, else None.

    Headers are judged by the caller.
    """
    if not COMPACT_JWS.match(compact):
        return None
    signing_input, _, signature = compact.rpartition(b".")
    header, _, payload = signing_input.partition(b".")
    try:
        if json.loads(urlsafe_b64decode(header)).get("alg") != SIGNATURE_ALG:
            return None
        if not _RS256.verify(signing_input, urlsafe_b64decode(signature), key.key):
            return None
        return urlsafe_b64decode(payload)
    except (JoseError, ValueError, AttributeError, RecursionError):
        return None


def encrypt(plaintext: bytes, to: EncryptionKey) -> str:
    """A compact JWE to this key (RFC 7516 section 3.1), cty JWT, in the key's one algorithm."""
    cek: bytes = secrets.token_bytes(_CEK_BYTES)
    iv = secrets.token_bytes(_IV_BYTES)
    aad = _jwe_header(to.kid, to.alg)
    encrypted_key = _OAEP[to.alg].encrypt_cek(cek, _recipient(to.key))
    ciphertext, tag = _ENC.encrypt(plaintext, cek, iv, aad)
    return b".".join([aad, *map(urlsafe_b64encode, (encrypted_key, iv, ciphertext, tag))]).decode()


def decrypted(compact: str, key: EncryptionKey) -> bytes | None:
    """The plaintext of a compact JWE in the key's own algorithm, else None.

    Whatever is wrong, there is one answer: no padding oracle (RFC 8725 section 3.1, RFC 7516 section 11.5).
    """
    if not COMPACT_JWE.match(compact):
        return None
    aad, *rest = compact.encode().split(b".")
    try:
        header = json.loads(urlsafe_b64decode(aad))
        if (header.get("alg"), header.get("enc")) != (key.alg, CONTENT_ENC) or "zip" in header:
            return None
        encrypted_key, iv, ciphertext, tag = map(urlsafe_b64decode, rest)
        recipient = _recipient(key.key)
        recipient.encrypted_key = encrypted_key
        cek = _OAEP[key.alg].decrypt_cek(recipient)
        if len(cek) != _CEK_BYTES or len(iv) != _IV_BYTES:
            return None
        return _ENC.decrypt(ciphertext, tag, cek, iv, aad)
    except (JoseError, ValueError, AttributeError, RecursionError):
        return None


def _recipient(key: RSAKey) -> Recipient[RSAKey]:
    return Recipient(CompactEncryption({}), recipient_key=key)


@lru_cache(maxsize=64)
def _jws_header(kid: str, typ: str) -> bytes:
    return _encoded({"alg": SIGNATURE_ALG, "typ": typ, "kid": kid})


@lru_cache(maxsize=1024)
def _jwe_header(kid: str, alg: str) -> bytes:
    return _encoded({"alg": alg, "enc": CONTENT_ENC, "cty": "JWT", "kid": kid})


def _encoded(header: dict[str, str]) -> bytes:
    return urlsafe_b64encode(json.dumps(header, separators=(",", ":")).encode())
