"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys

from experiments.figure_a_4_curves.figures import draw, markdown
from experiments.shapes_experiment import ShapesExperiment

EXPERIMENT = ShapesExperiment(
    name="figure_a_4_curves",
    says="Figure A.4 of thesis A: learning curves of β-VAEs with and without a spatial dependency layer.",
    claim=(
        "Thesis A, Figure A.4: the better bound of a β-VAE with a spatial dependency layer comes from its likelihood "
        "term, at every β and throughout the training."
    ),
    markdown=markdown,
    draw=draw,
)
main = EXPERIMENT.main


if __name__ == "__main__":
    sys.exit(main())
