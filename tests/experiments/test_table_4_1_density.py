"""The density experiments run from one command each, and go on where they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from experiments.density import Figure, at_seconds
from experiments.table_4_1_density.__main__ import main
from experiments.table_4_2_ablation.__main__ import main as main_ablation
from experiments.table_4_2_ablation.protocol import BUDGETS, millions, rows


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
