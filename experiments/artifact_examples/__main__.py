"""Draw the figure from the command line; see README.md in this folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from experiments.artifact_examples.figure import Chosen, draw_examples
from experiments.artifact_examples.recordings import montages
from experiments.common import real_data
from latentia.errors import LatentiaError
from spindle.density import DensityDetector, load_density
from spindle.signals import load_signals
from spindle.spectrogram import time_frequency

FIGURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "artifact_examples.png"


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code, 2 after a problem."""
    parser = argparse.ArgumentParser(prog="python -m experiments.artifact_examples", description=__doc__)
    parser.add_argument("--density", type=Path, required=True, metavar="FILE", help="made by spindle train --density")
    parser.add_argument("--layers", type=int, default=2, metavar="COUNT", help="layers on top that score; default: 2")
    parser.add_argument("--out", type=Path, default=FIGURE, metavar="FILE", help="default: the docs' picture")
    chosen = parser.parse_args(words)
    try:
        draw(chosen.density, chosen.layers, chosen.out)
    except (LatentiaError, OSError) as error:
        Console(stderr=True).print(str(error), highlight=False)
        return 2
    return 0


def draw(density: Path, layers: int, out: Path) -> None:
    """Score both recordings and draw their ends."""
    detector = DensityDetector(model=load_density(density), top=layers)
    found = {}
    for name, montage in montages(real_data()).items():
        scores = detector.find(time_frequency(load_signals(montage), rows=detector.rows)).density_nats
        assert scores is not None  # a density gives it
        found[name] = Chosen(montage=montage, density_nats=scores)
    draw_examples(found, out, density=f"by {detector.name}, {layers} layers on top")


if __name__ == "__main__":
    sys.exit(main())
