"""Models: the package's own, trained ones, and those that somebody brings."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from importlib import resources
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import ASGITransport, AsyncClient
from safetensors.numpy import save

from spindle.errors import ModelError
from spindle.service.api import models as api
from spindle.service.context import Context
from spindle.service.files import FileStore
from spindle.service.tables import Job, LabelFile, Model, Recording


def labelled(context: Context, client: Any, name: str = "mouse.edf") -> dict[str, str]:
    """Make the rows of a recording with labels; return their ids."""
    owner = client.account_id
    recording = Recording(
        owner_id=owner, name=name, size_bytes=10, sha256=f"{name}{owner}"[:64], file="", duration_s=8.0, channels=[]
    )
    with context.database.writing() as session:
        session.add(recording)
        session.flush()
        labels = LabelFile(owner_id=owner, recording_id=recording.id, name="expert.csv", file="", epochs=2)
        session.add(labels)
    return {"recording": recording.id, "labels": labels.id}


def test_the_packages_model_is_there_with_its_card(ann: TestClient) -> None:
    models = ann.get("/api/v1/models").json()
    assert [model["id"] for model in models] == ["starter"]
    assert "SIMULATED" in models[0]["card"]["data"]
    assert ann.get("/api/v1/models/starter").json() == models[0]


def test_a_model_that_was_made_elsewhere_is_checked_and_kept(context: Context, ann: TestClient) -> None:
    content = (resources.files("spindle") / "models" / "starter.safetensors").read_bytes()
    made = ann.put("/api/v1/models", params={"name": "ours"}, content=content)
    assert made.status_code == 201, made.text
    key = made.json()["id"]
    assert ann.get(f"/api/v1/models/{key}/file").content == content
    assert ann.delete(f"/api/v1/models/{key}").status_code == 204
    assert ann.get(f"/api/v1/models/{key}").status_code == 404
    assert context.files.names(f"models/{key}") == []


def test_a_file_that_is_no_model_is_refused_and_leaves_nothing(context: Context, ann: TestClient) -> None:
    for content in (b"not a model", save({})):
        answer = ann.put("/api/v1/models", params={"name": "ours"}, content=content)
        assert (answer.status_code, "SPINDLE model" in answer.json()["detail"]) == (422, True)
    assert len(ann.get("/api/v1/models").json()) == 1
    assert list(context.files.scratch.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(
    context: Context, ann: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    content = (resources.files("spindle") / "models" / "starter.safetensors").read_bytes()
    monkeypatch.setattr(FileStore, "put", full)
    answer = ann.put("/api/v1/models", params={"name": "ours"}, content=content)
    assert (answer.status_code, "full" in answer.json()["detail"]) == (507, True)
    assert len(ann.get("/api/v1/models").json()) == 1
    assert list(context.files.scratch.iterdir()) == []


def test_models_are_checked_one_after_the_other(app: FastAPI, ann: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = []
    working = threading.Semaphore(1)

    def check(path: object) -> None:
        at_once.append(not working.acquire(blocking=False))
        time.sleep(0.05)
        if not at_once[-1]:
            working.release()
        raise ModelError("It is not a SPINDLE model.")

    monkeypatch.setattr(api, "card_of", check)

    async def bring_several() -> list[int]:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://test", headers=ann.headers) as client:
            made = (client.put("/api/v1/models", params={"name": "ours"}, content=b"model") for _ in range(4))
            return [answer.status_code for answer in await asyncio.gather(*made)]

    assert asyncio.run(bring_several()) == [422] * 4
    assert at_once == [False] * 4


def test_a_card_with_a_figure_that_is_no_number_is_shown(context: Context, ann: TestClient) -> None:
    card = {"name": "ours", "created": "2026-11-27", "commit": "c", "data": "mice", "figures": {"kappa": None}}
    with context.database.writing() as session:
        session.add(Model(owner_id=ann.account_id, name="ours", file="models/m/m", card=card))  # type: ignore[attr-defined]
    (_, shown) = ann.get("/api/v1/models").json()
    assert shown["card"]["figures"] == {"kappa": None}


def test_a_training_is_told_of_recordings_labels_and_where_to_start(context: Context, ann: TestClient) -> None:
    example = labelled(context, ann)
    job = ann.post("/api/v1/models", json={"name": "ours", "examples": [example], "passes": 3})
    assert job.status_code == 202, job.text
    with context.database.reading() as session:
        request = session.get_one(Job, job.json()["id"]).request
    assert request["base"]["id"] == "starter"
    assert request["recordings"][0]["recording"]["id"] == example["recording"]
    assert request["recordings"][0]["labels"]["name"] == "expert.csv"
    assert request["config"] == {"passes": 3, "seed": 0}


@pytest.mark.parametrize("part", ["recording", "labels"])
def test_a_training_takes_nothing_of_another_user(
    context: Context, ann: TestClient, bob: TestClient, part: str
) -> None:
    own, other = labelled(context, ann), labelled(context, bob)
    wanted = {"name": "ours", "examples": [own | {part: other[part]}]}
    assert ann.post("/api/v1/models", json=wanted).status_code == 404


def test_labels_of_another_recording_are_refused(context: Context, ann: TestClient) -> None:
    first, second = labelled(context, ann, "a.edf"), labelled(context, ann, "b.edf")
    answer = ann.post("/api/v1/models", json={"name": "x", "examples": [first | {"labels": second["labels"]}]})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "The labels expert.csv are of another recording than a.edf."


def test_a_training_from_a_model_that_is_not_there_is_refused(context: Context, ann: TestClient) -> None:
    wanted = {"name": "x", "base": "nowhere", "examples": [labelled(context, ann)]}
    assert ann.post("/api/v1/models", json=wanted).status_code == 404
