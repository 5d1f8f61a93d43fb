"""Clients that share no code with us pass: oauth4webapi and jose for Node, go-jose for Go.

Each is installed once into the cache; where its language or the network is missing, its test says so and is
skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.issuer.conftest import AUDIENCE, Issuer, audience_pem
from tokentrail.devservices.artifacts import cache_dir

HERE = Path(__file__).parent / "independent"


def installed(name: str, source: Path, command: list[str]) -> Path:
    """A copy of `source` in the cache, with its dependencies; skips the test where they cannot be had."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not here")
    place = cache_dir() / "tests" / name
    shutil.copytree(source, place, dirs_exist_ok=True)
    done = subprocess.run(  # noqa: S603 - the commands below
        command, cwd=place, capture_output=True, text=True, timeout=240, check=False
    )
    if done.returncode:
        pytest.skip(f"{name} cannot be installed: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return place


def test_oauth4webapi_and_jose(issuer: Issuer, tmp_path: Path) -> None:
    place = installed("node", HERE, ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefer-offline"])
    client = issuer.add_client("client_credentials", "password", "refresh_token")
    issuer.add_person("alice")
    pem = tmp_path / "audience.pem"
    pem.write_text(audience_pem())
    given = {
        "ISSUER": issuer.url,
        "CLIENT_ID": client[0],
        "CLIENT_SECRET": client[1],
        "AUDIENCE": AUDIENCE,
        "REFRESH_TOKEN": issuer.login(client, "alice").json()["refresh_token"],
        "AUDIENCE_KEY": str(pem),
    }
    done = subprocess.run(
        ["node", "client.mjs"],  # noqa: S607
        cwd=place,
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == 8


def test_go_jose(issuer: Issuer, tmp_path: Path) -> None:
    place = installed("gojose", HERE / "gojose", ["go", "build", "-mod=mod", "-o", "gojose", "."])
    pem, jwks = tmp_path / "audience.pem", tmp_path / "jwks.json"
    pem.write_text(audience_pem())
    jwks.write_bytes(issuer.http.get("/jwks.json").content)
    token = issuer.token(issuer.add_client("client_credentials"), "client_credentials").json()["access_token"]
    done = subprocess.run(  # noqa: S603 - built just now
        [str(place / "gojose"), str(jwks), str(pem)],
        input=token,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    claims = json.loads(done.stdout)
    assert (claims["iss"], claims["aud"]) == (issuer.url, AUDIENCE)
    assert claims["exp"] - claims["iat"] <= 900
