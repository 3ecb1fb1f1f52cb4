"""The comparison of decodings runs from one command."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.decoding.__main__ import main


def test_smoke_scores_every_way(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert result["simulated"] is True
    assert len(result["figures"]) == 5
    for figures in result["figures"].values():
        assert sum(part["recordings"] for part in figures["by_composition"].values()) == 3
        assert 0 <= figures["mean_accuracy"] <= 1
