from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiments.common import markdown_table, write_json
from experiments.simulation_fit.__main__ import main
from experiments.simulation_fit.samples import (
    Sample,
    decode,
    join,
    real_mouse,
    real_rat,
    simulated_mouse,
    simulated_rat,
)
from experiments.simulation_fit.summary import compare, figures, summarise

from spindle.hypnogram import Stage

FIELDS = {
    "experiment", "claim", "simulated", "budget", "seconds", "started", "config", "seed", "data_sha256", "source",
    "hardware", "libraries", "python", "rows", "mouse", "rat",
}  # fmt: skip


def sample(codes: list[int], power: list[float] | None = None) -> Sample:
    return Sample(
        codes=np.array(codes, dtype=np.int8),
        artifact=np.zeros(len(codes), dtype=bool),
        power={} if power is None else {"EMG": np.array(power, dtype=float)[:, None]},
    )


def test_a_sample_is_summarised_by_hand() -> None:
    summary = summarise(sample([0, 1, 1, 0, 0, 1, 2, 0], [1, 1, 1, 1, 1, np.e, np.e**2, 1]))
    assert summary["fractions"] == {"wake": 0.5, "nrem": 0.375, "rem": 0.125}
    assert summary["transitions"] == [pytest.approx([1 / 3, 2 / 3, 0]), pytest.approx([1 / 3] * 3), [1, 0, 0]]
    assert summary["bouts"]["nrem"]["count"] == 2
    assert summary["bouts"]["nrem"]["mean_s"] == 6.0
    assert summary["bouts"]["nrem"]["share_of_one_epoch"] == 0.5
    assert summary["bouts"]["wake"]["p50_s"] == 8.0
    assert summary["power"]["EMG"]["nrem_minus_wake"] == pytest.approx([1 / 3])
    assert summary["power"]["EMG"]["rem_minus_wake"] == [None]


def test_joined_samples_do_not_touch() -> None:
    both = join([sample([0, 1], [1, 2]), sample([2, 0], [3, 4])])
    assert both.codes.tolist() == [0, 1, -1, 2, 0, -1]
    assert both.power["EMG"][:, 0].tolist() == [1, 2, 0, 3, 4, 0]
    assert summarise(both)["transition_counts"] == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_epochs_with_an_artifact_count_for_bouts_and_not_for_power() -> None:
    spoiled = Sample(
        codes=np.array([0, 0, 0, 1, 1], dtype=np.int8),
        artifact=np.array([False, True, False, False, False]),
        power={"EMG": np.array([[1.0], [1e9], [1.0], [1.0], [1.0]])},
    )
    summary = summarise(spoiled)
    assert summary["transition_counts"][0][0] == 2
    assert summary["power"]["EMG"]["nrem_minus_wake"] == [0.0]


def test_labels_without_a_name_are_unscored() -> None:
    assert decode(np.array([3, 1, 14], dtype=np.uint8), {1: Stage.WAKE, 3: Stage.REM}).tolist() == [2, 0, -1]


def test_the_comparison_gives_the_range_over_the_runs() -> None:
    real, low, high = (summarise(sample(codes)) for codes in ([0, 1], [0, 0, 0, 1], [0, 1, 1, 1]))
    share = compare("mouse", real, high, [low, high])[0]
    assert share == {
        "animal": "mouse", "statistic": "share of wake", "real": 0.5, "simulated": 0.25,
        "lowest": 0.25, "highest": 0.75,
    }  # fmt: skip


def test_simulated_samples_have_labels_and_power_for_every_epoch() -> None:
    mouse, rat = simulated_mouse(0.2, 0), simulated_rat(0.2, 0)
    assert {name: values.shape for name, values in mouse.power.items()} == {
        "EEG1": (180, 5), "EEG2": (180, 5), "EMG": (180, 1),
    }  # fmt: skip
    assert len(mouse.codes) == len(rat.codes) == 180
    assert all((values > 0).all() for values in mouse.power.values())
    assert not np.array_equal(mouse.codes, simulated_mouse(0.2, 1).codes)


def test_missing_data_are_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LATENTIA_DATA", str(tmp_path / "nowhere"))
    assert main(["--budget", "smoke", "--out", str(tmp_path / "out")]) == 2
    assert "set LATENTIA_DATA" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.real_data
def test_the_real_mouse_is_read_whole_and_its_gap_kept(real_data: Path) -> None:
    mouse = real_mouse(real_data / "sleep")
    assert len(mouse.codes) == 37_660 + 2  # an unscored epoch after each part
    assert mouse.codes[21_600] == -1
    assert mouse.artifact.sum() == 250
    assert summarise(mouse)["fractions"]["nrem"] == pytest.approx(13_968 / 37_655)


@pytest.mark.real_data
def test_every_second_epoch_of_the_real_rat_is_taken(real_data: Path) -> None:
    rat = real_rat(real_data / "sleep")
    assert len(rat.codes) == 2568
    assert summarise(rat)["fractions"]["rem"] == pytest.approx(174 / 5135, abs=0.001)


@pytest.mark.real_data
def test_a_run_writes_table_figure_and_every_field(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTIA_DATA", str(real_data))
    assert main(["--budget", "smoke", "--out", str(tmp_path), "--seed", "1"]) == 0
    result: dict[str, Any] = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert set(result) == FIELDS
    assert result["simulated"] is True
    assert set(result["data_sha256"]) == {"mouse_zfhx3_bandpower_4s.npz", "rat_genzel_features_2s.npz"}
    assert len(result["rows"]) == sum(len(list(figures(result[name]["real"]))) for name in ("mouse", "rat"))
    assert "SIMULATED" in (tmp_path / "smoke.md").read_text(encoding="utf-8")
    assert (tmp_path / "smoke.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.real_data
def test_the_default_mouse_sleeps_like_the_real_one(real_data: Path) -> None:
    real = summarise(real_mouse(real_data / "sleep"))
    simulated = summarise(simulated_mouse(24.0, seed=0))
    for state, tolerance in (("wake", 0.1), ("nrem", 0.1), ("rem", 0.02)):
        assert simulated["fractions"][state] == pytest.approx(real["fractions"][state], abs=tolerance)
        assert simulated["bouts"][state]["p50_s"] == pytest.approx(real["bouts"][state]["p50_s"], rel=0.25)
    assert np.allclose(simulated["transitions"], real["transitions"], atol=0.012)
    for contrast in ("nrem_minus_wake", "rem_minus_wake"):
        ours, theirs = (np.array(at["power"][name][contrast]) for at, name in ((simulated, "EEG2"), (real, "EEG")))
        assert np.abs(ours - theirs).max() < 0.75
        assert np.abs(ours - theirs).mean() < 0.35


def test_json_never_holds_what_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json({"value": float("nan")}, tmp_path / "result.json")
    assert not list(tmp_path.iterdir())


def test_tables_have_a_rule_below_the_headings() -> None:
    assert markdown_table(["", "A"], [["x", "1"]]) == "|  | A |\n| --- | ---: |\n| x | 1 |\n"
