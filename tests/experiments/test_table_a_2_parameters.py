"""The counts of Table A.2 come out exactly, from one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from experiments.table_a_2_parameters import __main__ as table


def test_every_count_is_the_published_one(tmp_path: Path) -> None:
    assert table.main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert len(result["parameters"]) == 6
    assert all(row["ours"] == row["published"] for row in result["parameters"].values())


def test_another_count_fails_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(table.PUBLISHED, "SDN cell", 481201)
    assert table.main(["--budget", "smoke", "--out", str(tmp_path)]) == 2
    assert "other numbers of parameters for SDN cell" in " ".join(capsys.readouterr().err.split())
