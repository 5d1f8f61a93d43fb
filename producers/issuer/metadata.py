"""Authorization server metadata (RFC 8414)."""

from __future__ import annotations

from typing import Any

GRANTS = ("client_credentials", "refresh_token", "password")


def document(issuer: str) -> dict[str, Any]:
    """The metadata document; `issuer` is exactly the URL it is served under (section 3.3)."""
    methods = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks.json",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "grant_types_supported": list(GRANTS),
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": [*methods, "none"],
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": [*methods, "none"],
    }
