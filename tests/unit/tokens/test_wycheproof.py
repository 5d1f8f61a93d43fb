"""The public Wycheproof JOSE vectors for our algorithms come out as they say.

They are not in this tree. TOKENTRAIL_WYCHEPROOF names a directory with their testvectors_v1 files, for
example the one that `go mod download -json github.com/C2SP/wycheproof@latest` prints as Dir.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from tokentrail.tokens import keys
from tokentrail.tokens.jose import decrypted, verified_payload

pytestmark = pytest.mark.skipif("TOKENTRAIL_WYCHEPROOF" not in os.environ, reason="no TOKENTRAIL_WYCHEPROOF")


def groups(name: str) -> list[dict[str, Any]]:
    base = Path(os.environ["TOKENTRAIL_WYCHEPROOF"])
    found = next(p for p in (base / name, base / "testvectors_v1" / name) if p.exists())
    return list(json.loads(found.read_text())["testGroups"])


def header_of(compact: str) -> dict[str, Any]:
    segment = compact.split(".", maxsplit=1)[0]
    return dict(json.loads(keys.base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))))


def test_signatures() -> None:
    """RFC 7515 and RFC 7518 section 3.3, with keys as RFC 7517 section 4 restricts them."""
    seen: Counter[str] = Counter()
    for group in groups("json_web_signature_test.json"):
        public = group.get("public", {})
        if public.get("kty") != "RSA" or public.get("alg", "RS256") != "RS256":
            continue
        listed = keys.from_jwks({"keys": [{"kid": "vector", **public}]})
        for vector in group["tests"]:
            if not isinstance(vector["jws"], str):
                continue  # JSON serialisation: never accepted anywhere
            key = next(iter(listed.values()), None)
            payload = None if key is None else verified_payload(vector["jws"].encode(), key)
            assert (payload is not None) == (vector["result"] == "valid"), vector
            seen[vector["result"]] += 1
    assert seen == {"valid": 8, "invalid": 227}


def test_encryption() -> None:
    """RFC 7516 and RFC 7518 sections 4.3 and 5.2; content encryptions that are not ours are refused, valid or not."""
    seen: Counter[str] = Counter()
    for group in groups("json_web_encryption_test.json"):
        private = group["private"]
        if private.get("kty") != "RSA" or private.get("alg") not in keys.ENCRYPTION_ALGS:
            continue
        raw = RSAKey.import_key({k: v for k, v in private.items() if k not in ("alg", "use", "kid", "key_ops")})
        key = keys.EncryptionKey("vector", keys._rsa(raw.raw_value, "enc", private["alg"]), private["alg"])
        for vector in group["tests"]:
            header = header_of(vector["jwe"])
            ours = header.get("enc") == keys.CONTENT_ENC and header.get("alg") == private["alg"]
            plain = decrypted(vector["jwe"], key)
            if vector["result"] == "valid" and ours:
                assert plain == bytes.fromhex(vector["pt"]), vector
            else:
                assert plain is None, vector
            seen[vector["result"] if ours else "not ours"] += 1
    assert seen["valid"] >= 2
    assert seen["invalid"] + seen["not ours"] >= 10


def test_keys() -> None:
    """RFC 7517 section 4:

    ROCA, 1024 bits, exponent 1 and the wrong use are refused (joserfc takes the first three).
    """
    seen: Counter[str] = Counter()
    for group in groups("json_web_key_test.json"):
        listed = group.get("public", {}).get("keys", [])
        if not listed or listed[0]["kty"] != "RSA":
            continue
        for vector in group["tests"]:
            key = next(iter(keys.from_jwks({"keys": [{"kid": "vector", **k} for k in listed]}).values()), None)
            payload = None if key is None else verified_payload(vector["jws"].encode(), key)
            assert (payload is not None) == (vector["result"] == "valid"), vector
            seen[vector["comment"]] += 1
    assert {"rejectsKeyWithRocaVulnerability", "rejects1024bitRsaKey", "rejectsPublicExponent1"} <= seen.keys()
