"""The density experiments run from one command each, and go on where they were."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from experiments.density import Figure, Run, at_seconds, run_one
from experiments.table_4_1_density.__main__ import main
from experiments.table_4_1_density.protocol import load_images
from experiments.table_4_1_density.tables import markdown as density_table
from experiments.table_4_2_ablation.__main__ import main as main_ablation
from experiments.table_4_2_ablation.__main__ import markdown as ablation_table
from experiments.table_4_2_ablation.protocol import BUDGETS, millions, rows
from torch import Tensor

from latentia.models.base import Inference
from latentia.models.gaussian_vae import GaussianVAE, GaussianVAEConfig


def test_smoke_measures_every_model_from_every_seed(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert result["simulated"] is True
    assert len(result["runs"]) == 6
    for run in result["runs"]:
        bound, likelihood = run["elbo"], run["likelihood"]
        assert bound["provenance"]["images"] == likelihood["provenance"]["images"] == 4
        assert bound["provenance"]["importance_samples"] == 1
        assert likelihood["provenance"]["importance_samples"] == 2
        assert 5 < bound["bits_per_dimension"] < 12
    before = (tmp_path / "smoke.md").read_text(encoding="utf-8")
    assert "SIMULATED" in before
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "smoke.md").read_text(encoding="utf-8") == before  # what was done is not done again
    settings = tmp_path / "work" / "smoke-seed0" / "settings.json"
    settings.write_text(settings.read_text(encoding="utf-8").replace('"steps": 4', '"steps": 5'), encoding="utf-8")
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 2  # nor mixed with other settings


def test_smoke_of_the_ablation_trains_every_block(tmp_path: Path) -> None:
    assert main_ablation(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert [run["name"] for run in result["runs"]] == ["CNN", "B1", "B2", "B3", "B4", "ResSDN"]
    assert result["runs"][0]["steps"] == 4


@pytest.mark.parametrize("place", range(5))
def test_the_reconstructed_blocks_come_near_the_published_sizes(place: int) -> None:
    row = rows(BUDGETS["paper"].ladder)[place]
    assert millions(row.build) == pytest.approx(row.published_millions, rel=0.04)


def test_a_figure_is_a_mean_with_the_error_of_its_seeds() -> None:
    assert str(Figure.of([1.0, 2.0, 3.0])) == "2.000 ± 0.577"
    assert str(Figure.of([1.25])) == "1.250"


def test_the_best_figure_within_a_time_is_the_lowest_so_far() -> None:
    history: list[dict[str, Any]] = [
        {"seconds": 1.0, "bits_per_dimension": 5.0},
        {"seconds": 2.0, "bits_per_dimension": 4.0},
        {"seconds": 3.0, "bits_per_dimension": 4.5},
    ]
    assert [at_seconds(history, time) for time in (0.5, 1.5, 9.0)] == [None, 5.0, 4.0]
    history.insert(0, {"seconds": 0.4, "bits_per_dimension": None})  # was not finite
    assert [at_seconds(history, time) for time in (0.5, 1.5, 9.0)] == [None, 5.0, 4.0]


class Broken(GaussianVAE):
    def infer(self, images: Tensor) -> Inference:
        inference = super().infer(images)
        return replace(inference, divergence=inference.divergence * math.nan)


def test_a_training_that_is_not_stable_is_a_result(tmp_path: Path) -> None:
    setting = BUDGETS["smoke"]
    training = replace(setting.training, bad_steps=2)
    run = Run(name="B2", build=lambda form: Broken(GaussianVAEConfig(widths=(4,)), form), training=training, seed=0)
    result = run_one(run, load_images("smoke"), setting.measure, tmp_path)
    assert "2 steps in a row" in result["unstable"]
    assert json.loads((tmp_path / "b2-seed0.json").read_text(encoding="utf-8")) == result
    others = [{**result, "name": row.name} for row in rows(setting.ladder)]
    sizes = {row.name: 1.0 for row in rows(setting.ladder)}
    whole = {"budget": "smoke", "simulated": True, "runs": others, "parameters_at_thesis_width_millions": sizes}
    lines = ablation_table({**whole, "config": {"training": {"steps": 4}}}).splitlines()
    assert [line.endswith("| unstable |") for line in lines[-6:]] == [True] * 6


def test_the_density_table_names_models_that_were_not_stable(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    result["runs"][0] = {"name": "SDN-VAE", "seed": 0, "parameters": 1, "unstable": "20 steps in a row"}
    assert "SDN-VAE was not stable from every seed." in density_table(result)
    assert "| SDN-VAE |" not in density_table(result)


def test_at_the_thesis_size_rows_have_the_rates_that_it_found_stable() -> None:
    """Thesis A, 4.3.1: 0.002, halved until a training was stable."""
    rates = {run.name: run.training.learning_rate for run in BUDGETS["paper"].runs(0)}
    assert rates == {"CNN": 0.002, "B1": 0.0005, "B2": 0.0005, "B3": 0.001, "B4": 0.0005, "ResSDN": 0.002}
    assert len({run.training.learning_rate for run in BUDGETS["hour"].runs(0)}) == 1
