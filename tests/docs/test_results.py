"""docs/results.md is what the experiments' result files say, in the order of the theses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def tool(tools: Callable[[str], ModuleType]) -> ModuleType:
    return tools("results")


def make_result(experiments: Path, name: str, budget: str = "hour", claim: str = "It holds.", **record: object) -> None:
    results = experiments / name / "results"
    results.mkdir(parents=True, exist_ok=True)
    (experiments / name / "README.md").write_text(f"# The {name}\n\nText.\n", encoding="utf-8")
    made = {"claim": claim, "source": "0123456789abcdef", "started": "2026-01-02T03:04:05", "seed": 7}
    made |= {"hardware": {"cores": 3, "accelerators": []}, **record}
    (results / f"{budget}.json").write_text(json.dumps(made), encoding="utf-8")
    text = f"# Title\n\n{claim}\n\n| a |\n\n## Part\n\n![P](hour.png) [E](../../../docs/errata.md)\n"
    (results / f"{budget}.md").write_text(text, encoding="utf-8")


def test_the_page_is_current(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--check"]) == 0, capsys.readouterr().err


def test_results_stand_in_the_order_of_the_theses_and_larger_budgets_come_first(
    tool: ModuleType, tmp_path: Path
) -> None:
    for name in ("zoo", "table_a_2_size", "table_10_1_x", "figure_3_4_y", "table_3_1_z"):
        make_result(tmp_path, name)
    make_result(tmp_path, "table_2_1_b", claim="As thesis B says.")
    make_result(tmp_path, "table_3_1_z", budget="paper")
    make_result(tmp_path, "table_3_1_z", budget="smoke")
    found = [(one.experiment, one.budget) for one in tool.read_results(tmp_path)]
    assert found == [
        ("table_3_1_z", "paper"), ("table_3_1_z", "hour"), ("figure_3_4_y", "hour"), ("table_10_1_x", "hour"),
        ("table_a_2_size", "hour"), ("table_2_1_b", "hour"), ("zoo", "hour"),
    ]  # fmt: skip


def test_a_section_says_what_was_claimed_and_spent_and_marks_simulated_data(tool: ModuleType, tmp_path: Path) -> None:
    make_result(tmp_path, "table_1_1_x", simulated=True)
    page = tool.make_page(tmp_path)
    assert "## The table_1_1_x" in page
    assert "**SIMULATED data.** Budget hour: 3 cores, no graphics card; 2026-01-02, commit 01234567, seed 7" in page
    assert page.count("It holds.") == 1  # the text says it again
    assert "### Part" in page
    assert "![P](../experiments/table_1_1_x/results/hour.png) [E](errata.md)" in page
