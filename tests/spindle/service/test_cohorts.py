"""Cohorts: groups of scored animals, and the files that an analysis leaves."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from fastapi.testclient import TestClient

from spindle.service.context import Context
from spindle.service.tables import Correction, Job, JobKind, JobState, Recording, Scoring


def scored(context: Context, client: Any, name: str = "mouse.edf", animal: str = "") -> str:
    """Make the rows of a scored recording that belongs to this client; return the scoring's id."""
    owner = client.account_id
    recording = Recording(
        owner_id=owner, name=name, size_bytes=10, sha256=f"{name}{owner}"[:64], file="", duration_s=8.0, channels=[]
    )
    with context.database.writing() as session:
        session.add(recording)
        session.flush()
        job = Job(owner_id=owner, kind=JobKind.SCORE, recording_id=recording.id, request={}, state=JobState.DONE)
        session.add(job)
        session.flush()
        scoring = Scoring(
            owner_id=owner,
            recording_id=recording.id,
            job_id=job.id,
            animal=animal,
            model_name="starter",
            epochs=2,
            epoch_s=4.0,
            artifact_threshold=0.5,
            summary={},
        )
        session.add(scoring)
    return scoring.id


def analysed(context: Context, client: Any, cohort_id: str, files: dict[str, str]) -> None:
    """Leave what an analysis leaves."""
    with context.database.writing() as session:
        job = Job(
            owner_id=client.account_id, kind=JobKind.ANALYZE, cohort_id=cohort_id, request={}, state=JobState.DONE
        )
        session.add(job)
    for name, content in files.items():
        with context.files.working_folder() as folder:
            (folder / "file").write_text(content)
            context.files.put(folder / "file", f"cohorts/{cohort_id}/{job.id}/{name}")


def test_a_cohort_is_made_changed_listed_and_deleted(context: Context, ann: TestClient) -> None:
    scoring = scored(context, ann)
    made = ann.post("/api/v1/cohorts", json={"name": "first"}).json()
    row = {"scoring_id": scoring, "group": "control", "animal": "", "lights_on": "07:00"}
    changed = ann.patch(f"/api/v1/cohorts/{made['id']}", json={"rows": [row], "settings": {"bin_hours": 2}}).json()
    assert changed["rows"][0] | row == changed["rows"][0]
    assert changed["rows"][0]["usual_name"] == "mouse"
    assert changed["settings"] == {"bin_hours": 2}
    assert [one["name"] for one in ann.get("/api/v1/cohorts").json()["items"]] == ["first"]
    assert ann.delete(f"/api/v1/cohorts/{made['id']}").status_code == 204
    assert ann.get(f"/api/v1/cohorts/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": [{"scoring_id": "nothing", "group": "a"}]}, "not there"),
        ({"settings": {"bin_hours": -1}}, "bin-hours must be more than 0"),
        ({"settings": {"colour": "red"}}, "colour"),
        ({"settings": {"statistics": "magic"}}, "statistics"),
    ],
)
def test_a_cohort_that_cannot_be_is_refused_in_a_sentence(ann: TestClient, change: dict[str, Any], words: str) -> None:
    made = ann.post("/api/v1/cohorts", json={"name": "first"}).json()
    answer = ann.patch(f"/api/v1/cohorts/{made['id']}", json=change)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_row_with_a_wrong_time_of_day_is_refused(context: Context, ann: TestClient) -> None:
    row = {"scoring_id": scored(context, ann), "group": "a", "lights_on": "25:99"}
    answer = ann.post("/api/v1/cohorts", json={"name": "first", "rows": [row]})
    assert (answer.status_code, "25:99" in answer.json()["detail"]) == (422, True)


def test_another_users_scoring_cannot_be_in_a_cohort(context: Context, ann: TestClient, bob: TestClient) -> None:
    row = {"scoring_id": scored(context, ann), "group": "a"}
    assert bob.post("/api/v1/cohorts", json={"name": "theirs", "rows": [row]}).status_code == 422


def test_an_analysis_is_told_of_thresholds_and_of_the_corrections_that_hold(context: Context, ann: TestClient) -> None:
    scoring = scored(context, ann, "a b.edf", "09")
    with context.database.writing() as session:
        row = session.get_one(Scoring, scoring)
        row.artifact_threshold, row.revision = 0.7, 1
        session.add(Correction(scoring_id=scoring, number=1, first=0, last=1, stage="wake", artifact=None))
        session.add(Correction(scoring_id=scoring, number=2, first=0, last=0, stage="rem", artifact=None))
    rows = [{"scoring_id": scoring, "group": "control"}]
    cohort = ann.post("/api/v1/cohorts", json={"name": "first", "rows": rows}).json()
    job = ann.post(f"/api/v1/cohorts/{cohort['id']}/analyze")
    assert job.status_code == 202
    with context.database.reading() as session:
        request = session.get_one(Job, job.json()["id"]).request
    assert request["rows"][0]["animal"] == "a b_09"
    assert request["rows"][0]["scoring"] == {
        "id": scoring,
        "animal": "09",
        "artifact_threshold": 0.7,
        "corrections": [{"first": 0, "last": 1, "stage": "wake", "artifact": None}],
    }
    assert ann.get(f"/api/v1/cohorts/{cohort['id']}").json()["job"]["id"] == job.json()["id"]


@pytest.mark.parametrize("group", ["", "?", "NA"])
def test_animals_without_any_group_are_not_analysed(context: Context, ann: TestClient, group: str) -> None:
    rows = [{"scoring_id": scored(context, ann), "group": group}]
    cohort = ann.post("/api/v1/cohorts", json={"name": "first", "rows": rows}).json()
    answer = ann.post(f"/api/v1/cohorts/{cohort['id']}/analyze")
    assert (answer.status_code, answer.json()["detail"]) == (422, "No animal of first has a group.")


def test_two_animals_of_one_name_are_told_apart_first(context: Context, ann: TestClient) -> None:
    rows = [{"scoring_id": scored(context, ann, name), "group": "a", "animal": "m1"} for name in ("a.edf", "b.edf")]
    cohort = ann.post("/api/v1/cohorts", json={"name": "first", "rows": rows}).json()
    answer = ann.post(f"/api/v1/cohorts/{cohort['id']}/analyze")
    assert (answer.status_code, "'m1'" in answer.json()["detail"]) == (422, True)


def test_results_are_listed_sent_and_packed(context: Context, ann: TestClient) -> None:
    cohort = ann.post("/api/v1/cohorts", json={"name": "Mäuse/1"}).json()["id"]
    assert ann.get(f"/api/v1/cohorts/{cohort}/files").status_code == 404
    files = {"analysis.html": "<p>", "tables/states.csv": "a,b", "figures/states.svg": "<svg/>", "work/m1.npz": "x"}
    analysed(context, ann, cohort, files)
    assert ann.get(f"/api/v1/cohorts/{cohort}").json()["results"] is True
    listed = {one["path"] for one in ann.get(f"/api/v1/cohorts/{cohort}/files").json()}
    assert listed == {"analysis.html", "tables/states.csv", "figures/states.svg"}
    table = ann.get(f"/api/v1/cohorts/{cohort}/files/tables/states.csv")
    assert (table.text, table.headers["content-type"]) == ("a,b", "text/csv; charset=utf-8")
    assert "filename*=UTF-8''M%C3%A4use%2F1%20states.csv" in table.headers["content-disposition"]
    packed = zipfile.ZipFile(io.BytesIO(ann.get(f"/api/v1/cohorts/{cohort}/archive.zip").content))
    assert set(packed.namelist()) == listed
    assert list(context.files.scratch.iterdir()) == []


@pytest.mark.parametrize("path", ["../../../etc/passwd", "work/m1.npz", "..%2F..%2Fspindle.sqlite", "tables"])
def test_nothing_but_results_is_sent(context: Context, ann: TestClient, path: str) -> None:
    cohort = ann.post("/api/v1/cohorts", json={"name": "first"}).json()["id"]
    analysed(context, ann, cohort, {"tables/states.csv": "a", "work/m1.npz": "x"})
    assert ann.get(f"/api/v1/cohorts/{cohort}/files/{path}").status_code == 404


def test_a_finished_page_is_looked_at_apart_from_the_service(context: Context, ann: TestClient) -> None:
    cohort = ann.post("/api/v1/cohorts", json={"name": "first"}).json()["id"]
    analysed(context, ann, cohort, {"analysis.html": "<p>"})
    page = ann.get(f"/api/v1/cohorts/{cohort}/files/analysis.html?shown=true")
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert page.headers["content-disposition"].startswith("inline")


def test_the_pages_of_cohorts_are_ones_own(ann: TestClient, bob: TestClient, nobody: TestClient) -> None:
    cohort = ann.post("/api/v1/cohorts", json={"name": "<b>first</b>"}).json()["id"]
    page = ann.get(f"/cohorts/{cohort}").text
    assert "&lt;b&gt;first" in page and "<b>first" not in page
    assert "Bin hours" in page
    assert bob.get(f"/cohorts/{cohort}").status_code == 404
    assert nobody.get(f"/cohorts/{cohort}").status_code == 303
    assert ann.get("/cohorts").status_code == ann.get("/models").status_code == 200
