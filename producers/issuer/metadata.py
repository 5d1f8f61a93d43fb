"""Authorization server metadata (RFC 8414)."""

from __future__ import annotations

from typing import Any

from tokentrail.tokens.keys import SIGNATURE_ALG
from tokentrail.tokens.proof import DPOP_ALGS

GRANTS = ("authorization_code", "client_credentials", "refresh_token", "password")


def document(issuer: str) -> dict[str, Any]:
    """The metadata document; `issuer` is exactly the URL it is served under (section 3.3)."""
    methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks.json",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "grant_types_supported": list(GRANTS),
        "authorization_endpoint": f"{issuer}/authorize",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": list(DPOP_ALGS),
        "token_endpoint_auth_signing_alg_values_supported": [SIGNATURE_ALG],
        "introspection_endpoint_auth_signing_alg_values_supported": [SIGNATURE_ALG],
        "revocation_endpoint_auth_signing_alg_values_supported": [SIGNATURE_ALG],
        "token_endpoint_auth_methods_supported": [*methods, "none"],
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": [*methods, "none"],
    }
