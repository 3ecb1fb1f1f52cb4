"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from torch import nn

from experiments.common import command_line, markdown_table, write_json, write_text
from latentia.errors import LatentiaError
from latentia.layers.spatial_dependency import Direction, SpatialDependency
from latentia.training.record import run_record

CLAIM = "Thesis A, A.1.2: a spatial dependency layer with 2 directions is about as large as a 5×5 convolution."
RESULTS = Path(__file__).with_name("results")
FILTERS = 200
PUBLISHED = {
    "3x3CNN": 360200,
    "5x5CNN": 1000200,
    "Project phase": 40200,
    "SDN cell": 481200,
    "1dir-SDN": 561600,
    "2dir-SDN": 1042800,
}


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_a_2_parameters",
        says="Count parameters as in Table A.2; every budget does the same, since counting costs nothing.",
        budgets=("smoke", "hour", "paper"),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Write BUDGET.json and BUDGET.md. Errors: LatentiaError where a count is not the published one."""
    counts = {name: _parameters(layer) for name, layer in _layers().items()}
    result = {
        "experiment": "table_a_2_parameters",
        "claim": CLAIM,
        "budget": budget,
        **run_record(config={"filters": FILTERS}, seed=seed, data={}, source=Path(__file__)),
        "parameters": {name: {"published": PUBLISHED[name], "ours": count} for name, count in counts.items()},
    }
    rows = [[name, f"{PUBLISHED[name]:,}", f"{count:,}"] for name, count in counts.items()]
    write_json(result, folder / f"{budget}.json")
    write_text(markdown_table(["layer", "published", "ours"], rows), folder / f"{budget}.md")
    different = [name for name, count in counts.items() if count != PUBLISHED[name]]
    if different:
        raise LatentiaError(f"Table A.2 has other numbers of parameters for {', '.join(different)}.")
    Console().print(f"All six numbers are the published ones; the table is in {folder / f'{budget}.md'}.")


def _layers() -> dict[str, nn.Module]:
    one, two = (
        SpatialDependency(FILTERS, FILTERS, features=FILTERS, directions=list(Direction)[:count]) for count in (1, 2)
    )
    return {
        "3x3CNN": nn.Conv2d(FILTERS, FILTERS, 3, padding=1),
        "5x5CNN": nn.Conv2d(FILTERS, FILTERS, 5, padding=2),
        "Project phase": one.project_in,
        "SDN cell": one.corrections[0],
        "1dir-SDN": one,
        "2dir-SDN": two,
    }


def _parameters(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


if __name__ == "__main__":
    sys.exit(main())
