"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys

from experiments.sequence_experiment import Experiment
from experiments.table_3_4_video.figures import draw
from experiments.table_3_4_video.protocol import BUDGETS, load_parts
from experiments.table_3_4_video.tables import markdown

EXPERIMENT = Experiment(
    name="table_3_4_video",
    says="Table 3.4 of thesis A: ways to regulate teacher forcing, on clips.",
    claim=(
        "Thesis A, Table 3.4: a VAE of clips whose decoder is told less keeps more in its latent variables and says "
        "clips again better, most of all where it learns how much it is told."
    ),
    budgets=BUDGETS,
    load_parts=load_parts,
    markdown=markdown,
    draw=draw,
)
main = EXPERIMENT.main


if __name__ == "__main__":
    sys.exit(main())
