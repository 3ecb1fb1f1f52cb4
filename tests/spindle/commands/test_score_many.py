"""`spindle score` with many recordings: nothing is lost, nothing is done twice, and one row for each."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

import spindle as package
from spindle.batch_summary import Outcome
from spindle.edf import write_edf
from spindle.errors import ModelError
from spindle.options import MethodOptions, ResultOptions
from spindle.outputs import Format
from spindle.recording import Channel

from .conftest import Snapshot, Spindle, signals

QUICK = ("--formats", "csv", "--no-report")


@pytest.fixture
def mice(tmp_path: Path) -> Path:
    """A folder with three recordings of two minutes."""
    folder = tmp_path / "mice"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        write_edf(folder / f"{name}.edf", signals(("EEG", "EMG"), seed=seed))
    return folder


@pytest.fixture
def summary(tmp_path: Path) -> Callable[[], dict[str, dict[str, str]]]:
    """Rows of summary.csv by the name of the recording."""

    def read() -> dict[str, dict[str, str]]:
        with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found = {Path(row["recording"]).name + row["animal"]: row for row in rows}
        assert len(found) == len(rows)
        return found

    return read


Summary = Callable[[], dict[str, dict[str, str]]]


def outcomes(rows: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: row["outcome"] for name, row in rows.items()}


def written(folder: Path = Path("out")) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of each file."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_a_folder_gives_results_for_each_and_a_summary(
    spindle: Spindle, mice: Path, model_file: Path, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("score", mice, "--model", model_file, *QUICK) == 0
    assert {path.name for path in Path("out").iterdir()} == {
        "summary.csv", *(f"{name}_{end}" for name in "abc" for end in ("scores.csv", "record.json"))
    }  # fmt: skip
    assert outcomes(summary()) == dict.fromkeys(("a.edf", "b.edf", "c.edf"), "scored")
    assert all(row["notes"].startswith("Took 'EEG' as EEG") for row in summary().values())
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "b.edf: scored in " in printed.out and "b.edf" in printed.out.partition("Shares of the scored time")[2]


def test_one_broken_recording_does_not_stop_the_others(
    spindle: Spindle, mice: Path, model_file: Path, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    (mice / "b.edf").write_bytes(b"nothing of the sort")
    assert spindle("score", mice, "--workers", 2, "--model", model_file, *QUICK) == 2
    assert outcomes(summary()) == {"a.edf": "scored", "b.edf": "failed", "c.edf": "scored"}
    assert "not an EDF" in summary()["b.edf"]["problem"]
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("spindle: b.edf") and last == "spindle: 1 of 3 recordings could not be scored."


def test_a_list_names_recordings_and_several_animals_have_a_row_each(
    spindle: Spindle, mice: Path, model_file: Path, summary: Summary
) -> None:
    eeg09, emg09, eeg10, emg10 = signals(("EEG09", "EMG09", "EEG10", "EMG10"))
    flat = Channel.from_array("EEG10", np.zeros(eeg10.samples), 128)
    write_edf(mice / "two.edf", [eeg09, emg09, flat, emg10])
    (mice / "list.csv").write_text("recording\ntwo.edf\na.edf\n", encoding="utf-8")
    assert spindle("score", "--list", mice / "list.csv", "--model", model_file, *QUICK) == 2
    assert outcomes(summary()) == {"two.edf09": "scored", "two.edf10": "failed", "a.edf": "scored"}
    # Not all of its animals have results, so none is taken for done.
    assert spindle("score", "--list", mice / "list.csv", "--model", model_file, *QUICK) == 2
    assert outcomes(summary()) == {"two.edf09": "scored", "two.edf10": "failed", "a.edf": "kept"}


def test_what_is_done_is_kept_and_what_changed_is_scored_again(
    spindle: Spindle, mice: Path, model_file: Path, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("score", mice, "--model", model_file, *QUICK)
    assert spindle(*command) == 0
    before, figures = written(), summary()
    capsys.readouterr()
    assert spindle(*command) == 0
    after = written()
    assert {name for name in before if before[name] != after[name]} == {"summary.csv"}
    assert summary() == {name: {**row, "outcome": "kept"} for name, row in figures.items()}
    assert "3 recordings were scored before with the same settings, and kept" in capsys.readouterr().out
    write_edf(mice / "b.edf", signals(("EEG", "EMG"), seed=9))
    Path("out/c_scores.csv").unlink()
    assert spindle(*command) == 0
    assert outcomes(summary()) == {"a.edf": "kept", "b.edf": "scored", "c.edf": "scored"}
    assert written()["a_scores.csv"] == before["a_scores.csv"]
    assert written()["b_scores.csv"][0] != before["b_scores.csv"][0]
    assert spindle(*command, "--artifact-threshold", "0.4") == 0
    assert set(outcomes(summary()).values()) == {"scored"}
    assert spindle(*command, "--artifact-threshold", "0.4", "--again") == 0
    assert set(outcomes(summary()).values()) == {"scored"}


def test_scoring_one_recording_by_itself_always_scores_it(spindle: Spindle, mice: Path, model_file: Path) -> None:
    command = ("score", mice, "--model", model_file, *QUICK)
    assert spindle(*command) == 0
    assert spindle("score", mice / "a.edf", "--model", model_file, "--thesis", *QUICK) == 0
    alone = written()
    # The batch no longer vouches for it, because it was made with other settings since.
    assert "a_record.json" not in alone
    assert spindle(*command) == 0
    assert written()["a_scores.csv"] != alone["a_scores.csv"]
    assert written()["b_scores.csv"] == alone["b_scores.csv"]


def test_several_workers_give_what_one_gives(spindle: Spindle, mice: Path, model_file: Path) -> None:
    assert spindle("score", mice, "--model", model_file, *QUICK) == 0
    assert spindle("score", mice, "--model", model_file, *QUICK, "--workers", 2, "--out", "two") == 0
    one, two = written(), written(Path("two"))
    assert one.keys() == two.keys()
    for name in "abc":
        assert one[f"{name}_scores.csv"][0] == two[f"{name}_scores.csv"][0]


def test_a_dask_cluster_gives_what_one_process_gives(spindle: Spindle, mice: Path, model_file: Path) -> None:
    distributed = pytest.importorskip("distributed")
    assert spindle("score", mice, "--model", model_file, *QUICK) == 0
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as here:
        words = ("--cluster", here.scheduler_address, "--out", Path("there").absolute())
        assert spindle("score", mice, "--model", model_file, *QUICK, *words) == 0
    for name in "abc":
        assert written()[f"{name}_scores.csv"][0] == written(Path("there"))[f"{name}_scores.csv"][0]


def test_a_summary_of_the_users_own_is_not_replaced(
    spindle: Spindle, mice: Path, model_file: Path, everything: Snapshot
) -> None:
    Path("summary.csv").write_text("animal,weight\n", encoding="utf-8")
    before = everything()
    assert spindle("score", mice, "--model", model_file, "--out", ".") == 2
    assert everything() == before


def test_a_model_that_is_none_stops_everything_at_once(
    spindle: Spindle, mice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for workers in (1, 2):
        assert spindle("score", mice, "--model", "gone.safetensors", "--workers", workers) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith("spindle: There is no model file ") and said.endswith("gone.safetensors.")


def test_python_scores_many_too(mice: Path, model_file: Path, tmp_path: Path) -> None:
    (mice / "c.edf").write_bytes(b"")
    results = ResultOptions(out=tmp_path / "called", formats=(Format.CSV,), report=False)
    seen: list[float] = []
    rows = package.score_many(
        [mice],
        method=MethodOptions(model=model_file),
        results=results,
        progress=lambda what, share, detail: seen.append(share),
    )
    assert [row.outcome for row in rows] == [Outcome.SCORED, Outcome.SCORED, Outcome.FAILED]
    assert (tmp_path / "called" / "a_scores.csv").exists() and max(seen) == 1.0 and sorted(seen) == seen
    with pytest.raises(ModelError):
        package.score_many([mice], method=MethodOptions(model=tmp_path / "no"), results=results)


def start(mice: Path, model_file: Path, *words: str) -> subprocess.Popen[str]:
    """`spindle score` on two workers, as a program of its own."""
    command = [sys.executable, "-m", "spindle", "score", *(str(mice / f"{name}.edf") for name in "abc")]
    command += ["--model", str(model_file), "--workers", "2"]
    return subprocess.Popen(
        [*command, *QUICK, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background of a shell, interruptions are ignored, and a child would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def workers_of(program: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(program.pid).children(recursive=True)
    return [child for child in children if "loky" in (line := " ".join(child.cmdline())) and "tracker" not in line]


def wait_for(there: Callable[[], bool], program: subprocess.Popen[str]) -> None:
    while not there():
        assert program.poll() is None, program.communicate()
        time.sleep(0.05)


@pytest.fixture
def stuck(mice: Path, tmp_path: Path) -> Path:
    """A recording that is read until somebody puts the real one, b.edf.real, in its place."""
    path = mice / "b.edf"
    path.rename(mice / "b.edf.real")
    os.mkfifo(path)
    return path


@pytest.mark.skipif(os.name == "nt", reason="needs named pipes and SIGKILL")
class TestKilled:
    def test_a_worker_that_is_killed_loses_no_recording(
        self, spindle: Spindle, mice: Path, stuck: Path, model_file: Path, summary: Summary
    ) -> None:
        program = start(mice, model_file)
        wait_for(lambda: all(Path(f"out/{name}_record.json").exists() for name in "ac"), program)
        stuck.with_name("b.edf.real").replace(stuck)
        for worker in workers_of(program):
            worker.kill()
        said, complained = program.communicate(timeout=100)
        assert program.returncode == 0, complained
        assert outcomes(summary()) == dict.fromkeys(("a.edf", "b.edf", "c.edf"), "scored")
        assert complained == "" and said.count("a.edf: scored in") == 1

    def test_a_program_that_is_killed_goes_on_with_the_rest(
        self, spindle: Spindle, mice: Path, stuck: Path, model_file: Path, summary: Summary
    ) -> None:
        program = start(mice, model_file)
        wait_for(lambda: all(Path(f"out/{name}_record.json").exists() for name in "ac"), program)
        os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        assert not Path("out/summary.csv").exists() and not Path("out/b_scores.csv").exists()
        stuck.with_name("b.edf.real").replace(stuck)
        assert spindle("score", mice, "--model", model_file, *QUICK) == 0
        assert outcomes(summary()) == {"a.edf": "kept", "b.edf": "scored", "c.edf": "kept"}

    def test_an_interruption_is_one_sentence_that_says_what_goes_on(
        self, spindle: Spindle, mice: Path, stuck: Path, model_file: Path
    ) -> None:
        program = start(mice, model_file)
        wait_for(lambda: all(Path(f"out/{name}_record.json").exists() for name in "ac"), program)
        time.sleep(0.5)  # until their rows have arrived
        os.killpg(program.pid, signal.SIGINT)
        _, complained = program.communicate(timeout=60)
        assert program.returncode == 130
        assert complained == (
            "spindle: Interrupted. 2 of 3 recordings are done; the same command goes on with the rest.\n"
        )
        # What closes its end of the pipes may still be ending.
        deadline = time.monotonic() + 30
        while (left := workers_of_group(program.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left


def workers_of_group(group: int) -> list[int]:
    """Processes that are left of a group."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


@pytest.mark.parametrize("words", [(), ("--workers", "0", "a.edf")])
def test_what_cannot_be_asked_is_refused(
    words: tuple[str, ...], spindle: Spindle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("score", *words) == 2
    assert capsys.readouterr().err.count("\n") == 1
