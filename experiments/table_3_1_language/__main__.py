"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys

from experiments.sequence_experiment import Experiment
from experiments.table_3_1_language.protocol import BUDGETS, load_parts
from experiments.table_3_1_language.tables import claims, markdown

EXPERIMENT = Experiment(
    name="table_3_1_language",
    says="Table 3.1 of thesis A: word dropout and its rivals on the Penn Treebank.",
    claim=(
        "Thesis A, Table 3.1: a sentence VAE whose decoder is told fewer words keeps more in its latent variables, and "
        "one that learns which words to drop reconstructs better than with any fixed dropout."
    ),
    budgets=BUDGETS,
    load_parts=load_parts,
    markdown=markdown,
    findings=lambda runs: {"claims": claims(runs)},
)
main = EXPERIMENT.main


if __name__ == "__main__":
    sys.exit(main())
