"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from benchmarks.sdn_layer import CHANNELS, forward, measure, published_layers
from rich.console import Console

from experiments.common import command_line, markdown_table, progress_bars, write_json, write_text
from latentia.randomness import seeded
from latentia.training.record import run_record

CLAIM = "Thesis A, A.1.2: the spatial dependency layer is slower than a convolution 'but in the reasonable limits'."
RESULTS = Path(__file__).with_name("results")
PUBLISHED_MS = {
    4: (0.32, 1.26, 1.93, 3.52),
    8: (0.63, 3.25, 4.09, 7.61),
    16: (2.33, 11.2, 11.4, 21.0),
    32: (9.18, 20.4, 45.4, 83.8),
}
"""Table A.3: 3×3 and 5×5 convolution, SDN with 1 and 2 directions; mean of 100 runs with a batch of 128."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How large a batch of how many channels, how often, and up to which scale."""

    batch: int
    channels: int
    repeats: int
    scales: tuple[int, ...]


BUDGETS = {
    "smoke": Budget(batch=2, channels=8, repeats=3, scales=(4, 8)),
    "hour": Budget(batch=128, channels=CHANNELS, repeats=20, scales=tuple(PUBLISHED_MS)),
    "paper": Budget(batch=128, channels=CHANNELS, repeats=100, scales=tuple(PUBLISHED_MS)),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_a_3_runtime",
        says="Time forward passes as in Table A.3, on a graphics card where there is one.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Time every layer at every scale; write BUDGET.json and BUDGET.md."""
    size = BUDGETS[budget]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with seeded(seed, device=device), progress_bars() as bars:
        layers = {name: layer.to(device) for name, layer in published_layers(size.channels).items()}
        figures = {}
        for scale in bars.track(size.scales, description="Timing scales"):
            images = torch.randn(size.batch, size.channels, scale, scale, device=device)
            seconds = measure({name: forward(layer, images) for name, layer in layers.items()}, rounds=size.repeats)
            figures[str(scale)] = {
                name: _figures(times, PUBLISHED_MS[scale][place]) for place, (name, times) in enumerate(seconds.items())
            }
    result = {
        "experiment": "table_a_3_runtime",
        "claim": CLAIM,
        "budget": budget,
        "device": str(device),
        **run_record(config=asdict(size), seed=seed, data={}, source=Path(__file__)),
        "figures": figures,
    }
    write_json(result, folder / f"{budget}.json")
    write_text(_markdown(figures), folder / f"{budget}.md")
    Console().print(f"The table is in {folder / f'{budget}.md'}.")


def _figures(seconds: Sequence[float], published_ms: float) -> dict[str, float]:
    milliseconds = [1000 * one for one in seconds]
    return {
        "published_ms": published_ms,
        "mean_ms": statistics.mean(milliseconds),
        "standard_deviation_ms": statistics.stdev(milliseconds),
        "median_ms": statistics.median(milliseconds),
    }


def _markdown(figures: dict[str, Any]) -> str:
    """One line per scale: times in ms, with the ratio to the 3×3 convolution, published and ours by medians."""
    names = list(next(iter(figures.values())))
    lines = []
    for scale, layers in figures.items():
        for who, key in (("published", "published_ms"), ("ours", "median_ms")):
            reference = layers[names[0]][key]
            cells = [f"{layers[name][key]:.3g} ({layers[name][key] / reference:.1f}×)" for name in names]
            lines.append([f"{scale}, {who}", *cells])
    return markdown_table(["scale; ms (ratio)", *names], lines)


if __name__ == "__main__":
    sys.exit(main())
