"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.common import command_line
from experiments.sequence_experiment import Experiment, carry_out
from experiments.table_3_4_video.figures import draw
from experiments.table_3_4_video.protocol import BUDGETS, load_parts
from experiments.table_3_4_video.tables import markdown

EXPERIMENT = Experiment(
    name="table_3_4_video",
    claim=(
        "Thesis A, Table 3.4: a VAE of clips whose decoder is told less keeps more in its latent variables and says "
        "clips again better, most of all where it learns how much it is told."
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
        says="Table 3.4 of thesis A: ways to regulate teacher forcing, on clips. A run that was killed goes on.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure all rows, or go on with it, and write BUDGET.json, .md and pictures to `folder`."""
    setting = BUDGETS[budget]
    carry_out(EXPERIMENT, setting, load_parts(setting), budget=budget, folder=folder, seed=seed)


if __name__ == "__main__":
    sys.exit(main())
