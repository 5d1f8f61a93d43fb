"""Settings of the issuer alone, from the environment with prefix TOKENTRAIL_."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tokentrail.config import PREFIX
from tokentrail.errors import ConfigError


class IssuerSettings(BaseSettings):
    """How long things live, what a password costs, whom to believe about addresses."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    issuer_secret: SecretStr | None = None
    """32 bytes in base64: names are hashed, TOTP secrets sealed and refresh tokens derived with it."""
    trusted_proxies: str = ""
    """Networks (CIDR, comma-separated) whose X-Forwarded-For and CloudFront-Viewer headers are believed."""
    access_token_seconds: int = Field(default=300, ge=1, le=900)
    refresh_token_seconds: int = Field(default=8 * 3600, ge=60)
    session_seconds: int = Field(default=12 * 3600, ge=60, le=30 * 86400)
    refresh_retry_seconds: float = Field(default=10.0, ge=0, le=60)
    """How long a refresh token just used may be shown again by a client that lost the answer."""
    login_failures: int = Field(default=100, ge=1)
    """Failures on one name or client within ten minutes, after which it has to wait
    (NIST SP 800-63B section 5.2.2: at most 100)."""
    address_failures: int = Field(default=1000, ge=1)
    """The same for one address: an office or a carrier is one address."""
    argon2_memory_kib: int = Field(default=19456, ge=8)
    argon2_time_cost: int = Field(default=2, ge=1)
    argon2_parallelism: int = Field(default=1, ge=1)


def load_issuer_settings() -> IssuerSettings:
    """The issuer's settings. Raises ConfigError naming the variable when a value does not parse."""
    try:
        return IssuerSettings()
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{PREFIX}{str(first['loc'][0]).upper()} is wrong: {first['msg']}") from None
