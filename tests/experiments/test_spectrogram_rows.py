"""The comparison of row choices runs from one command."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.spectrogram_rows.__main__ import main


def test_smoke_compares_both_choices_on_the_same_epochs(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    narrow, wide = result["figures"]["narrow"], result["figures"]["wide"]
    assert result["simulated"] is True
    assert narrow["epochs"] == wide["epochs"] > 100
    assert 1 / 3 < narrow["accuracy"] <= 1
    assert result["data_sha256"]["narrow"] != result["data_sha256"]["wide"]
    assert "simulated" in (tmp_path / "smoke.md").read_text(encoding="utf-8")
