"""Bodies of requests: only files may be large, whoever sends them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from spindle.service.bodies import MOST_BYTES

PIECES = 100


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_nobody_can_fill_the_memory_with_one_request(nobody: TestClient, kind: str) -> None:

    def pieces() -> Iterator[bytes]:
        for _ in range(PIECES):
            yield b"[" + b" " * (MOST_BYTES // 10)

    answer = nobody.post("/api/v1/session", content=pieces(), headers={"Content-Type": kind})
    assert answer.status_code == 413, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_words_of_a_usual_size_arrive(ann: TestClient) -> None:
    padded = b'{"name": "mice"}' + b" " * (MOST_BYTES // 2)
    assert ann.post("/api/v1/cohorts", content=padded, headers={"Content-Type": "application/json"}).status_code == 201


def test_a_file_may_be_larger_than_words(ann: TestClient) -> None:
    answer = ann.put("/api/v1/recordings", params={"name": "mouse.edf"}, content=b"0" * (MOST_BYTES + 1))
    assert (answer.status_code, "EDF" in answer.json()["detail"]) == (422, True)
    answer = ann.put("/api/v1/models", params={"name": "ours"}, content=b"0" * (MOST_BYTES + 1))
    assert (answer.status_code, "SPINDLE model" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", '"\\ud800"', '"a\\u0000"', '{"\\udfff": 1}', "[[NaN]]"])
@pytest.mark.parametrize("name", ["light_hours", "lights_on"])
def test_what_cannot_be_kept_is_refused_and_spoils_no_list(ann: TestClient, name: str, value: str) -> None:
    body = f'{{"name": "mice", "settings": {{"{name}": {value}}}}}'
    answer = ann.post("/api/v1/cohorts", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert ann.get("/api/v1/cohorts").json()["items"] == []


@pytest.mark.parametrize("value", ['"\\ud800"', '"a\\u0000"'])
def test_a_password_that_is_no_text_is_refused(nobody: TestClient, value: str) -> None:
    body = f'{{"name": "ann", "password": {value}}}'
    answer = nobody.post("/api/v1/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text


def test_letters_beyond_the_first_plane_are_kept(ann: TestClient) -> None:
    body = '{"name": "\\ud83d\\udc2d mice"}'
    answer = ann.post("/api/v1/cohorts", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["name"]) == (201, "\N{MOUSE FACE} mice")
