"""The recipe of the starter model runs from one command."""

from __future__ import annotations

from pathlib import Path

from experiments.starter_model.__main__ import main

from spindle.model_file import load_model


def test_smoke_makes_a_model_that_learned_its_labels_transitions(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    model = load_model(tmp_path / "starter.safetensors")
    assert model.card.name == "starter"
    assert model.card.data.startswith("SIMULATED")
    assert model.transitions.matrix[0, 0] > 0.8
    assert len(list((tmp_path / "long").glob("*.edf"))) == 2
