"""What jobs do, asked directly: the rows and files that come out, and what is said on the way."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spindle.api import simulate
from spindle.errors import ChannelError, CohortError, LabelError, SettingError
from spindle.model_file import load_model
from spindle.scoring import score as score_directly
from spindle.service.child import Assignment
from spindle.service.envelopes import About
from spindle.service.files import FileStore
from spindle.service.scored import load_scores
from spindle.service.settings import StorageOptions
from spindle.service.work.analyze import analyze
from spindle.service.work.borrowed import borrow, result_id, safe_name
from spindle.service.work.score import score
from spindle.service.work.train import run_folder, train

HOURS = 0.1
JOB = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def mice(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Simulated recordings of some minutes, with labels beside them."""
    folder = tmp_path_factory.mktemp("mice")
    return [simulate(folder / f"mouse{seed}.edf", hours=HOURS, seed=seed)[0] for seed in range(2)]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    made = FileStore(StorageOptions(data=str(tmp_path / "data")))
    made.prepare()
    return made


class Told:
    """Everything that a job's work says."""

    def __init__(self, store: FileStore) -> None:
        self.store = store
        self.messages: list[dict[str, Any]] = []

    def assign(self, request: dict[str, Any], job_id: str = JOB, attempt: int = 1) -> Assignment:
        return Assignment(job_id=job_id, attempt=attempt, request=request, store=self.store, send=self.messages.append)

    @property
    def lines(self) -> str:
        return "\n".join(message["line"] for message in self.messages if "line" in message)

    @property
    def shares(self) -> list[float]:
        return [message["share"] for message in self.messages if "share" in message]


@pytest.fixture
def told(store: FileStore) -> Told:
    return Told(store)


def keep(store: FileStore, path: Path, key: str) -> dict[str, Any]:
    """Put a copy of a file into the store, and return what a job is told of it."""
    copy = store.scratch / path.name
    shutil.copyfile(path, copy)
    store.put(copy, key)
    return {"id": key.split("/")[1], "file": key, "name": path.name, "eeg": [], "emg": None}


def to_score(store: FileStore, path: Path, **more: Any) -> dict[str, Any]:
    recording = keep(store, path, f"recordings/{path.stem}/recording.edf")
    starter = {"id": "starter", "file": None, "name": "starter"}
    return {
        "recording": recording,
        "eeg": [],
        "emg": None,
        "model": starter,
        "method": "spindle",
        "artifact_threshold": 0.5,
        **more,
    }


def test_a_scoring_is_the_one_that_the_command_line_makes(told: Told, store: FileStore, mice: list[Path]) -> None:
    (row,) = score(told.assign(to_score(store, mice[0])))
    direct = score_directly(mice[0])
    kept = load_scores(store.folder / "scorings" / row["id"] / "scores.npz")
    assert (kept.name, kept.notes, kept.start) == (direct.name, direct.notes, direct.start)
    np.testing.assert_array_equal(kept.hypnogram.codes, direct.hypnogram.codes)
    np.testing.assert_array_equal(kept.stage_probability, direct.stage_probability)
    assert row["epochs"] == len(direct.hypnogram) == row["summary"]["epochs"]
    assert row["model_name"] == direct.model_name
    envelopes = About.read(store.folder / "scorings" / row["id"] / "envelopes" / "about.json")
    assert [channel.label for channel in envelopes.channels] == ["EEG1", "EEG2", "EMG"]


def test_scoring_tells_how_far_it_is_and_what_it_found(told: Told, store: FileStore, mice: list[Path]) -> None:
    score(told.assign(to_score(store, mice[0])))
    assert told.shares == sorted(told.shares)
    assert told.shares[0] >= 0 and told.shares[-1] <= 1
    assert "mouse0 lasts 6 min, from" in told.lines
    assert "Took 'EEG1' and 'EEG2' as EEG and 'EMG' as EMG, from their labels." in told.lines


def test_nothing_is_left_in_scratch(told: Told, store: FileStore, mice: list[Path]) -> None:
    score(told.assign(to_score(store, mice[0])))
    assert list(store.scratch.glob("*")) == []


def test_attempts_have_results_of_their_own_that_begin_like_their_job() -> None:
    names = {result_id(JOB, attempt, animal) for attempt in (1, 2) for animal in ("", "a")}
    assert len(names) == 4
    assert {name[:16] for name in names} == {JOB[:16]} and {len(name) for name in names} == {32}
    assert result_id(JOB, 1, "a") == result_id(JOB, 1, "a")


def test_channels_that_are_not_there_are_a_sentence_with_the_users_own_name(
    told: Told, store: FileStore, mice: list[Path]
) -> None:
    with pytest.raises(ChannelError, match=r"EMG channel 'EMG9' is not in mouse0\.edf"):
        score(told.assign(to_score(store, mice[0], emg="EMG9")))


def test_a_recording_that_was_deleted_is_no_mistake_of_the_scoring(
    told: Told, store: FileStore, mice: list[Path]
) -> None:
    request = to_score(store, mice[0])
    store.remove("recordings/mouse0")
    with pytest.raises(FileNotFoundError):
        score(told.assign(request))


def to_train(store: FileStore, mice: list[Path], **config: Any) -> dict[str, Any]:
    return {
        "name": "our mice",
        "recordings": [
            {
                "recording": keep(store, path, f"recordings/{path.stem}/recording.edf"),
                "labels": keep(store, path.with_name(f"{path.stem}_labels.csv"), f"labels/{path.stem}/labels"),
            }
            for path in mice
        ],
        "base": {"id": "starter", "file": None, "name": "starter"},
        "config": {"passes": 1, **config},
    }


def test_a_training_gives_a_model_with_its_card_that_scores(told: Told, store: FileStore, mice: list[Path]) -> None:
    (row,) = train(told.assign(to_train(store, mice)))
    model = load_model(store.folder / row["file"])
    assert row["name"] == model.card.name == "our mice"
    assert row["card"]["data"] == model.card.data
    assert not any(isinstance(value, float) and math.isnan(value) for value in row["card"]["figures"].values())
    assert "mouse0.edf: 90 epochs, labelled by 2 experts in mouse0_labels.csv." in told.lines
    assert "Pass 1 of the stage network" in told.lines
    own = {"id": row["id"], "file": row["file"], "name": row["name"]}
    (scored,) = score(told.assign(to_score(store, mice[0], model=own)))
    assert scored["model_name"] == "our mice"


def test_a_training_that_was_done_is_not_done_again_by_the_next_attempt(
    told: Told, store: FileStore, mice: list[Path]
) -> None:
    request = to_train(store, mice)
    (first,) = train(told.assign(request))
    said = len(told.messages)
    (second,) = train(told.assign(request, attempt=2))
    assert first["id"] != second["id"]
    assert (store.folder / first["file"]).read_bytes() == (store.folder / second["file"]).read_bytes()
    assert not any("Pass" in message.get("line", "") for message in told.messages[said:])
    assert run_folder(store, JOB).is_dir()


def test_labels_of_another_recording_are_refused_before_anything_is_read(
    told: Told, store: FileStore, mice: list[Path], tmp_path: Path
) -> None:
    request = to_train(store, mice)
    (tmp_path / "short.csv").write_text("epoch,stage\n0,wake\n1,nrem\n", encoding="utf-8")
    request["recordings"][1]["labels"] = keep(store, tmp_path / "short.csv", "labels/short/labels")
    with pytest.raises(LabelError, match="mouse1"):
        train(told.assign(request))


def test_a_setting_that_cannot_work_is_a_sentence(told: Told, store: FileStore, mice: list[Path]) -> None:
    with pytest.raises(SettingError, match="--passes must be 1 or more"):
        train(told.assign(to_train(store, mice, passes=0)))


def to_analyze(told: Told, store: FileStore, mice: list[Path]) -> dict[str, Any]:
    rows = []
    for place, path in enumerate(mice):
        request = to_score(store, path)
        (scored,) = score(told.assign(request, job_id=f"{place}" * 32))
        rows.append(
            {
                "animal": path.stem,
                "group": "AB"[place],
                "lights_on": "08:00",
                "recording": request["recording"],
                "scoring": {"id": scored["id"], "animal": "", "artifact_threshold": 0.5, "corrections": []},
            }
        )
    return {"cohort": {"id": "c" * 32, "name": "knock-out / wild type"}, "rows": rows, "settings": {}}


def test_an_analysis_leaves_tables_figures_and_a_page(told: Told, store: FileStore, mice: list[Path]) -> None:
    request = to_analyze(told, store, mice)
    request["rows"][0]["scoring"]["corrections"] = [{"first": 0, "last": 89, "stage": "rem", "artifact": False}]
    assert analyze(told.assign(request)) == []
    names = store.names(f"cohorts/{'c' * 32}/{JOB}")
    assert {"analysis.html", "tables/animals.csv"} <= set(names)
    assert any(name.startswith("figures/") and name.endswith(".png") for name in names)
    assert not any(name.startswith("work/") for name in names)
    table = (store.folder / "cohorts" / ("c" * 32) / JOB / "tables" / "architecture.csv").read_text(encoding="utf-8")
    assert "mouse0,recording,,rem,fraction,1.0,A" in table.splitlines()


def test_an_animal_whose_files_are_gone_does_not_stop_the_others(
    told: Told, store: FileStore, mice: list[Path]
) -> None:
    request = to_analyze(told, store, mice)
    store.remove("recordings/mouse1")
    analyze(told.assign(request))
    assert "mouse1: its recording or its scoring was deleted." in told.lines


def test_an_analysis_without_any_animal_is_a_sentence(told: Told, store: FileStore, mice: list[Path]) -> None:
    request = to_analyze(told, store, mice)
    for path in mice:
        store.remove(f"recordings/{path.stem}")
    with pytest.raises(CohortError, match="No animal of the cohort"):
        analyze(told.assign(request))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("mouse 7.edf", "mouse 7.edf"),
        ("../../etc/passwd", "_.._etc_passwd.edf"),
        ("Maus ä.EDF", "Maus ä.EDF.edf"),
        ("a\x00b|c.edf", "a_b_c.edf"),
        ("...", "recording.edf"),
        ("x" * 300 + ".edf", "x" * 100 + ".edf"),
    ],
)
def test_a_name_becomes_one_that_every_system_takes(name: str, safe: str) -> None:
    assert safe_name(name, suffix=".edf") == safe


def test_a_borrowed_file_bears_its_owners_name(store: FileStore, mice: list[Path]) -> None:
    words = keep(store, mice[0], "recordings/r/recording.edf")
    with borrow(store, {**words, "name": "Tuesday, cage 4.edf"}) as path:
        assert path.name == "Tuesday_ cage 4.edf"
        assert path.read_bytes() == mice[0].read_bytes()
    assert not path.exists()
    assert store.exists("recordings/r/recording.edf")
