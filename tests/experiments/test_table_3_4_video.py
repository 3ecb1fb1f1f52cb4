"""The experiment on clips runs from one command, and its table says what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from experiments.table_3_4_video.__main__ import main
from experiments.table_3_4_video.protocol import BASELINE, BUDGETS, DYNAMIC, OURS, ROWS, load_parts
from experiments.table_3_4_video.tables import COLUMNS, differences, published


def test_smoke_measures_every_row_from_every_seed_and_draws_both_figures(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert result["simulated"] is True
    assert len(result["runs"]) == result["trainings"] == 12
    for run in result["runs"]:
        measured = run["measured"]
        assert measured["negative_elbo"] == pytest.approx(measured["reconstruction"] + measured["divergence"])
        assert 0 < measured["mse"] < 1 and -1 <= measured["ssim"] <= 1 and measured["psnr"] > 0
        assert len(measured["frame_error"]) == 4 and "clips" not in measured
        assert [step for step, _ in run["drop"]] == [1, 2, 3, 4]
        assert 1 - measured["kept"] == pytest.approx(ROWS[run["name"]].rate, abs=0.05)
    text = (tmp_path / "smoke.md").read_text(encoding="utf-8")
    assert "SIMULATED" in text and f"{OURS} (not in the thesis)" in text
    for name in ("smoke-clips.png", "smoke-drop.png"):
        assert (tmp_path / name).stat().st_size > 1000


def test_the_rows_are_those_of_the_thesis_and_one_of_ours() -> None:
    assert list(ROWS) == [*published(), OURS]
    paper = BUDGETS["paper"].runs(0)
    assert len(paper) == 10 * len(ROWS)
    for run in paper:
        assert (run.model.hidden, run.model.latent_size, run.model.observation) == (512, 128, "logistic")
        assert run.model.forcing.context == ("latent",)
        assert (run.training.batch, run.training.learning_rate, run.training.annealing) == (128, 0.001, "none")
        assert run.training.dropout_weight == ROWS[run.name].beta


def test_thesis_sizes_want_the_videos_of_kth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LATENTIA_DATA", str(tmp_path))
    assert main(["--budget", "paper", "--out", str(tmp_path / "out")]) == 2
    assert "KTH" in capsys.readouterr().err


@pytest.mark.real_data
def test_real_clips_of_both_videos_are_in_every_part(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTIA_DATA", str(real_data))
    parts = load_parts(BUDGETS["hour"])
    for part in (parts.train, parts.validation, parts.test):
        assert part.labels is not None and set(part.labels.tolist()) == {0, 1}
        assert part.format.longest == 20
    assert len(parts.train) > 150


def made(name: str, seed: int, **columns: float) -> dict[str, Any]:
    return {"name": name, "seed": seed, "measured": dict.fromkeys(COLUMNS, 0.0) | columns}


def test_differences_are_of_the_same_seeds_and_count_those_that_the_arrow_wants() -> None:
    runs = [
        made(BASELINE, 0, divergence=3.0, mse=0.004),
        made(BASELINE, 1, divergence=3.0, mse=0.004),
        made(DYNAMIC, 1, divergence=5.0, mse=0.005),
        made(DYNAMIC, 2, divergence=9.0),
    ]
    found = {one["column"]: one for one in differences(runs)}
    assert found["divergence"]["differences"] == [2.0] and found["divergence"]["agree"] == 1
    assert found["mse"]["differences"] == [pytest.approx(1.0)] and found["mse"]["agree"] == 0
    assert {(one["better"], one["worse"]) for one in differences(runs)} == {(DYNAMIC, BASELINE)}
