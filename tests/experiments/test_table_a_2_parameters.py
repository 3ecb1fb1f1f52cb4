"""Tables A.2 and A.3 run from one command each; the counts are exact."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.table_a_2_parameters.__main__ import PUBLISHED, count, main
from experiments.table_a_3_runtime.__main__ import LAYERS
from experiments.table_a_3_runtime.__main__ import main as main_runtime


def test_all_six_counts_of_table_a_2_agree_exactly(tmp_path: Path) -> None:
    counted = count()
    assert {name: counted[name] for name in PUBLISHED} == PUBLISHED
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert all(row["equal"] for row in result["rows"])


def test_smoke_of_table_a_3_times_every_layer(tmp_path: Path) -> None:
    assert main_runtime(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert [row["scale"] for row in result["rows"]] == [4]
    assert all(result["rows"][0]["layers"][name]["median_s"] > 0 for name in LAYERS)
    assert "published" in (tmp_path / "smoke.md").read_text(encoding="utf-8")
