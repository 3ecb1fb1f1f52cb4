"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.sdn_layer import published_layers, spatial_dependency
from rich.console import Console
from torch import nn

from experiments.common import command_line, markdown_table, write_json, write_text
from latentia.training import run_record

PUBLISHED = {
    "3×3 convolution": 360_200,
    "5×5 convolution": 1_000_200,
    "project phase": 40_200,
    "SDN cell": 481_200,
    "SDN, 1 direction": 561_600,
    "SDN, 2 directions": 1_042_800,
}
CLAIM = "Thesis A, Table A.2: parameters of layers with 200 channels, whatever the scale of their input."
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_a_2_parameters",
        says="Table A.2 of thesis A: numbers of parameters. All budgets count the same.",
        budgets=("smoke", "hour", "paper"),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Count, and write BUDGET.json and BUDGET.md to `folder`."""
    counted = count()
    rows = [
        {"layer": name, "published": published, "ours": counted[name], "equal": counted[name] == published}
        for name, published in PUBLISHED.items()
    ]
    record = run_record(config={"channels": 200}, seed=seed, data={}, source=Path(__file__))
    result = {"experiment": "table_a_2_parameters", "claim": CLAIM, "budget": budget, **record, "rows": rows}
    write_json(result, folder / f"{budget}.json")
    table = markdown_table(
        ["layer", "published", "ours"], [[name, f"{want:,}", f"{counted[name]:,}"] for name, want in PUBLISHED.items()]
    )
    write_text(f"# Table A.2\n\nNumbers of parameters at 200 channels.\n\n{table}", folder / f"{budget}.md")
    Console().print(f"The table is in {folder / f'{budget}.md'}.")


def count() -> dict[str, int]:
    """Count the parameters of all layers of the table."""
    one = spatial_dependency(1)
    layers: dict[str, nn.Module] = {
        **published_layers(),
        "project phase": one.project_in,
        "SDN cell": one.corrections[0],
    }
    return {name: sum(parameter.numel() for parameter in layer.parameters()) for name, layer in layers.items()}


if __name__ == "__main__":
    sys.exit(main())
