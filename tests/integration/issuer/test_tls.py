"""The issuer over TLS, and what is refused when its files are not there."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from producers.issuer.settings import IssuerSettings
from tokentrail.cli.issuer import run_issuer
from tokentrail.config import Settings
from tokentrail.errors import ConfigError
from tokentrail.http_server import Tls, listen, tls_from_environment, url_of


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A certificate for 127.0.0.1 that lasts an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    made = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


def test_https(keyed: Settings, own: IssuerSettings, tls: Tls) -> None:
    """OWASP ASVS 12.1.1 and 12.2.1: TLS 1.2 or later, and nothing without it."""
    listener = listen("127.0.0.1", 0)
    url = url_of(listener, tls)
    stop = threading.Event()
    thread = threading.Thread(target=run_issuer, args=(keyed, url, listener, stop), kwargs={"own": own, "tls": tls})
    thread.start()
    try:
        trusted = ssl.create_default_context(cafile=str(tls.certificate))
        with httpx.Client(base_url=url, verify=trusted, timeout=20) as http:
            assert http.get("/.well-known/oauth-authorization-server").json()["issuer"] == url
        old = ssl.create_default_context(cafile=str(tls.certificate))
        old.minimum_version = ssl.TLSVersion.TLSv1_2
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with httpx.Client(base_url=url, verify=old, timeout=20) as http:
            assert http.get("/health").status_code == 200
        with pytest.raises(httpx.ConnectError), httpx.Client(base_url=url, timeout=5) as http:
            http.get("/health")  # not signed by anybody we know
        with pytest.raises(httpx.HTTPError), httpx.Client(timeout=5) as http:
            http.get(url.replace("https", "http") + "/health")
    finally:
        stop.set()
        thread.join(20)


def test_missing_files_are_named(monkeypatch: pytest.MonkeyPatch, tls: Tls) -> None:
    assert tls_from_environment() is None
    monkeypatch.setenv("TOKENTRAIL_TLS_CERTIFICATE", str(tls.certificate))
    with pytest.raises(ConfigError, match="TOKENTRAIL_TLS_KEY"):
        tls_from_environment()
    monkeypatch.setenv("TOKENTRAIL_TLS_KEY", str(tls.key))
    assert tls_from_environment() == tls
