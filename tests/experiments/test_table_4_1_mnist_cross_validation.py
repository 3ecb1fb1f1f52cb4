"""Table 4.1 of thesis B: every row is the thesis', and a finding's verdict follows from the folds."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from experiments.table_4_1_mnist_cross_validation import __main__ as program
from experiments.table_4_1_mnist_cross_validation.protocol import BUDGETS, FAMILIES, METHODS, Job, jobs
from experiments.table_4_1_mnist_cross_validation.tables import FINDINGS, PUBLISHED, findings, markdown

from latentia.models.vq_vae import VQVAEConfig


def test_there_are_45_rows_and_the_thesis_prints_a_figure_for_each() -> None:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        printed = [(row["family"], row["method"]) for row in csv.DictReader(file)]
    assert len(printed) == 45
    assert set(printed) == {(family, method) for family in FAMILIES for method in METHODS}


def test_the_paper_budget_is_the_thesis_own() -> None:
    for training in BUDGETS["paper"].trainings.values():
        assert (training.passes, training.batch, training.optimizer, training.learning_rate) == (
            100,
            128,
            "adamw",
            1e-3,
        )
    assert len([job for job in jobs(BUDGETS["paper"]) if job.method in METHODS]) == 45 * 5
    quantized = {name: family.model for name, family in FAMILIES.items() if isinstance(family.model, VQVAEConfig)}
    sizes = [
        (one.embeddings, one.embedding_size, one.widths, one.residual_layers, one.commitment)
        for one in quantized.values()
    ]
    assert sizes == [
        (128, 16, (32, 64), 0, 0.25),
        (128, 32, (128, 256), 2, 0.25),
        (256, 64, (128, 256), 4, 0.25),
    ]


def run(method: str, fold: int, error: float, cost: float, given: float | None = None) -> dict[str, Any]:
    figures = {"unconditioned_error": error, "latent_cost": cost}
    figures |= {} if given is None else {"conditioned_error": given}
    return {"family": "Gaussian 1", "method": method, "fold": fold, "figures": figures}


def verdict(runs: list[dict[str, Any]], says: str) -> dict[str, Any]:
    (found,) = [one for one in findings(runs) if one["finding"].startswith(says)]
    return found


def test_a_finding_holds_where_every_fold_of_every_row_agrees() -> None:
    runs = [run("base", fold, 0.02, 13.0) for fold in (1, 2)]
    runs += [run("multi exact", fold, 0.01 * fold, 12.0 + fold, 0.01) for fold in (1, 2)]
    lower, higher = (verdict(runs, f"Two decoders {what}") for what in ("lower the error", "raise the divergence"))
    assert lower["verdict"] == "mixed"
    assert [(one["agree"], one["folds"]) for one in lower["comparisons"]] == [(1, 2)]
    assert lower["comparisons"][0]["change_percent"] == pytest.approx(-25)
    assert higher["verdict"] == "mixed"  # 13 is not above 13
    runs[-2]["figures"]["latent_cost"] = 13.5
    assert verdict(runs, "Two decoders raise the divergence")["verdict"] == "yes"
    assert verdict(runs, "Two decoders raise the divergence")["comparisons"][0]["change_percent"] == pytest.approx(
        (13.75 / 13 - 1) * 100
    )


def test_a_finding_that_no_fold_agrees_with_does_not_hold() -> None:
    runs = [run("base", 1, 0.02, 13.0), run("single uniform 40", 1, 0.01, 14.0, 0.02)]
    assert verdict(runs, "A single decoder lowers the divergence")["verdict"] == "no"
    assert verdict(runs, "A single decoder raises the error")["verdict"] == "no"
    assert verdict(runs, "Known pixels lower")["verdict"] == "no"


def test_every_row_that_a_finding_compares_exists() -> None:
    for finding in FINDINGS:
        assert set(finding.families) <= set(FAMILIES)
        assert {name for pair in finding.pairs for name in pair} <= set(METHODS)


@pytest.mark.real_data
def test_the_smallest_budget_runs_and_goes_on(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTIA_DATA", str(real_data))
    few = {name: FAMILIES[name] for name in ("VQ-VAE 1", "Gaussian 1")}
    smaller = BUDGETS["smoke"].only(tuple(few), ("base", "multi exact SoftAdapt", "single Gaussian 60"))
    monkeypatch.setitem(BUDGETS, "smoke", smaller)
    assert program.main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    first = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert len(first["runs"]) == 2 * 3 * 2
    assert "| VQ-VAE 1, multi exact SoftAdapt |" in (tmp_path / "smoke.md").read_text(encoding="utf-8")
    kept = tmp_path / "work" / "smoke-seed0" / f"{Job(family='VQ-VAE 1', method='base', fold=1).label}.json"
    changed = kept.stat().st_mtime_ns
    assert program.main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    assert kept.stat().st_mtime_ns == changed


@pytest.mark.real_data
def test_a_result_file_is_enough_to_go_on_from(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTIA_DATA", str(real_data))
    monkeypatch.setitem(BUDGETS, "smoke", BUDGETS["smoke"].only(("VQ-VAE 1",), ("base",)))
    assert program.main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    result["runs"] = result["runs"][:1]
    result["runs"][0]["seconds"] = 1234.5
    (tmp_path / "smoke.json").write_text(json.dumps(result), encoding="utf-8")
    shutil.rmtree(tmp_path / "work")
    assert program.main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    again = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))["runs"]
    assert [run["fold"] for run in again] == [1, 2]
    assert again[0]["seconds"] == 1234.5


def test_the_page_says_when_trainings_are_missing() -> None:
    runs = [{**run("base", 1, 0.02, 13.0), "steps": 5, "seconds": 1.0}]
    result = {"runs": runs, "trainings": 3, "budget": "hour", "shrunk": False, "claim": "A claim."}
    assert "Not finished: 1 of 3" in markdown(
        {**result, "config": {"trainings": {"Gaussian 1": {"batch": 1, "precision": "32-true"}}}}
    )
