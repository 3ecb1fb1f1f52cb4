"""Scorings through the service's routes: corrections, thresholds, windows and files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.spindle.examples import example_scores

from spindle.labels import read_labels
from spindle.outputs import read_scores_csv
from spindle.recording import Channel, Montage
from spindle.scores import Scores
from spindle.service.context import Context
from spindle.service.envelopes import write_envelopes
from spindle.service.packed import packed, unpacked
from spindle.service.scored import in_short, save_scores
from spindle.service.tables import Correction, Job, JobKind, JobState, Recording, Scoring

EPOCHS = 300


def keep(context: Context, owner_id: str, scores: Scores, name: str = "mouse07.edf") -> str:
    """Put a scoring into the service, as a job leaves it, and return its id."""
    with context.database.writing() as session:
        recording = Recording(
            owner_id=owner_id,
            name=name,
            size_bytes=1,
            sha256=name,
            file="recordings/x/recording.edf",
            duration_s=4.0 * len(scores.hypnogram),
            channels=[],
        )
        session.add(recording)
        session.flush()
        job = Job(owner_id=owner_id, kind=JobKind.SCORE, recording_id=recording.id, request={}, state=JobState.DONE)
        session.add(job)
        session.flush()
        scoring = Scoring(
            owner_id=owner_id,
            recording_id=recording.id,
            job_id=job.id,
            animal=scores.animal,
            model_name=scores.model_name,
            epochs=len(scores.hypnogram),
            epoch_s=scores.hypnogram.epoch_s,
            artifact_threshold=scores.artifact_threshold,
            summary=in_short(scores),
        )
        session.add(scoring)
        session.flush()
        made = scoring.id
    with context.files.working_folder() as folder:
        save_scores(scores, folder / "scores.npz")
        write_envelopes(montage_of(len(scores.hypnogram)), folder / "envelopes")
        context.files.put_folder(folder, f"scorings/{made}")
    return made


def montage_of(epochs: int) -> Montage:
    rng = np.random.default_rng(7)
    names = ("EEG1", "EEG2", "EMG")
    eeg1, eeg2, emg = (
        Channel.from_array(name, rng.normal(0, 50, epochs * 256).astype(np.float32), 64.0) for name in names
    )
    return Montage(eeg=(eeg1, eeg2), emg=emg)


@pytest.fixture
def scores() -> Scores:
    return example_scores(EPOCHS)


@pytest.fixture
def address(context: Context, ann: TestClient, scores: Scores) -> str:
    """Where ann's scoring is."""
    return f"/api/v1/scorings/{keep(context, ann.account_id, scores)}"  # type: ignore[attr-defined]


def correct(client: TestClient, address: str, **wanted: Any) -> dict[str, Any]:
    answer = client.post(f"{address}/corrections", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


def whole(client: TestClient, address: str, **query: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = client.get(f"{address}/view", params={"whole": True, **query})
    assert answer.status_code == 200, answer.text
    return unpacked(answer.content)


def test_a_scoring_is_shown_to_its_owner_alone(ann: TestClient, bob: TestClient, address: str) -> None:
    shown = ann.get(address).json()
    assert (shown["epochs"], shown["artifact_threshold"], shown["revision"]) == (EPOCHS, 0.5, 0)
    assert [one["id"] for one in ann.get("/api/v1/scorings").json()["items"]] == [shown["id"]]
    mine = ann.get("/api/v1/scorings", params={"recording": shown["recording_id"]}).json()
    assert len(mine["items"]) == 1
    assert ann.get("/api/v1/scorings", params={"recording": "other"}).json()["items"] == []
    assert bob.get("/api/v1/scorings").json()["items"] == []
    for path in ("", "/view", "/summary", "/corrections", "/files/scores.csv"):
        assert bob.get(address + path).status_code == 404
    assert bob.post(f"{address}/corrections", json={"first": 0, "last": 0, "stage": "rem"}).status_code == 404
    assert bob.post(f"{address}/undo").status_code == 404
    assert bob.delete(address).status_code == 404
    assert bob.patch(address, json={"artifact_threshold": 0.7}).status_code == 404


def test_corrections_are_undone_and_redone_and_the_original_stays(
    ann: TestClient, address: str, scores: Scores
) -> None:
    answer = correct(ann, address, first=10, last=12, stage="rem", artifact=True)
    assert answer == {
        "revision": 1,
        "corrections": 1,
        "first": 10,
        "last": 12,
        "stages": ["rem"] * 3,
        "artifact": [True] * 3,
    }
    answer = correct(ann, address, first=11, last=11, stage="wake")
    assert (answer["stages"], answer["artifact"]) == (["wake"], [True])
    undone = ann.post(f"{address}/undo").json()
    assert (undone["revision"], undone["corrections"], undone["stages"]) == (1, 2, ["rem"])
    undone = ann.post(f"{address}/undo").json()
    assert undone["stages"] == [stage.value for stage in scores.hypnogram.stages[10:13]]
    assert undone["artifact"] == [None] * 3
    assert ann.post(f"{address}/undo").status_code == 409
    assert ann.post(f"{address}/redo").json()["stages"] == ["rem"] * 3
    words, arrays = whole(ann, address)
    assert (words["revision"], words["corrections"]) == (1, 2)
    assert arrays["codes"][10:13].tolist() == [2, 2, 2]
    assert arrays["marks"][9:14].tolist() == [-1, 1, 1, 1, -1]
    np.testing.assert_array_equal(arrays["original"], scores.hypnogram.codes)


def test_a_correction_after_an_undo_takes_the_place_of_what_was_undone(ann: TestClient, address: str) -> None:
    correct(ann, address, first=1, last=1, stage="rem")
    correct(ann, address, first=2, last=2, stage="rem")
    ann.post(f"{address}/undo")
    answer = correct(ann, address, first=3, last=3, artifact=True)
    assert (answer["revision"], answer["corrections"]) == (2, 2)
    assert ann.post(f"{address}/redo").status_code == 409
    listed = ann.get(f"{address}/corrections").json()
    assert [(one["number"], one["first"], one["holds"]) for one in listed] == [(1, 1, True), (2, 3, True)]
    ann.post(f"{address}/undo")
    assert [one["holds"] for one in ann.get(f"{address}/corrections").json()] == [True, False]
    assert [one["number"] for one in ann.get(f"{address}/corrections", params={"after": 1}).json()] == [2]


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"first": 5, "last": 4, "stage": "rem"}, "Epochs 5 to 4"),
        ({"first": 0, "last": EPOCHS, "stage": "rem"}, f"0 to {EPOCHS - 1}"),
        ({"first": 0, "last": 0}, "sets nothing"),
        ({"first": 0, "last": 0, "stage": "dreaming"}, "stage"),
        ({"first": -1, "last": 0, "stage": "rem"}, "first"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_and_changes_nothing(
    ann: TestClient, address: str, wanted: dict[str, Any], word: str
) -> None:
    answer = ann.post(f"{address}/corrections", json=wanted)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert ann.get(address).json()["revision"] == 0


def test_corrections_made_at_once_follow_each_other(context: Context, ann: TestClient, address: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(correct, ann, address, first=epoch, last=epoch, stage="rem") for epoch in range(16)]
        revisions = [job.result()["revision"] for job in jobs]
    assert sorted(revisions) == list(range(1, 17))
    assert whole(ann, address)[1]["codes"][:16].tolist() == [2] * 16
    with context.database.reading() as session:
        assert session.query(Correction).count() == 16


def test_the_threshold_moves_flags_and_counts_without_scoring(ann: TestClient, address: str, scores: Scores) -> None:
    probability = np.nan_to_num(scores.artifact_probability)
    scored = scores.hypnogram.scored
    for threshold in (0.2, 0.8):
        shown = ann.get(f"{address}/summary", params={"threshold": threshold}).json()
        assert shown["artifact_epochs"] == int(((probability > threshold) & scored).sum())
        assert shown["threshold"] == threshold
    assert ann.get(address).json()["artifact_threshold"] == 0.5
    changed = ann.patch(address, json={"artifact_threshold": 0.2}).json()
    assert changed["artifact_threshold"] == 0.2
    assert changed["summary"]["artifact_share"] == pytest.approx(((probability > 0.2) & scored).sum() / scored.sum())
    assert ann.get(f"{address}/summary").json()["threshold"] == 0.2
    for wrong in (0, 1, -3, 2, "x", None):
        assert ann.patch(address, json={"artifact_threshold": wrong}).status_code == 422
    assert ann.get(f"{address}/summary", params={"threshold": 1}).status_code == 422


def test_the_summary_counts_states_and_corrected_epochs(ann: TestClient, address: str, scores: Scores) -> None:
    before = ann.get(f"{address}/summary").json()
    assert before["corrected_epochs"] == 0
    assert sum(state["share"] for state in before["states"]) == pytest.approx(1.0)
    correct(ann, address, first=0, last=99, stage="nrem")
    after = ann.get(f"{address}/summary").json()
    changed = int((scores.hypnogram.codes[:100] != 1).sum())
    assert after["corrected_epochs"] == changed
    assert after["states"][1]["epochs"] == before["states"][1]["epochs"] + changed
    assert ann.get(f"{address}/summary", params={"version": "original"}).json() == before
    assert ann.get(address).json()["summary"]["shares"]["nrem"] == pytest.approx(after["states"][1]["share"])


def test_a_window_holds_its_epochs_in_as_many_columns_as_asked(ann: TestClient, address: str) -> None:
    words, arrays = whole(ann, address, columns=50)
    assert arrays["spectrogram"].shape == (24, 50)
    assert arrays["signals"].shape == (3, 50, 2)
    assert len(arrays["artifact_probability"]) == len(arrays["codes"]) == EPOCHS
    assert arrays["stage_probability"].shape == (3, EPOCHS)
    assert [one["label"] for one in words["channels"]] == ["EEG1", "EEG2", "EMG"]
    answer = ann.get(f"{address}/view", params={"first": 10, "last": 10, "columns": 2000})
    words, arrays = unpacked(answer.content)
    assert set(arrays) == {"spectrogram", "signals"}
    assert arrays["spectrogram"].shape == (24, 1)
    assert arrays["signals"].shape == (3, 128, 2)
    assert words["signals"] == {"first_s": 40.0, "column_s": 1 / 32}
    assert words["spectrogram"] == {"first": 10, "size": 1, "last": 10}


@pytest.mark.parametrize("query", [{"first": EPOCHS}, {"last": EPOCHS}, {"first": 5, "last": 4}, {"columns": 0}])
def test_a_window_that_is_none_is_refused(ann: TestClient, address: str, query: dict[str, int]) -> None:
    assert ann.get(f"{address}/view", params=query).status_code == 422


def test_unscored_epochs_do_not_darken_their_columns(ann: TestClient, address: str, scores: Scores) -> None:
    _, fine = whole(ann, address, columns=EPOCHS)
    assert ((fine["spectrogram"] == 0).all(axis=0) == (scores.hypnogram.codes < 0)).all()
    _, coarse = whole(ann, address, columns=30)
    assert (coarse["spectrogram"] > 0).all()


@pytest.mark.parametrize("kind", ["scores.csv", "stages.csv", "artifacts.csv", "hypnogram.edf", "events.tsv"])
def test_files_hold_the_corrected_states_or_the_original(
    ann: TestClient, address: str, scores: Scores, tmp_path: Path, kind: str
) -> None:
    correct(ann, address, first=0, last=4, stage="rem", artifact=True)
    for version, first in (("corrected", 2), ("original", int(scores.hypnogram.codes[0]))):
        answer = ann.get(f"{address}/files/{kind}", params={"version": version})
        assert answer.status_code == 200, answer.text
        path = tmp_path / f"{version}_{kind}"
        path.write_bytes(answer.content)
        if kind != "artifacts.csv":
            assert read_labels(path, epochs=EPOCHS)[0].codes[0] == first
    name = f"mouse07_original_{kind}"
    assert f'filename="{name}"' in answer.headers["content-disposition"]


def test_files_are_at_the_threshold_that_is_asked_for(ann: TestClient, address: str, tmp_path: Path) -> None:
    flags = []
    for threshold in (0.05, 0.5, 0.9):
        path = tmp_path / "scores.csv"
        path.write_bytes(ann.get(f"{address}/files/scores.csv", params={"threshold": threshold}).content)
        flags.append(int(read_scores_csv(path).hypnogram.artifact.sum()))
    assert flags[0] > flags[1] > flags[2]


def test_the_report_says_that_a_person_corrected(context: Context, ann: TestClient, address: str) -> None:
    correct(ann, address, first=0, last=4, stage="rem")
    answer = ann.get(f"{address}/files/report.html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "corrected by a person" in answer.text
    assert list(context.files.scratch.iterdir()) == []


def test_a_name_with_slashes_and_quotes_names_a_harmless_file(context: Context, ann: TestClient) -> None:
    owner = ann.account_id  # type: ignore[attr-defined]
    made = keep(context, owner, example_scores(30, animal="3"), name='..\\a/b "ü"\r\nX: y.edf')
    named = ann.get(f"/api/v1/scorings/{made}/files/scores.csv").headers["content-disposition"]
    assert named.startswith('attachment; filename="b __ X_ y_3_scores.csv"') or "/" not in named.partition("''")[0]
    assert "\n" not in named and "\\" not in named


def test_deleting_deletes_files_and_corrections(context: Context, ann: TestClient, address: str) -> None:
    correct(ann, address, first=0, last=4, stage="rem")
    made = address.rpartition("/")[2]
    assert context.files.names(f"scorings/{made}")
    assert ann.delete(address).status_code == 204
    assert ann.get(address).status_code == 404
    assert context.files.names(f"scorings/{made}") == []
    with context.database.reading() as session:
        assert session.query(Correction).count() == 0
        assert session.query(Recording).count() == 1


def test_a_scoring_whose_files_are_gone_says_so(context: Context, ann: TestClient, address: str) -> None:
    context.files.remove(f"scorings/{address.rpartition('/')[2]}")
    for path in ("/view", "/summary", "/files/scores.csv"):
        answer = ann.get(address + path)
        assert answer.status_code == 404
        assert "score the recording again" in answer.json()["detail"]


def test_the_page_is_for_its_owner(ann: TestClient, bob: TestClient, nobody: TestClient, address: str) -> None:
    page = address.removeprefix("/api/v1")
    shown = ann.get(page)
    assert shown.status_code == 200
    assert "mouse07.edf" in shown.text
    assert (
        "'unsafe-inline'" not in shown.headers["content-security-policy"].partition("script-src")[2].partition(";")[0]
    )
    assert bob.get(page).status_code == 404
    assert nobody.get(page).headers["location"] == f"/sign-in?next={page}"


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "float32", "float64"])
def test_arrays_come_back_from_one_answer(kind: str) -> None:
    arrays = {"a": np.arange(7).astype(kind), "b": np.zeros((0, 2), dtype=kind), "c": np.ones((3, 5), dtype=kind).T}
    words, found = unpacked(packed({"name": "µ"}, arrays))
    assert words == {"name": "µ"}
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
