"""The experiments on rendered shapes run from one command each, and what is trained for one serves the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from experiments.figure_4_9_disentanglement.__main__ import main as main_figure
from experiments.figure_a_4_curves.__main__ import main as main_curves
from experiments.figure_a_4_curves.figures import TERMS
from experiments.shapes import BUDGETS
from experiments.table_4_3_shapes_density.__main__ import main as main_table
from experiments.table_4_3_shapes_density.tables import markdown as table
from PIL import Image

from latentia.data import files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All trainings of the smallest budget, done once."""
    path = tmp_path_factory.mktemp("shapes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "cache_folder", lambda: path / "cache")
        assert main_figure(["--budget", "smoke", "--out", str(path / "out")]) == 0
    return path / "out"


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_smoke_of_the_figure_has_the_scores_of_both_decoders_for_each_beta(folder: Path) -> None:
    result = read(folder / "smoke.json")
    assert result["simulated"] is True
    assert [(run["name"], run["beta"]) for run in result["runs"]] == [("CNN", 1), ("SDN", 1), ("CNN", 4), ("SDN", 4)]
    for run in result["runs"]:
        assert {"β-VAE", "FactorVAE", "MIG", "DCI disentanglement"} <= run["scores"].keys()
        assert all(0 <= score <= 1 for score in run["scores"].values())
        assert run["bits_per_dimension"] > run["divergence_bits"] >= 0
    text = (folder / "smoke.md").read_text(encoding="utf-8")
    assert "SIMULATED" in text and "Not finished" not in text
    with Image.open(folder / "smoke.png") as picture:
        assert picture.width > 600


def test_the_other_experiments_train_nothing_again_and_measure_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "cache_folder", lambda: folder.parent / "cache")
    trained = {run["beta"]: run for run in read(folder / "smoke.json")["runs"] if run["name"] == "SDN"}
    times = {path: path.stat().st_mtime_ns for path in (folder / "work").rglob("*model.safetensors")}
    assert len(times) == 4
    assert main_table(["--budget", "smoke", "--out", str(folder)]) == 0
    result = read(folder / "smoke.json")
    assert [(run["name"], run["beta"]) for run in result["runs"]] == [("CNN", 1), ("SDN", 1)]
    assert result["runs"][1] == trained[1]
    assert main_curves(["--budget", "smoke", "--out", str(folder)]) == 0
    assert len(read(folder / "smoke.json")["runs"]) == 4
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_the_terms_of_the_curves_add_up_to_the_bound(folder: Path) -> None:
    row = read(folder / "smoke.json")["runs"][0]["history"][-1]
    bound, likelihood, divergence = (value(row) for value in TERMS.values())
    assert bound is not None and likelihood is not None and divergence is not None
    assert bound == pytest.approx(likelihood + divergence)
    assert divergence == pytest.approx(row["divergence_1"] / (12288 * torch.log(torch.tensor(2.0)).item()))


def test_an_unfinished_table_says_so_and_shows_what_there_is(folder: Path) -> None:
    result = read(folder / "smoke.json")
    result |= {"runs": result["runs"][:1], "trainings": 2}
    text = table(result)
    assert "**Not finished: 1 of 2 trainings are done.**" in text
    assert "Nothing can be compared yet." in text and "4.44 ± 0.04" in text


def test_the_paper_has_the_thesis_sizes() -> None:
    paper = BUDGETS["paper"]
    training = paper.training
    assert (training.steps, training.batch, training.optimizer, training.learning_rate) == (
        200_000,
        128,
        "adamax",
        0.001,
    )
    assert (training.divergence_warm_up, training.free_bits) == (100_000, 0)
    assert (paper.model.sdn_features, paper.model.sdn_directions, paper.model.latent_size) == (200, 1, 10)
    assert (paper.betas, paper.seeds, paper.data.resolution) == ((1, 32, 100, 300, 500), 10, 64)
    assert len(paper.runs(0)) == 2 * 5 * 10
