"""Which keys a process holds, by name and kid."""

from __future__ import annotations

from pydantic import SecretStr

from tokentrail.config import PREFIX, Settings
from tokentrail.tokens import keys


def held(settings: Settings) -> list[dict[str, str | None]]:
    """One row a key: variable, use, kid. Raises ConfigError naming the variable of a key that is no good."""
    rows: list[dict[str, str | None]] = []

    def add(variable: str, use: str, kids: list[str | None]) -> None:
        rows.extend({"variable": PREFIX + variable.upper(), "use": use, "kid": kid} for kid in kids)

    if settings.signing_key:
        loaded = keys.signing_keys(_text(settings.signing_key))
        add("signing_key", "signs tokens", [loaded[0].kid])
        add("signing_key", "verifies old tokens", [key.kid for key in loaded[1:]])
    if settings.encryption_key:
        found = keys.decryption_keys(_text(settings.encryption_key))
        add("encryption_key", "decrypts tokens", [key.kid for key in found])
    if settings.command_key:
        add("command_key", "signs commands", [keys.command_key(_text(settings.command_key)).kid])
    if settings.command_public_key:
        public = keys.command_public_keys(_text(settings.command_public_key))
        add("command_public_key", "verifies commands", list(public))
    for name in ("checkpoint_key", "data_key"):
        if getattr(settings, name):
            add(name, "set", [None])
    return rows


def obeyed_command_keys(settings: Settings) -> dict[str, keys.CommandKey]:
    """The keys whose commands this process obeys: the public ones, else the private one's public half."""
    if settings.command_public_key:
        return keys.command_public_keys(_text(settings.command_public_key))
    own = keys.public_of(keys.command_key(settings.require("command_key")))
    return {own.kid: own}


def _text(secret: SecretStr) -> str:
    return secret.get_secret_value()
