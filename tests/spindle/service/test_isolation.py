"""What belongs to somebody is not there for others: every operation of the OpenAPI document, and every page, is tried
by nobody, by another user and by an administrator, so that a new one is tried by itself.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from tests.spindle.service.belongings import MARK, everything, give, names
from tests.spindle.service.document import Operation, operations

from spindle.service import watch
from spindle.service.context import Context
from spindle.service.pages import ROUTERS

OPEN = {"sign_in", "accept_invitation"}
"""What is there for those who have no account yet, besides /health and /metrics."""
OPEN_PAGES = {"/sign-in", "/welcome/{secret}", "/favicon.ico"}

ADMINISTRATION = "administration"
HEADERS = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Upload-Length": "5", "X-Checksum-SHA256": "0" * 64}


def path_of(operation: Operation, known: dict[str, str]) -> str:
    """Fill in the path; a parameter that nobody told this test of fails it, so that no endpoint is left out."""
    more = {"kind": "scores.csv", "path": "analysis.html", "upload_id": known["upload"], "uuid": known["upload"]}

    def fill(found: re.Match[str]) -> str:
        name = found[1].partition(":")[0]
        assert name in known or name in more, f"{operation.name}: say in this test what of Ann's '{name}' names."
        return known.get(name) or more[name]

    return re.sub(r"{([^}]+)}", fill, operation.path)


def ask(client: TestClient, operation: Operation, known: dict[str, str]) -> Response:
    body = operation.body(known)
    sent: dict[str, Any] = {"json": body} if body is not None else {}
    headers = dict(HEADERS)
    if body is None and "requestBody" in operation.about:
        sent = {"content": b"bytes"}
        headers["Content-Type"] = next(iter(operation.about["requestBody"]["content"]))
    if operation.method == "patch" and "upload" in operation.path:
        sent, headers["Content-Type"] = {"content": b"bytes"}, "application/offset+octet-stream"
    path = path_of(operation, known)
    return client.request(operation.method, path, params=operation.query(known), headers=headers, **sent)


@pytest.fixture
def every(app: FastAPI) -> list[Operation]:
    return list(operations(app))


@pytest.fixture
def hers(context: Context, ann: TestClient) -> dict[str, str]:
    """One of everything that is Ann's, by the names of parameters."""
    ids = give(context, ann.get("/api/v1/me").json()["id"])
    ids["upload"] = _upload(ann)
    return names(ids)


def _upload(client: TestClient) -> str:
    """Begin an upload, and return its id."""
    told = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": "filename bW91c2UuZWRm"}
    answer = client.post("/api/v1/uploads", headers=told)
    return answer.headers["Location"].rstrip("/").rpartition("/")[2] if answer.status_code == 201 else "0" * 32


def names_hers(operation: Operation, known: dict[str, str]) -> bool:
    """Whether a request to this operation names something of Ann's, in its path or its body."""
    body = str(operation.body(known))
    return "{" in operation.path or any(value in body for value in known.values() if value)


def test_nobody_gets_anything_and_changes_nothing(
    context: Context, nobody: TestClient, hers: dict[str, str], every: list[Operation]
) -> None:
    before = everything(context)
    answers = {one.name: ask(nobody, one, hers) for one in every if one.about["operationId"] not in OPEN}
    wrong = {name: answer.status_code for name, answer in answers.items() if answer.status_code != 401}
    assert not wrong
    assert not [name for name, answer in answers.items() if MARK in answer.text]
    assert everything(context) == before


@pytest.mark.parametrize("other", ["bob", "admin"])
def test_what_is_anns_is_not_there_for_others_and_stays_as_it_is(
    context: Context, hers: dict[str, str], every: list[Operation], other: str, request: pytest.FixtureRequest
) -> None:
    client: TestClient = request.getfixturevalue(other)
    mine = [one for one in every if ADMINISTRATION not in one.about["tags"] and names_hers(one, hers)]
    before = everything(context)
    answers = {one.name: ask(client, one, hers) for one in mine if one.about["operationId"] not in OPEN}
    wrong = {name: (answer.status_code, answer.text) for name, answer in answers.items() if answer.status_code != 404}
    assert not wrong
    assert not [name for name, answer in answers.items() if MARK in answer.text]
    assert everything(context) == before


def test_administration_is_for_administrators(
    context: Context, bob: TestClient, hers: dict[str, str], every: list[Operation]
) -> None:
    before = everything(context)
    theirs = [one for one in every if ADMINISTRATION in one.about["tags"]]
    assert theirs
    assert {one.name: ask(bob, one, hers).status_code for one in theirs} == {one.name: 404 for one in theirs}
    assert everything(context) == before


def test_lists_hold_only_what_is_ones_own(bob: TestClient, hers: dict[str, str], every: list[Operation]) -> None:
    lists = [one for one in every if one.method == "get" and "{" not in one.path]
    for operation in lists:
        for known in ({}, hers):
            text = bob.get(operation.path, params=operation.query(known)).text
            assert MARK not in text, operation.name
            assert not [value for name, value in hers.items() if value in text and value], operation.name


def test_what_is_ones_own_is_there(ann: TestClient, hers: dict[str, str], every: list[Operation]) -> None:
    """Otherwise the other tests would be content with ids that name nothing."""
    things = [
        one
        for one in every
        if one.method == "get" and one.path.endswith("_id}") and ADMINISTRATION not in one.about["tags"]
    ]
    wrong = {one.name: answer.text for one in things if (answer := ask(ann, one, hers)).status_code != 200}
    assert not wrong


def test_pages_send_nobody_to_sign_in_and_show_others_nothing(
    nobody: TestClient, bob: TestClient, hers: dict[str, str]
) -> None:
    paths = {route.path for router in ROUTERS for route in router.routes}  # type: ignore[attr-defined]
    for path in sorted(paths - OPEN_PAGES):
        filled = re.sub(r"{([^}]+)}", lambda found: hers[found[1]], path)
        answer = nobody.get(filled)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), path
        answer = bob.get(filled)
        assert MARK not in answer.text, path
        if "{" in path:
            assert answer.status_code == 404, path


def test_what_the_operator_sees_names_nobody_and_nothing(nobody: TestClient, hers: dict[str, str]) -> None:
    for route in watch.router.routes:
        text = nobody.get(route.path).text  # type: ignore[attr-defined]
        assert MARK not in text
        assert not [value for value in hers.values() if value and value in text]
