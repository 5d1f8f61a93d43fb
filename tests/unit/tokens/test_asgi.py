"""The middleware: Bearer for unbound tokens, DPoP for bound ones (RFC 6750, RFC 9449 section 7.1)."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from hashlib import sha256
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from joserfc import jws
from joserfc.jwk import ECKey

from tests.unit.tokens.conftest import AUDIENCE, ISSUER
from tokentrail.tokens import keys
from tokentrail.tokens.asgi import SeenOnce, TokenMiddleware
from tokentrail.tokens.fastapi import require
from tokentrail.tokens.mint import Minter
from tokentrail.tokens.trust import FixedKeys
from tokentrail.tokens.validate import Accepted, NothingDenied, Validator

SUBJECT = "u_3kX9vQ2mZ81LpT4w"
URL = "https://api.example/records"


@pytest.fixture
def app(signing: keys.SigningKey, decryption: list[keys.EncryptionKey]) -> FastAPI:
    made = FastAPI()

    @made.get("/records")
    async def records(token: Annotated[Accepted, Depends(require("records.read"))]) -> dict[str, Any]:
        return {"sub": token.claims["sub"]}

    validator = Validator(AUDIENCE, decryption, {ISSUER: FixedKeys([signing])}, NothingDenied())
    made.add_middleware(TokenMiddleware, validator=validator, public_url="https://api.example")
    return made


async def get(app: FastAPI, *headers: tuple[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as http:
        return await http.get("/records", headers=list(headers))


def ask(app: FastAPI, *headers: tuple[str, str]) -> httpx.Response:
    return asyncio.run(get(app, *headers))


def minted(minter: Minter, to: keys.EncryptionKey, **more: Any) -> str:
    given = {"scope": "records.read"} | more
    return minter.mint(AUDIENCE, to, subject=SUBJECT, client_id="c_app", lifetime=60, more=given).token


def proof(key: ECKey, token: str, **over: Any) -> str:
    ath = base64.urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
    claims = {"htm": "GET", "htu": URL, "iat": int(time.time()), "jti": secrets.token_urlsafe(9), "ath": ath} | over
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=["ES256"])


def test_bearer(app: FastAPI, minter: Minter, to_audience: keys.EncryptionKey) -> None:
    """RFC 6750 sections 2.1 and 3.1."""
    token = minted(minter, to_audience)
    assert ask(app, ("authorization", f"Bearer {token}")).json() == {"sub": SUBJECT}
    narrow = minted(minter, to_audience, scope="other")
    answer = ask(app, ("authorization", f"Bearer {narrow}"))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    for headers in ([], [("authorization", "Basic eDp5")], [("authorization", f"Bearer {token}")] * 2):
        answer = ask(app, *headers)
        assert answer.status_code == 401
        assert "error=" not in answer.headers["www-authenticate"]
    bad = ask(app, ("authorization", "Bearer junk"))
    assert bad.headers["www-authenticate"].startswith('Bearer realm="tokentrail", error="invalid_token"')


def test_a_bound_token_needs_its_proof(app: FastAPI, minter: Minter, to_audience: keys.EncryptionKey) -> None:
    """RFC 9449 sections 4.3 and 7.1."""
    key, thief = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    token = minted(minter, to_audience, cnf={"jkt": key.thumbprint()})
    good = proof(key, token)
    assert ask(app, ("authorization", f"DPoP {token}"), ("dpop", good)).status_code == 200
    free = minted(minter, to_audience)
    refused = [
        [("authorization", f"DPoP {token}"), ("dpop", good)],  # used before
        [("authorization", f"Bearer {token}")],  # section 7.2: bound tokens are no bearer tokens
        [("authorization", f"Bearer {token}"), ("dpop", proof(key, token))],
        [("authorization", f"DPoP {token}")],
        [("authorization", f"DPoP {token}"), ("dpop", proof(thief, token))],
        [("authorization", f"DPoP {token}"), ("dpop", proof(key, free))],
        [("authorization", f"DPoP {token}"), ("dpop", proof(key, token, ath=None))],
        [("authorization", f"DPoP {token}"), ("dpop", proof(key, token, htm="POST"))],
        [("authorization", f"DPoP {token}"), ("dpop", proof(key, token, htu="https://api.example/other"))],
        [("authorization", f"DPoP {token}"), ("dpop", proof(key, token)), ("dpop", proof(key, token))],
        [("authorization", f"DPoP {free}"), ("dpop", proof(key, free))],
    ]
    for headers in refused:
        assert ask(app, *headers).status_code == 401


def test_ids_are_seen_once_in_bounded_memory() -> None:
    seen = SeenOnce(seconds=60, max_ids=2)
    assert [seen.first(i) for i in ("a", "a", "b", "c")] == [True, False, True, False]
