from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from experiments.cohorts import arrays_file, montage, split
from experiments.table_5_9_artifacts.__main__ import main
from experiments.table_5_9_artifacts.layer_tables import away, bound, carried_over
from experiments.table_5_9_artifacts.layers import main as layers
from experiments.table_5_9_artifacts.layers import taken_apart
from experiments.table_5_9_artifacts.protocol import BUDGETS, METHODS, NETWORK, TOP_TWO, ranking, run
from experiments.table_5_9_artifacts.tables import compare, markdown, published, rankings

from latentia.uses import top_layers_bound
from spindle.density import load_density
from spindle.density.images import to_levels
from spindle.errors import SettingError
from spindle.signals import load_signals
from spindle.spectrogram import time_frequency


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole smoke run."""
    out = tmp_path_factory.mktemp("table_5_9")
    assert main(["--budget", "smoke", "--out", str(out), "--seed", "3"]) == 0
    return out


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "smoke.json").read_text(encoding="utf-8"))
    return content


def animal(name: str, both: int, either: int, precision: float | None = 0.5) -> dict[str, Any]:
    pairs = {row["comparison"]: [both, either] for row in published()}
    told = {"pairs": pairs, "average_precision": precision, "area_under_roc": precision}
    return {"name": name, "cohort": name[0], "methods": dict.fromkeys(METHODS, told)}


def test_the_published_figures_are_those_of_the_thesis() -> None:
    rows = published()
    assert Counter(row["cohort"] for row in rows) == {"A": 4, "B": 4, "C": 4}
    found = {(row["cohort"], row["comparison"]): row["percent"] for row in rows}
    assert found["A", "expert 1 vs expert 2"] == 29.2
    assert found["B", "expert 2 vs spindle"] == 54.8
    assert found["C", "intersection vs spindle"] == 67.1


def test_agreement_counts_all_epochs_of_a_cohort_and_rankings_all_animals_alike() -> None:
    animals = [
        animal("A3", 1, 2, 0.4),
        animal("A4", 4, 6, 0.6),
        {"name": "A1", "cohort": "A"},
        animal("B1", 0, 0, None),
    ]
    rows = {(row["cohort"], row["comparison"]): row["ours"][NETWORK] for row in compare(animals)}
    assert rows["A", "expert 1 vs spindle"] == pytest.approx(100 * 5 / 8)
    assert rows["B", "expert 1 vs spindle"] is None and rows["C", "expert 1 vs spindle"] is None
    ranked = {(row["cohort"], row["method"], row["figure"]): row for row in rankings(animals)}
    first = ranked["A", TOP_TWO, "average_precision"]
    assert (first["mean"], first["animals"]) == (pytest.approx(0.5), 2)
    assert first["deviation"] == pytest.approx(0.02**0.5)
    assert ranked["B", TOP_TWO, "average_precision"]["mean"] is None


def test_scores_are_ranked_on_epochs_on_which_the_experts_agree() -> None:
    flags = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 1]], dtype=bool)
    assert ranking(np.array([0.9, 0.0, 0.2, 0.8, 0.7]), flags)["area_under_roc"] == pytest.approx(0.75)
    assert ranking(np.zeros(5), np.zeros((2, 5), dtype=bool)) == {"average_precision": None, "area_under_roc": None}


def test_a_smoke_run_has_every_animal_method_and_figure(folder: Path, result: dict[str, Any]) -> None:
    assert result["simulated"] is True and (result["budget"], result["seed"]) == ("smoke", 3)
    tested = [one for one in result["animals"] if "methods" in one]
    assert Counter(one["cohort"] for one in tested) == {"A": 2, "B": 4, "C": 8}
    assert [one["name"] for one in result["animals"][:2]] == ["simulated_A1", "simulated_A2"]
    for one in tested:
        assert set(one["methods"]) == set(METHODS)
        for told in one["methods"].values():
            assert all(0 <= both <= either for both, either in told["pairs"].values())
        with np.load(arrays_file(folder / "work" / "smoke-seed3", one["name"]), allow_pickle=False) as kept:
            assert all(np.isfinite(kept[name]).all() and len(kept[name]) == one["epochs"] for name in METHODS)
    assert (folder / "smoke.png").stat().st_size > 10_000
    text = (folder / "smoke.md").read_text(encoding="utf-8")
    assert text == markdown(result, "smoke.png")
    assert "SIMULATED" in text


def test_the_methods_are_judged_on_the_same_epochs(result: dict[str, Any]) -> None:
    for one in result["animals"][2:]:
        between = [told["pairs"]["expert 1 vs expert 2"] for told in one["methods"].values()]
        assert between[0] == between[1] == between[2]


def test_a_run_goes_on_with_what_is_finished(folder: Path, result: dict[str, Any]) -> None:
    work = folder / "work" / "smoke-seed3"
    lost = work / "animals" / "simulated_C8.json"
    lost.unlink()
    animals = {one["name"]: one for one in run(BUDGETS["smoke"], seed=3, work=work)}
    assert animals["simulated_C8"] == result["animals"][-1]
    with pytest.raises(SettingError, match="other settings"):
        run(BUDGETS["smoke"], seed=4, work=work)


def test_an_image_shows_artifacts_of_two_epochs_on_each_side() -> None:
    flags = np.zeros((2, 9), dtype=bool)
    flags[:, 4] = True
    flags[0, 8] = True
    # Epoch 4 is an artifact by both; 0 and 1 show none; by one expert's word 6 to 8 show epoch 8.
    assert away(flags).tolist() == [True, True, False, False, True, False, False, False, False]


def test_thresholds_are_judged_in_each_cohort_on_epochs_on_which_the_experts_agree() -> None:
    flags = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 1]], dtype=bool)
    mouse = {"flags": flags, NETWORK: np.array([0.9, 0.0, 0.2, 0.8, 0.4])}
    rows = carried_over({f"simulated_{cohort}1": mouse for cohort in "ABC"}, {NETWORK: 0.5})
    assert [row["cohort"] for row in rows] == ["A", "B", "C"]
    for row in rows:  # the best threshold lies midway between the scores 0.2 and 0.4
        assert (row["precision"], row["recall"], row["agreement"]) == (0.5, 0.5, pytest.approx(1 / 3))
        assert (row["best_agreement"], row["best_threshold"]) == (pytest.approx(2 / 3), pytest.approx(0.3))
        assert row["clean_median"] == 0.5


def test_the_bounds_that_are_taken_apart_are_those_that_score(folder: Path, result: dict[str, Any]) -> None:
    assert layers(["--budget", "smoke", "--out", str(folder), "--seed", "3"]) == 0
    work = folder / "work" / "smoke-seed3"
    network = load_density(work / "training" / "density.safetensors").network
    simulated = split(training_hours=0.2, test_hours=0.04, seed=3)[1][0].simulate()
    images = time_frequency(load_signals(montage(simulated)))
    terms = taken_apart(network, images)
    numbers = np.flatnonzero(images.usable)
    levels = torch.from_numpy(to_levels(images.images(numbers).numpy()))
    for top in (2, 4):
        ours = -bound(top)(terms)[numbers].mean()
        draws = top_layers_bound(network, levels, top=top, batch=32, seed=7).mean()
        assert ours == pytest.approx(float(draws), rel=0.02)
    content = json.loads((folder / "smoke-layers.json").read_text(encoding="utf-8"))
    assert content["simulated"] is True and content["density_source"] == result["source"]
    figures = {row["figure"] for row in content["areas"]}
    assert {"bound, 1 on top", "bound, 4 on top", "divergence of layer 4"} <= figures
    assert "SIMULATED" in (folder / "smoke-layers.md").read_text(encoding="utf-8").upper()


def test_layers_are_not_looked_into_before_the_run_is_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert layers(["--budget", "smoke", "--out", str(tmp_path)]) == 2
    assert "no finished run of the budget smoke" in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
