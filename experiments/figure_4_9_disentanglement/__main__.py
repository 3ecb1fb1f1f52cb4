"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys

from experiments.figure_4_9_disentanglement.figures import draw, markdown
from experiments.shapes_experiment import ShapesExperiment

EXPERIMENT = ShapesExperiment(
    name="figure_4_9_disentanglement",
    says="Figure 4.9 of thesis A: disentanglement of β-VAEs with and without a spatial dependency layer.",
    claim=(
        "Thesis A, Figure 4.9: with a spatial dependency layer in the decoder the latent dimensions of a β-VAE are "
        "better disentangled, by β-VAE and FactorVAE scores, over a range of β."
    ),
    markdown=markdown,
    draw=draw,
)
main = EXPERIMENT.main


if __name__ == "__main__":
    sys.exit(main())
