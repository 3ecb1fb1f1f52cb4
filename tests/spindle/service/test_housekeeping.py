"""Clearing up: nothing that a row names goes, and nothing that may still be wanted."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from spindle.service.context import Context
from spindle.service.files import FileStore
from spindle.service.housekeeping import DAY_S, LEFT_S, clear_scratch, forget_old, sweep
from spindle.service.settings import StorageOptions
from spindle.service.tables import (
    Account,
    AuditEntry,
    Cohort,
    Job,
    JobKind,
    JobState,
    LabelFile,
    Model,
    Recording,
    Scoring,
    now,
)


def put(context: Context, key: str, age_s: float = 0.0) -> Path:
    source = context.files.scratch / "file"
    source.write_text("content", encoding="utf-8")
    context.files.put(source, key)
    path = context.files.folder / key
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


@pytest.fixture
def laboratory(context: Context) -> Context:
    """One of each: a recording with labels and a scoring, a model, a cohort with an analysis; ten days old."""
    owner, old = "a" * 32, now() - timedelta(days=10)
    with context.database.writing() as session:
        session.add(Account(id=owner, name="ann", password_hash="", role="user"))
        session.flush()
        session.add(
            Recording(id="r" * 32, owner_id=owner, name="mouse.edf", size_bytes=1, sha256="", file="recordings/r/r",
                      duration_s=1.0, channels=[], created_at=old)
        )  # fmt: skip
        session.add(Cohort(id="c" * 32, owner_id=owner, name="mice", job_id="j" * 32, created_at=old))
        session.add(Model(id="m" * 32, owner_id=owner, name="m", file="models/m/m", card={}, created_at=old))
        session.flush()
        session.add(
            LabelFile(id="l" * 32, owner_id=owner, recording_id="r" * 32, name="l", file="labels/l/l", epochs=1)
        )
        for key, kind, recording_id, cohort_id in (
            ("s", JobKind.SCORE, "r" * 32, None),
            ("j", JobKind.ANALYZE, None, "c" * 32),
        ):
            session.add(
                Job(id=key * 32, owner_id=owner, kind=kind, request={}, state=JobState.DONE, created_at=old,
                    recording_id=recording_id, cohort_id=cohort_id)
            )  # fmt: skip
        session.flush()
        session.add(
            Scoring(id="s" * 32, owner_id=owner, recording_id="r" * 32, job_id="s" * 32, model_name="m", epochs=1,
                    epoch_s=4.0, artifact_threshold=0.5, summary={})
        )  # fmt: skip
    return context


NAMED = [
    f"recordings/{'r' * 32}/recording.edf",
    f"labels/{'l' * 32}/labels",
    f"models/{'m' * 32}/model.safetensors",
    f"scorings/{'s' * 32}/envelopes/level0.npy",
    f"cohorts/{'c' * 32}/{'j' * 32}/tables/animals.csv",
]


def test_what_a_row_names_stays_however_old_it_is(laboratory: Context) -> None:
    paths = [put(laboratory, key, age_s=1000 * DAY_S) for key in NAMED]
    assert sweep(laboratory.database, laboratory.files) == 0
    assert all(path.exists() for path in paths)


def test_what_no_row_names_goes_after_a_day(laboratory: Context) -> None:
    tops = ("recordings", "labels", "models", "scorings")
    young = [put(laboratory, f"{top}/{'x' * 32}/f", age_s=0.5 * DAY_S) for top in tops]
    old = [put(laboratory, f"{top}/{'y' * 32}/f", age_s=2 * DAY_S) for top in tops]
    earlier = put(laboratory, f"cohorts/{'c' * 32}/{'e' * 32}/analysis.html", age_s=2 * DAY_S)
    assert sweep(laboratory.database, laboratory.files) == 5
    assert all(path.exists() for path in young)
    assert not any(path.exists() for path in [*old, earlier])


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.FAILED, JobState.CANCELLED])
def test_results_that_are_shown_stay_whatever_becomes_of_a_later_analysis(laboratory: Context, state: JobState) -> None:
    shown = put(laboratory, NAMED[-1], age_s=2 * DAY_S)
    with laboratory.database.writing() as session:
        cohort = session.get_one(Cohort, "c" * 32)
        session.add(Job(id="k" * 32, owner_id=cohort.owner_id, kind=JobKind.ANALYZE, request={}, state=state,
                        cohort_id=cohort.id))  # fmt: skip
        cohort.job_id = "k" * 32
    assert sweep(laboratory.database, laboratory.files) == 0
    assert shown.exists()


def test_a_folder_with_one_young_file_is_left_alone(laboratory: Context) -> None:
    put(laboratory, f"scorings/{'y' * 32}/scores.npz", age_s=2 * DAY_S)
    put(laboratory, f"scorings/{'y' * 32}/envelopes/about.json")
    assert sweep(laboratory.database, laboratory.files) == 0


def test_recordings_that_are_too_old_go_with_everything_made_of_them(laboratory: Context) -> None:
    paths = [put(laboratory, key) for key in NAMED]
    assert forget_old(laboratory.database, laboratory.files, keep_days=30) == 0
    assert all(path.exists() for path in paths)
    assert forget_old(laboratory.database, laboratory.files, keep_days=9) == 1
    assert [path.exists() for path in paths] == [False, False, True, False, False]
    with laboratory.database.reading() as session:
        assert [session.scalars(select(table)).all() for table in (Recording, LabelFile, Scoring, Job)] == [[]] * 4
        (cohort,) = session.scalars(select(Cohort)).all()
        (entry,) = session.scalars(select(AuditEntry)).all()
    assert cohort.job_id is None
    assert (entry.action, entry.subject, entry.account_id) == ("recording.expire", "r" * 32, None)


def test_a_job_that_is_still_at_work_is_not_forgotten(laboratory: Context) -> None:
    with laboratory.database.writing() as session:
        session.get_one(Job, "j" * 32).state = JobState.RUNNING
    forget_old(laboratory.database, laboratory.files, keep_days=9)
    with laboratory.database.reading() as session:
        assert session.get(Job, "j" * 32) is not None


def test_leftovers_in_scratch_go_once_no_process_can_need_them(laboratory: Context) -> None:
    scratch = laboratory.files.scratch
    for name, age_s in (("work-1-a", LEFT_S + DAY_S), ("work-2-b", LEFT_S - DAY_S), ("incoming", LEFT_S + DAY_S)):
        (scratch / name).mkdir()
        os.utime(scratch / name, (time.time() - age_s, time.time() - age_s))
    assert clear_scratch(laboratory.database, laboratory.files) == 1
    assert sorted(path.name for path in scratch.iterdir()) == ["incoming", "work-2-b"]


def test_what_a_killed_process_had_of_a_job_goes_once_the_job_has_ended(laboratory: Context) -> None:
    with laboratory.database.writing() as session:
        session.get_one(Job, "j" * 32).state = JobState.RUNNING
    for key in ("j", "s", "x"):
        (laboratory.files.scratch / f"work-{key * 32}.1-a").mkdir()
    assert clear_scratch(laboratory.database, laboratory.files) == 2
    assert [path.name for path in laboratory.files.scratch.iterdir()] == [f"work-{'j' * 32}.1-a"]


def test_a_training_stays_until_its_job_has_ended(laboratory: Context) -> None:
    with laboratory.database.writing() as session:
        session.get_one(Job, "j" * 32).state = JobState.RUNNING
    for key in ("j", "s"):
        (laboratory.files.folder / "trainings" / (key * 32)).mkdir(parents=True)
    assert clear_scratch(laboratory.database, laboratory.files) == 1
    assert [path.name for path in (laboratory.files.folder / "trainings").iterdir()] == ["j" * 32]


def test_an_object_store_is_swept_as_a_folder_is(laboratory: Context, tmp_path: Path) -> None:
    storage = StorageOptions(data=f"memory://{uuid4().hex}", scratch=tmp_path / "scratch", database="sqlite:///x")
    store = FileStore(storage)
    store.prepare()
    for key in (f"scorings/{'s' * 32}/scores.npz", f"scorings/{'y' * 32}/scores.npz"):
        source = store.scratch / "file"
        source.write_text("content", encoding="utf-8")
        store.put(source, key)
    assert store.names("scorings") == [f"{'s' * 32}/scores.npz", f"{'y' * 32}/scores.npz"]
    assert sweep(laboratory.database, store) == 0
    assert sweep(laboratory.database, store, clock=lambda: time.time() + 2 * DAY_S) == 1
    assert store.names("scorings") == [f"{'s' * 32}/scores.npz"]
