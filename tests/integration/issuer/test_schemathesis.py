"""Schemathesis throws what the OpenAPI description allows, and what it does not, at every endpoint:

no 5xx.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.integration.issuer.conftest import Issuer

EXAMPLES = 60


# Schemathesis draws from the random module inside its own strategies now and then.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_server_errors(issuer: Issuer, mode: GenerationMode) -> None:
    """faults.md B36."""
    client = issuer.add_client("client_credentials", "password", "refresh_token", "authorization_code")
    schema = schemathesis.openapi.from_url(f"{issuer.url}/openapi.json")
    tried = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def throw(case: Case) -> None:
            answer = case.call(auth=client, timeout=20)
            assert answer.status_code < 500, (case.method, case.path, case.body, answer.text)

        with suppress(Unsatisfiable):  # an operation without parameters has nothing that could be wrong
            throw()
        tried.add(f"{operation.method.upper()} {operation.path}")
    assert {"POST /token", "POST /introspect", "POST /revoke", "GET /authorize", "POST /authorize"} <= tried
