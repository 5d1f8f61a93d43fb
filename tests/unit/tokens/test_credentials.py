"""A secret can come through a file descriptor or a systemd credential instead of the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tokentrail.credentials import resolve
from tokentrail.errors import ConfigError
from tokentrail.tokens import keys


def test_a_descriptor_is_read_once_and_kept(signing_pem: str) -> None:
    out, into = os.pipe()
    os.write(into, signing_pem.encode())
    os.close(into)
    kid = keys.signing_keys(signing_pem)[0].kid
    assert [keys.signing_keys(f"fd:{out}")[0].kid for _ in range(2)] == [kid, kid]


def test_a_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signing_pem: str) -> None:
    (tmp_path / "signing").write_text(signing_pem)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert keys.signing_keys("credential:signing")[0].kid == keys.signing_keys(signing_pem)[0].kid
    for bad in ("credential:../signing", "credential:", "credential:other", "fd:9999"):
        with pytest.raises(ConfigError, match="TOKENTRAIL_X"):
            resolve(bad, "TOKENTRAIL_X")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(ConfigError, match="CREDENTIALS_DIRECTORY"):
        resolve("credential:signing", "TOKENTRAIL_X")
