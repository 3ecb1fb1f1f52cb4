"""Adding, choosing channels of, scoring and deleting recordings, and what is no recording."""

from __future__ import annotations

import base64
import errno
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from tests.spindle.service.recording_files import edf_bytes, files_of, nothing_left

from spindle.edf import read_edf, write_edf
from spindle.errors import RecordingError
from spindle.recording import Annotation, Channel
from spindle.service import inspection, receiving, recordings
from spindle.service.context import Context
from spindle.service.files import FileStore
from spindle.service.recordings import clean_name
from spindle.service.tables import Account, AuditEntry, Job, LabelFile, Model, Recording, Scoring

PUT = "/api/v1/recordings"


@pytest.fixture
def edf(tmp_path: Path) -> bytes:
    return edf_bytes(tmp_path)


def put(client: TestClient, content: bytes, name: str = "mouse07.edf", **headers: str) -> Any:
    return client.put(PUT, params={"name": name}, content=content, headers=headers)


def add(client: TestClient, content: bytes, name: str = "mouse07.edf") -> dict[str, Any]:
    answer = put(client, content, name)
    assert answer.status_code == 201, answer.text
    return answer.json()


def set_quota(context: Context, client: Any, size: int) -> None:
    with context.database.writing() as session:
        session.execute(update(Account).where(Account.id == client.account_id).values(quota_bytes=size))


def test_a_file_becomes_a_recording_with_the_channels_that_would_be_scored(ann: TestClient, edf: bytes) -> None:
    made = add(ann, edf)
    assert made["name"] == "mouse07.edf"
    assert made["sha256"] == hashlib.sha256(edf).hexdigest()
    assert made["duration_s"] == 40
    assert [(one["label"], one["role"]) for one in made["channels"]] == [
        ("EEG1", "EEG"),
        ("EEG2", "EEG"),
        ("EMG", "EMG"),
    ]
    assert any("from their labels" in note for note in made["notes"])
    assert ann.get(f"{PUT}/{made['id']}/file").content == edf
    assert ann.get(PUT).json()["items"] == [made]


def test_what_is_stored_lies_under_a_key_of_ours(context: Context, ann: TestClient, edf: bytes) -> None:
    made = add(ann, edf, "../../a/b\\m\x00ouse\n7.edf")
    assert made["name"] == "m ouse 7.edf"
    assert files_of(context) == [f"recordings/{made['id']}/recording.edf"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/etc/passwd", "passwd"),
        ("..", "recording.edf"),
        ("a/../", "a"),
        ("C:\\data\\mouse 7.edf", "mouse 7.edf"),
        ("\u202efde.exe", "fde.exe"),
        ("m\udc80.edf", "m?.edf"),
    ],
)
def test_names_are_shown_without_folders_and_invisible_marks(name: str, shown: str) -> None:
    assert clean_name(name) == shown


def test_a_long_name_keeps_its_end() -> None:
    found = clean_name("m" * 300 + ".edf")
    assert len(found) == 200
    assert found.endswith(".edf")


def test_the_same_file_again_is_the_same_recording(context: Context, ann: TestClient, edf: bytes) -> None:
    made = add(ann, edf)
    again = put(ann, edf, "another name.edf")
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    assert len(files_of(context)) == 1


def test_the_same_file_twice_at_once_is_one_recording(context: Context, ann: TestClient, edf: bytes) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: put(ann, edf), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(files_of(context)) == 1


def test_a_zero_in_a_name_finds_nothing(ann: TestClient) -> None:
    assert ann.get(PUT, params={"search": "\0"}).json()["items"] == []
    assert ann.get(f"{PUT}/%00").status_code == 422
    cursor = base64.urlsafe_b64encode(b"2025-01-01T00:00:00+00:00 \0").decode()
    assert ann.get(PUT, params={"cursor": cursor}).status_code == 422


def test_two_people_may_have_the_same_file(ann: TestClient, bob: TestClient, edf: bytes) -> None:
    assert add(ann, edf)["id"] != add(bob, edf)["id"]


def lying(edf: bytes) -> bytes:
    return edf[:236] + b"9999999 " + edf[244:]


@pytest.mark.parametrize("change", [lambda edf: b"no edf at all", lambda edf: b"", lambda edf: edf[:-9], lying])
def test_what_is_no_recording_is_refused_as_at_the_command_line(
    context: Context, ann: TestClient, edf: bytes, tmp_path: Path, change: Any
) -> None:
    broken = change(edf)
    path = tmp_path / "mouse07.edf"
    path.write_bytes(broken)
    with pytest.raises(RecordingError) as expected:
        read_edf(path)
    answer = put(ann, broken)
    assert (answer.status_code, answer.json()["detail"]) == (422, str(expected.value))
    assert nothing_left(context)


@pytest.mark.parametrize(("bound", "word"), [("CHANNELS", "channels"), ("RECORDS", "records"), ("REMARKS", "remarks")])
def test_a_file_made_to_fill_the_memory_is_refused(
    context: Context, ann: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, word: str
) -> None:
    path = tmp_path / "remarks.edf"
    remarks = [Annotation(onset_s=float(second), duration_s=1.0, text="here") for second in range(20)]
    write_edf(path, [Channel.from_array("EEG", np.arange(128.0 * 40), 128.0)], annotations=remarks)
    assert put(ann, path.read_bytes()).status_code == 201
    monkeypatch.setattr(inspection, f"MOST_{bound}", 1)
    answer = put(ann, path.read_bytes() + b"another file")
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert len(files_of(context)) == 1


def test_a_file_with_more_than_its_header_says_is_taken_with_a_note(ann: TestClient, edf: bytes) -> None:
    assert any("goes on for 7 bytes" in note for note in add(ann, edf + bytes(7))["notes"])


def test_a_wrong_checksum_is_refused(context: Context, ann: TestClient, edf: bytes) -> None:
    answer = put(ann, edf, **{"X-Checksum-SHA256": "0" * 64})
    assert answer.status_code == 422
    assert "checksum" in answer.json()["detail"]
    assert nothing_left(context)
    right = hashlib.sha256(edf).hexdigest().upper()
    assert put(ann, edf, **{"X-Checksum-SHA256": right}).status_code == 201


def test_ten_gigabytes_are_refused_before_they_come(context: Context, ann: TestClient) -> None:
    answer = put(ann, b"", **{"Content-Length": str(10**10)})
    assert answer.status_code == 413
    assert "10 GB" in answer.json()["detail"]
    assert nothing_left(context)


def test_what_does_not_fit_the_quota_is_refused_while_it_comes(context: Context, ann: TestClient, edf: bytes) -> None:
    set_quota(context, ann, 10_000)

    def pieces() -> Iterator[bytes]:
        for place in range(0, len(edf), 1000):
            yield edf[place : place + 1000]

    for content in (edf, pieces()):
        answer = ann.put(PUT, params={"name": "mouse07.edf"}, content=content)
        assert answer.status_code == 413
        assert "10 kB" in answer.json()["detail"]
    assert nothing_left(context)


def test_two_files_at_once_cannot_exceed_the_quota(
    context: Context, ann: TestClient, tmp_path: Path, edf: bytes
) -> None:
    set_quota(context, ann, int(2.5 * len(edf)))
    files = [edf_bytes(tmp_path, seed=seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda one: put(ann, one).status_code, files))
    assert sorted(answers) == [201, 201, 413, 413, 413, 413]
    assert len(files_of(context)) == 2


def test_a_full_disk_is_said_and_nothing_is_left(
    context: Context, ann: TestClient, edf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(receiving._Writer, "write", full)
        answer = put(ann, edf)
    assert (answer.status_code, "disk is full" in answer.json()["detail"]) == (507, True)
    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "put", full)
        answer = put(ann, edf)
    assert answer.status_code == 507
    with monkeypatch.context() as patch:
        patch.setattr(recordings.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
        answer = put(ann, edf)
    assert answer.status_code == 507
    assert nothing_left(context)


def test_what_a_sender_who_went_away_had_sent_is_deleted(context: Context, app: Any, ann: TestClient) -> None:
    import asyncio

    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"0       " * 1000, "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        pass

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "PUT",
        "path": PUT,
        "raw_path": PUT.encode(),
        "query_string": b"name=mouse07.edf",
        "headers": [(b"authorization", ann.headers["Authorization"].encode())],
        "scheme": "http",
        "server": ("test", 80),
        "client": ("test", 1),
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    assert nothing_left(context)


def test_channels_are_changed_by_name(ann: TestClient, tmp_path: Path) -> None:
    made = add(ann, edf_bytes(tmp_path, ("EEG1", "EEG2", "EMG", "Aux")))
    place = f"{PUT}/{made['id']}"
    changed = ann.patch(place, json={"eeg": ["EEG2"], "emg": "Aux", "name": "a/new.edf"}).json()
    assert [one["role"] for one in changed["channels"]] == [None, "EEG", None, "EMG"]
    assert (changed["eeg"], changed["emg"], changed["name"]) == (["EEG2"], "Aux", "new.edf")
    wrong = ann.patch(place, json={"emg": "EMG2"})
    assert wrong.status_code == 422
    assert wrong.json()["detail"] == "EMG channel 'EMG2' is not in new.edf; it has EEG1, EEG2, EMG, Aux."
    assert ann.get(place).json()["emg"] == "Aux"
    back = ann.patch(place, json={"eeg": [], "emg": None}).json()
    assert [one["role"] for one in back["channels"]] == ["EEG", "EEG", "EMG", None]


def test_channels_of_one_label_are_told_apart(ann: TestClient, tmp_path: Path) -> None:
    made = add(ann, edf_bytes(tmp_path, ("EEG", "EEG", "EMG")))
    assert [one["name"] for one in made["channels"]] == ["EEG#1", "EEG#2", "EMG"]
    changed = ann.patch(f"{PUT}/{made['id']}", json={"eeg": ["EEG#2"], "emg": "EMG"}).json()
    assert [one["role"] for one in changed["channels"]] == [None, "EEG", "EMG"]


def test_a_recording_whose_labels_tell_nothing_is_scored_after_channels_are_chosen(
    ann: TestClient, tmp_path: Path
) -> None:
    made = add(ann, edf_bytes(tmp_path, ("A", "B", "C")))
    assert "No channel of mouse07.edf looks like an EEG" in made["choice_problem"]
    refused = ann.post(f"{PUT}/{made['id']}/score", json={})
    assert (refused.status_code, refused.json()["detail"]) == (422, made["choice_problem"])
    ann.patch(f"{PUT}/{made['id']}", json={"eeg": ["A", "B"], "emg": "C"})
    assert ann.post(f"{PUT}/{made['id']}/score", json={}).status_code == 202


def test_scoring_is_a_job_that_says_all_that_decides_its_result(context: Context, ann: TestClient, edf: bytes) -> None:
    made = add(ann, edf)
    with context.database.writing() as session:
        model = Model(owner_id=ann.account_id, name="ours", file="models/x/model.safetensors", card={})  # type: ignore[attr-defined]
        session.add(model)
    answer = ann.post(f"{PUT}/{made['id']}/score", json={"model": model.id, "artifact_threshold": 0.4})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    with context.database.reading() as session:
        job = session.get(Job, answer.json()["id"])
    assert job is not None
    assert job.request == {
        "recording": {"id": made["id"], "file": f"recordings/{made['id']}/recording.edf", "name": "mouse07.edf"},
        "eeg": [],
        "emg": None,
        "model": {"id": model.id, "file": "models/x/model.safetensors", "name": "ours"},
        "method": "spindle",
        "artifact_threshold": 0.4,
    }
    assert ann.get(f"{PUT}/{made['id']}").json()["job"]["id"] == job.id
    assert ann.get(PUT, params={"unscored": True}).json()["items"] == []


@pytest.mark.parametrize(
    ("wanted", "status"), [({"model": "nobody's"}, 404), ({"artifact_threshold": 1}, 422), ({"method": "x"}, 422)]
)
def test_what_cannot_be_scored_so_makes_no_job(
    context: Context, ann: TestClient, edf: bytes, wanted: Any, status: int
) -> None:
    made = add(ann, edf)
    assert ann.post(f"{PUT}/{made['id']}/score", json=wanted).status_code == status
    with context.database.reading() as session:
        assert not session.scalars(select(Job)).all()


def test_recordings_are_found_by_a_part_of_their_name(ann: TestClient, tmp_path: Path) -> None:
    for seed, name in enumerate(("Mouse_1.edf", "mouse%2.edf", "rat.edf")):
        add(ann, edf_bytes(tmp_path, seed=seed), name)

    def found(**params: Any) -> list[str]:
        return [one["name"] for one in ann.get(PUT, params=params).json()["items"]]

    assert found(search="mouse") == ["mouse%2.edf", "Mouse_1.edf"]
    assert found(search="%") == ["mouse%2.edf"]
    assert found(search="_") == ["Mouse_1.edf"]
    page = ann.get(PUT, params={"limit": 2}).json()
    assert [one["name"] for one in page["items"]] == ["rat.edf", "mouse%2.edf"]
    assert found(limit=2, cursor=page["next"]) == ["Mouse_1.edf"]


def test_deleting_deletes_all_that_belongs_to_a_recording(context: Context, ann: TestClient, edf: bytes) -> None:
    made = add(ann, edf)
    put_labels(ann, made["id"])
    job = ann.post(f"{PUT}/{made['id']}/score", json={}).json()
    with context.database.writing() as session:
        scoring = Scoring(
            owner_id=ann.account_id,  # type: ignore[attr-defined]
            recording_id=made["id"],
            job_id=job["id"],
            model_name="starter",
            epochs=10,
            epoch_s=4,
            artifact_threshold=0.5,
            summary={},
        )
        session.add(scoring)
    source = context.files.scratch / "scores.npz"
    source.write_bytes(b"scores")
    context.files.put(source, f"scorings/{scoring.id}/scores.npz")
    assert ann.delete(f"{PUT}/{made['id']}").status_code == 204
    assert nothing_left(context)
    with context.database.reading() as session:
        for table in (Recording, LabelFile, Job, Scoring):
            assert not session.scalars(select(table)).all()
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)).all()
    assert actions == ["recording.add", "labels.add", "recording.score", "recording.delete"]
    assert ann.get(f"{PUT}/{made['id']}").status_code == 404


def put_labels(client: TestClient, recording_id: str, text: str | None = None) -> Any:
    text = "".join(f"{epoch},w\n" for epoch in range(10)) if text is None else text
    return client.put(f"{PUT}/{recording_id}/labels", params={"name": "expert 1.csv"}, content=text.encode())


def test_labels_are_kept_with_their_recording(ann: TestClient, edf: bytes) -> None:
    made = add(ann, edf)
    answer = put_labels(ann, made["id"])
    assert (answer.status_code, answer.json()["epochs"], answer.json()["name"]) == (201, 10, "expert 1.csv")
    labels = answer.json()["id"]
    assert ann.get(f"{PUT}/{made['id']}/labels").json() == [answer.json()]
    assert ann.get(f"{PUT}/{made['id']}").json()["labels"] == 1
    assert ann.get(f"/api/v1/labels/{labels}/file").text.startswith("0,w")
    assert ann.delete(f"/api/v1/labels/{labels}").status_code == 204
    assert ann.get(f"{PUT}/{made['id']}/labels").json() == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0,w\n1,n\n", "expert 1.csv has 2 epochs, mouse07.edf has 10."),
        ("hello", "expert 1.csv is no label file"),
        ("", "expert 1.csv"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    context: Context, ann: TestClient, edf: bytes, text: str, sentence: str
) -> None:
    made = add(ann, edf)
    answer = put_labels(ann, made["id"], text)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]
    assert len(files_of(context)) == 1


def test_others_find_nothing(ann: TestClient, bob: TestClient, edf: bytes) -> None:
    made = add(ann, edf)
    labels = put_labels(ann, made["id"]).json()["id"]
    place = f"{PUT}/{made['id']}"
    answers = [
        bob.get(place),
        bob.get(f"{place}/file"),
        bob.patch(place, json={"name": "x"}),
        bob.post(f"{place}/score", json={}),
        bob.get(f"{place}/labels"),
        put_labels(bob, made["id"]),
        bob.get(f"/api/v1/labels/{labels}/file"),
        bob.delete(f"/api/v1/labels/{labels}"),
        bob.delete(place),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert bob.get(PUT).json()["items"] == []
