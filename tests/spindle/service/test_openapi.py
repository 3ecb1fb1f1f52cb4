"""The OpenAPI document: complete, stable, and true, which schemathesis tries with requests that nobody thinks of."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.spindle.service.belongings import give, names
from tests.spindle.service.document import Operation, operations

from spindle.service.context import Context
from spindle.service.problems import MEDIA_TYPE

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 4
UNTRIED = {"sign_out", "revoke_token", "change_password"}
"""They end what the trial needs: its own session, token and password."""


@schemathesis.serializer("application/offset+octet-stream")
def plain(context: object, value: Any) -> bytes:
    """A piece of an upload is bytes as they are."""
    return getattr(value, "data", None) or str(value).encode()


@pytest.fixture
def every(app: FastAPI) -> list[Operation]:
    return list(operations(app))


def test_every_operation_has_a_name_of_its_own_that_is_its_functions(every: list[Operation]) -> None:
    names = Counter(one.about["operationId"] for one in every)
    assert not [name for name, count in names.items() if count > 1]
    assert not [name for name in names if not name.isidentifier() or "api_v1" in name]


def test_every_operation_says_what_it_does_and_where_it_belongs(every: list[Operation]) -> None:
    assert not [one.name for one in every if not one.about.get("summary") or not one.about.get("description")]
    assert not [one.name for one in every if len(one.about.get("tags", [])) != 1]


def test_every_error_is_described_as_the_problem_that_it_is(app: FastAPI, every: list[Operation]) -> None:
    for one in every:
        errors = {status: said for status, said in one.about["responses"].items() if not status.startswith(("2", "3"))}
        assert "default" in errors, one.name
        assert all(list(said["content"]) == [MEDIA_TYPE] and said["description"] for said in errors.values()), one.name
        assert ("404" in errors) >= ("{" in one.path), one.name
        assert ("401" in errors) >= bool(one.about.get("security")), one.name
    assert "HTTPValidationError" not in app.openapi()["components"]["schemas"]


def test_the_document_is_there_for_everybody(nobody: TestClient) -> None:
    found = nobody.get("/api/v1/openapi.json").json()
    assert found["openapi"].startswith("3.")
    assert all(path.startswith("/api/v1/") for path in found["paths"])


@pytest.mark.parametrize("name", ["a\x00b", "\\x00"])
def test_text_that_no_database_takes_is_refused_or_kept_by_both(ann: TestClient, name: str) -> None:
    made = ann.post("/api/v1/tokens", json={"name": name})
    assert made.status_code == (422 if "\x00" in name else 201)
    assert ann.delete("/api/v1/tokens/a%00b").status_code in (404, 422)
    kept = [one["name"] for one in ann.get("/api/v1/tokens").json()]
    assert sorted(kept) == sorted(["tests"] + [name] * (made.status_code == 201))


def test_a_number_that_no_column_holds_is_refused(admin: TestClient) -> None:
    assert admin.get("/api/v1/audit", params={"before": 2**80}).status_code == 422
    assert admin.get("/api/v1/audit", params={"before": 2**62}).status_code in (200, 422)


@pytest.mark.filterwarnings("ignore")
def test_no_request_however_strange_is_answered_with_a_fault(
    context: Context, app: FastAPI, ann: TestClient, every: list[Operation]
) -> None:
    hers = names(give(context, ann.get("/api/v1/me").json()["id"]))
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    # What deletes comes last, so that the others still find something.
    found = sorted((one.ok() for one in schema.get_all_operations()), key=lambda one: one.method.lower() == "delete")
    tried = [one for one in found if one.definition.raw["operationId"] not in UNTRIED]
    assert len(tried) == len(every) - len(UNTRIED)
    faults = [fault for one in tried for fault in _faults(one, hers, ann.headers["Authorization"])]
    assert not faults, "\n\n".join(faults)


def _faults(operation: schemathesis.APIOperation, hers: dict[str, str], token: str) -> list[str]:
    """Ask with what fits the document, with what does not, and with ids that there are."""
    names_in_path = [one["name"] for one in operation.definition.raw.get("parameters", []) if one["in"] == "path"]
    kinds = [operation.as_strategy(GenerationMode.POSITIVE), operation.as_strategy(GenerationMode.NEGATIVE)]
    if names_in_path and all(name in hers for name in names_in_path):
        kinds.append(operation.as_strategy(path_parameters={name: hers[name] for name in names_in_path}))

    @settings(
        max_examples=EXAMPLES * len(kinds),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(kinds))
    def trial(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"Authorization": token}, checks=CHECKS)

    try:
        trial()
    except (FailureGroup, Failure) as fault:
        return [f"{operation.label}: {fault}: {[str(one) for one in getattr(fault, 'exceptions', ())]}"]
    except Unsatisfiable:
        return []
    except Exception as fault:
        # What a route did not expect, and a real server would answer with 500.
        return [f"{operation.label}: {type(fault).__name__}: {fault}"]
    return []
