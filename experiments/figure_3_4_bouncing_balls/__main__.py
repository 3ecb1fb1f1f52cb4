"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys

from experiments.figure_3_4_bouncing_balls.figures import draw, markdown
from experiments.figure_3_4_bouncing_balls.protocol import BUDGETS, load_parts
from experiments.sequence_experiment import Experiment

EXPERIMENT = Experiment(
    name="figure_3_4_bouncing_balls",
    says="Figure 3.4 of thesis A: clips of bouncing balls said again.",
    claim=(
        "Thesis A, Figure 3.4: trained with teacher forcing, a VAE of clips says smooth ones that have little to do "
        "with the given clip; without any it says the given clip, but not smoothly; with dynamic dropout it does both."
    ),
    budgets=BUDGETS,
    load_parts=load_parts,
    markdown=markdown,
    draw=draw,
)
main = EXPERIMENT.main


if __name__ == "__main__":
    sys.exit(main())
