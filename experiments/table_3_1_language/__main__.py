"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.common import command_line
from experiments.sequence_experiment import Experiment, carry_out
from experiments.table_3_1_language.protocol import BUDGETS, load_parts
from experiments.table_3_1_language.tables import claims, markdown

EXPERIMENT = Experiment(
    name="table_3_1_language",
    claim=(
        "Thesis A, Table 3.1: a sentence VAE whose decoder is told fewer words keeps more in its latent variables, and "
        "one that learns which words to drop reconstructs better than with any fixed dropout."
    ),
    markdown=markdown,
    findings=lambda runs: {"claims": claims(runs)},
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name=EXPERIMENT.name,
        says="Table 3.1 of thesis A: word dropout and its rivals on the Penn Treebank. A run that was killed goes on.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure all rows, or go on with it, and write BUDGET.json and BUDGET.md to `folder`."""
    setting = BUDGETS[budget]
    carry_out(EXPERIMENT, setting, load_parts(setting), budget=budget, folder=folder, seed=seed)


if __name__ == "__main__":
    sys.exit(main())
