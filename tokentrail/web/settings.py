"""Settings of the web process alone, from the environment with prefix TOKENTRAIL_."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tokentrail.config import PREFIX
from tokentrail.errors import ConfigError

MIN_TOKEN = 16


class WebSettings(BaseSettings):
    """Who may look."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    web_token: SecretStr | None = None
    """Who shows it, as a bearer token or at the login page, may search. Without it only loopback may."""
    web_session_seconds: int = Field(default=8 * 3600, ge=60)
    web_secure_cookies: bool = False
    """Set behind TLS: session cookies are then never sent without it."""


def load_web_settings() -> WebSettings:
    """The web process's settings. Raises ConfigError naming the variable when a value does not parse."""
    try:
        found = WebSettings()
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{PREFIX}{str(first['loc'][0]).upper()} is wrong: {first['msg']}") from None
    if found.web_token is not None and len(found.web_token.get_secret_value()) < MIN_TOKEN:
        raise ConfigError(f"{PREFIX}WEB_TOKEN must have at least {MIN_TOKEN} characters: `openssl rand -base64 32`")
    return found
