"""The experiment on sentences runs from one command, goes on where it was, and its tables say what was measured."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from experiments.sequences import run_one
from experiments.table_3_1_language.__main__ import main
from experiments.table_3_1_language.protocol import BEYOND, BUDGETS, ROWS, Budget, load_parts
from experiments.table_3_1_language.tables import COLUMNS, DYNAMIC, best_word_dropout, claims, markdown, published


def test_smoke_measures_every_row_from_every_seed_and_goes_on_where_it_was(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert result["simulated"] is True
    assert len(result["runs"]) == result["trainings"] == 22
    for run in result["runs"]:
        measured = run["measured"]
        assert measured["negative_elbo"] == pytest.approx(measured["reconstruction"] + measured["divergence"])
        assert 1 < measured["perplexity"] < 40
        assert 0 <= measured["accuracy"] <= 100
        assert len(run["drop"]) == 4
    dynamic = next(run for run in result["runs"] if run["name"] == DYNAMIC)
    assert 0.2 < dynamic["measured"]["kept"] < 0.6
    assert len(dynamic["measured"]["keep_by_tenth"]) == 10
    before = (tmp_path / "smoke.md").read_text(encoding="utf-8")
    assert "SIMULATED" in before
    assert "Not finished" not in before
    # What was done is taken from the result file, where the work is gone.
    for path in (tmp_path / "work").rglob("*"):
        if path.is_file():
            path.unlink()
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "smoke.md").read_text(encoding="utf-8") == before


def test_runs_are_kept_where_others_join_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(setting: Budget) -> list[dict[str, Any]]:
        monkeypatch.setitem(BUDGETS, "smoke", setting)
        assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
        shutil.rmtree(tmp_path / "work")
        runs: list[dict[str, Any]] = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))["runs"]
        return runs

    one = replace(BUDGETS["smoke"], rows=("baseline",), once=(), seeds=1)
    (kept,) = run(one)
    assert run(replace(one, rows=("word dropout 50 %", "baseline")))[1] == kept
    # A training of other settings is another one.
    assert run(replace(one, training=replace(one.training, steps=2)))[0]["steps"] == 2


def test_the_rows_are_those_of_the_thesis() -> None:
    assert list(ROWS) == list(published())
    for row in (ROWS | BEYOND).values():
        config = row.model(BUDGETS["paper"].model)
        assert (config.hidden, config.features, config.latent_size) == (512, 512, 64)
        assert config.forcing.kind == row.kind
        training = row.training(BUDGETS["paper"].training)
        assert (training.batch, training.learning_rate, training.learning_rate_decay) == (128, 0.003, 0.9)
        assert training.dropout_weight == row.beta
    assert ROWS[DYNAMIC].training(BUDGETS["paper"].training).annealing_steps == 9000


def test_an_unstable_training_is_a_result(tmp_path: Path) -> None:
    setting = BUDGETS["smoke"]
    run = setting.runs(0)[0]

    def fails(*_: Any) -> dict[str, Any]:
        from latentia.errors import TrainingError

        raise TrainingError("nothing was finite")

    result = run_one(run, load_parts(setting), fails, tmp_path)
    assert result["unstable"] == "nothing was finite"
    assert "No training was stable" in markdown({"budget": "smoke", "runs": [result]})


def made(name: str, seed: int, held_out: float, **columns: float) -> dict[str, Any]:
    measured = dict.fromkeys(COLUMNS, 0.0) | columns
    return {"name": name, "seed": seed, "history": [{"reconstruction": held_out}], "measured": measured}


def test_claims_compare_seed_by_seed_with_the_word_dropout_that_validation_chooses() -> None:
    runs = [
        *(made("word dropout 60 %", seed, 91.0, reconstruction=80.0) for seed in (0, 1)),
        *(made("word dropout 80 %", seed, 90.0, reconstruction=99.0) for seed in (0, 1)),
        made(DYNAMIC, 0, 85.0, reconstruction=98.0, bleu=1.0),
        made(DYNAMIC, 1, 85.0, reconstruction=100.0, bleu=2.0),
    ]
    assert best_word_dropout(runs) == "word dropout 80 %"  # not by the test sentences
    found = {one["column"]: one for one in claims(runs)}
    assert found["reconstruction"]["differences"] == [-1.0, 1.0]
    assert found["reconstruction"]["agree"] == 1
    assert found["bleu"]["agree"] == 2
    assert {one["worse"] for one in claims(runs)} == {"word dropout 80 %"}  # there is no baseline
