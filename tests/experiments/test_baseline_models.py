"""The recipe of the packaged methods runs from one command."""

from __future__ import annotations

from pathlib import Path

from experiments.baseline_models.__main__ import main

from spindle.baselines import KINDS, load_baseline


def test_smoke_learns_and_judges_every_method(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    for kind in KINDS:
        card = load_baseline(tmp_path / f"{kind}.json", kind).card
        assert card.data.startswith("3 SIMULATED laboratories")
        assert 0 <= card.figures["unseen_accuracy"] <= 1
