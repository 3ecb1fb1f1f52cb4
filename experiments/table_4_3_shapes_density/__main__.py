"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys

from experiments.shapes_experiment import ShapesExperiment
from experiments.table_4_3_shapes_density.tables import BETA, markdown

EXPERIMENT = ShapesExperiment(
    name="table_4_3_shapes_density",
    says="Table 4.3 of thesis A: a VAE of shapes with a decoder of convolutions, and with a spatial dependency layer.",
    claim=(
        "Thesis A, Table 4.3: with one spatial dependency layer in place of a convolution in its decoder, a VAE of "
        "64×64 scenes has a far better evidence lower bound, for a divergence that is hardly larger."
    ),
    markdown=markdown,
    wanted=lambda run: run.training.beta == BETA,
)
main = EXPERIMENT.main


if __name__ == "__main__":
    sys.exit(main())
