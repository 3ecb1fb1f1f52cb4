"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.common import command_line
from experiments.figure_3_4_bouncing_balls.figures import draw, markdown
from experiments.figure_3_4_bouncing_balls.protocol import BUDGETS, load_parts
from experiments.sequence_experiment import Experiment, carry_out

EXPERIMENT = Experiment(
    name="figure_3_4_bouncing_balls",
    claim=(
        "Thesis A, Figure 3.4: trained with teacher forcing, a VAE of clips says smooth ones that have little to do "
        "with the given clip; without any it says the given clip, but not smoothly; with dynamic dropout it does both."
    ),
    markdown=markdown,
    draw=draw,
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name=EXPERIMENT.name,
        says="Figure 3.4 of thesis A: clips of bouncing balls said again. A run that was killed goes on.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure the three models, or go on with it, and write BUDGET.json, .md and .png to `folder`."""
    setting = BUDGETS[budget]
    carry_out(EXPERIMENT, setting, load_parts(setting), budget=budget, folder=folder, seed=seed)


if __name__ == "__main__":
    sys.exit(main())
