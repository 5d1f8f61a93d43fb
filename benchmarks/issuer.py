"""`tokentrail bench issuer`: tokens a second of one core beside the bare cryptography, and grants over HTTP.

Rates are per second of CPU time of one thread, so that other work on the machine does not blur them; each figure stands
beside its limit, measured in the same run. Grants are counted against the CPU time of the issuer's whole process:
HTTP, signature, commit, outbox relay and Kafka.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from benchmarks.stage import Stage, stage
from producers.issuer import admin
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.kafka import ensure_topics
from tokentrail.tokens import keys, make_keys
from tokentrail.tokens.claims import new_id
from tokentrail.tokens.denylist import MICROS, DenyList
from tokentrail.tokens.mint import Minter
from tokentrail.tokens.trust import FixedKeys
from tokentrail.tokens.validate import Validator

ISSUER = "https://issuer.example"
AUDIENCE = "records"
OAEP = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - RSA-OAEP of RFC 7518 section 4.3
DENIED = 1_000_000


def main(argv: list[str]) -> int:
    """Run and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tokentrail bench issuer", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each rate")
    parser.add_argument("--grants", type=int, default=6000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    figures = crypto(options.seconds)
    with stage() as made:
        figures |= grants(made, options.grants, options.connections)
    if options.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return 0


def crypto(seconds: float) -> dict[str, float]:
    """Issue and validation beside the same operations of `cryptography` alone, and the deny-list at a million."""
    pem = make_keys.rsa_pem()
    signing = keys.signing_keys(make_keys.rsa_pem())[0]
    to, own = keys.audience_key(make_keys.public_pem(pem)), keys.decryption_keys(pem)
    minter, subject = Minter(ISSUER, signing), new_id("u_")
    more = {"scope": "records.read", "sid": new_id("s_")}

    def issue() -> str:
        return minter.mint(AUDIENCE, to, subject=subject, client_id="c_bench", lifetime=300, more=more).token

    deny_list = million()
    trusted = {ISSUER: FixedKeys([signing])}
    fresh = Validator(AUDIENCE, own, trusted, Listed(deny_list), cache_size=0)
    seen = Validator(AUDIENCE, own, trusted, Listed(deny_list))
    token = issue()
    claims = seen.validate(token).claims
    limit_issue, limit_validate = bare(signing, to, own[0])
    return {
        "issue_limit": rate(limit_issue, seconds),
        "issue": rate(issue, seconds),
        "validate_limit": rate(limit_validate, seconds),
        "validate": rate(lambda: fresh.validate(token), seconds),
        "validate_seen": rate(lambda: seen.validate(token), seconds),
        "deny_check_us": 1e6 / rate(lambda: deny_list.denies(claims), seconds),
    }


class Listed:
    """A deny-list that is always up to date."""

    def __init__(self, deny_list: DenyList) -> None:
        self.denies = deny_list.denies

    def check(self) -> None:
        """Always ready."""


def million() -> DenyList:
    """A deny-list with a million jtis and some of everything else."""
    deny_list, now = DenyList(), time.time_ns() // 1000
    for number in range(DENIED):
        deny_list.add("jti", f"{number:032x}", now, now + (900 + number % 60) * MICROS)
    for target in ("session", "subject", "client", "issuer"):
        for _ in range(100):
            deny_list.add(target, new_id(), now, now + 900 * MICROS)
    return deny_list


def bare(
    signing: keys.SigningKey, to: keys.EncryptionKey, own: keys.EncryptionKey
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The cryptographic operations of issue and validation, with nothing around them."""
    private, public = signing.key.private_key, to.key.public_key
    decrypting, verifying = own.key.private_key, signing.key.public_key
    assert private is not None  # noqa: S101
    assert decrypting is not None  # noqa: S101
    claims, inner, pkcs1, sha256 = b"c" * 400, b"i" * 720, padding.PKCS1v15(), hashes.SHA256()

    def issue() -> None:
        private.sign(claims, pkcs1, sha256)
        cek, iv = secrets.token_bytes(64), secrets.token_bytes(16)
        public.encrypt(cek, OAEP)
        cipher = Cipher(AES(cek[32:]), CBC(iv)).encryptor()
        hmac.digest(cek[:32], cipher.update(inner) + cipher.finalize(), "sha512")

    signature, wrapped = private.sign(claims, pkcs1, sha256), public.encrypt(secrets.token_bytes(64), OAEP)

    def validate() -> None:
        cek = decrypting.decrypt(wrapped, OAEP)
        hmac.digest(cek[:32], inner, "sha512")
        cipher = Cipher(AES(cek[32:]), CBC(inner[:16])).decryptor()
        cipher.update(inner)
        verifying.verify(signature, claims, pkcs1, sha256)

    return issue, validate


def rate(work: Callable[[], object], seconds: float) -> float:
    """Times a second of this thread's CPU; the best of three stretches, as the others only measure disturbance."""
    best = 0.0
    for _ in range(3):
        began, count = time.thread_time(), 0
        while time.thread_time() - began < seconds / 3:
            for _ in range(20):
                work()
            count += 20
        best = max(best, count / (time.thread_time() - began))
    return best


def grants(made: Stage, count: int, connections: int) -> dict[str, float]:
    """client_credentials over HTTP against an issuer process of its own."""
    ensure_topics(made.settings)
    with made.database() as settings:
        pem = make_keys.rsa_pem()
        with connect(settings, "issuer") as conn:
            admin.add_audience(conn, AUDIENCE, make_keys.public_pem(pem))
            client = admin.add_client(conn, admin.NewClient("bench", ("client_credentials",), (AUDIENCE,)))
        with issuer(settings) as (process, host, port):
            request = grant_request(host, port, client)
            load(host, port, request, count // 10, connections)
            before, began = cpu(process), time.perf_counter()
            load(host, port, request, count, connections)
            elapsed, used = time.perf_counter() - began, cpu(process) - before
    return {"grants_per_second": count / elapsed, "grants_per_core": count / used}


@contextmanager
def issuer(settings: Settings, environment: dict[str, str] | None = None) -> Iterator[tuple[psutil.Process, str, int]]:
    """An issuer in a process of its own, with these keys or fresh ones: (process, host, port)."""
    servers = {
        f"TOKENTRAIL_{name.upper()}": settings.require(name)
        for name in ("kafka_bootstrap", "database_url", "schema_registry_url")
    }
    started = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-c", "from tokentrail.cli import main; main()", "issuer", "--url", ISSUER],
        env=os.environ | (environment or make_keys.environment()) | servers,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stderr is not None  # noqa: S101
        found = re.search(r" at http://([\d.]+):(\d+)", started.stderr.readline())
        if found is None:
            raise RuntimeError("the issuer did not start: " + started.stderr.read())
        threading.Thread(target=started.stderr.read, daemon=True).start()
        yield psutil.Process(started.pid), found[1], int(found[2])
    finally:
        started.terminate()
        started.wait(30)


def grant_request(host: str, port: int, client: admin.Credentials) -> bytes:
    """The bytes of one request: the load must cost as little as it can."""
    basic = base64.b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
    body = b"grant_type=client_credentials"
    head = (
        f"POST /token HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Basic {basic}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(host: str, port: int, request: bytes, count: int, connections: int) -> None:
    """Send `count` requests over some connections; every answer must be a token."""
    failures: list[bytes] = []

    def work(times: int) -> None:
        with socket.create_connection((host, port)) as conn, conn.makefile("rb") as answers:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(times):
                conn.sendall(request)
                status, length = answers.readline(), 0
                while (line := answers.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                answers.read(length)
                if b" 200 " not in status:
                    failures.append(status)

    threads = [threading.Thread(target=work, args=(count // connections,)) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} grants failed: {failures[0]!r}")


def cpu(process: psutil.Process) -> float:
    """Seconds of CPU a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def show(figures: dict[str, Any]) -> None:
    """For people."""
    f = figures
    print(f"issue a nested token     {f['issue']:>9,.0f}/s   limit {f['issue_limit']:,.0f}/s"
          f"   {f['issue'] / f['issue_limit']:.2f} of it")  # fmt: skip
    print(f"validate a new token     {f['validate']:>9,.0f}/s   limit {f['validate_limit']:,.0f}/s"
          f"   {f['validate'] / f['validate_limit']:.2f} of it")  # fmt: skip
    print(f"validate a token again   {f['validate_seen']:>9,.0f}/s")
    print(f"deny check at a million  {f['deny_check_us']:>9.2f} us")
    print(f"grants over HTTP         {f['grants_per_second']:>9,.0f}/s   {f['grants_per_core']:,.0f} a core")
