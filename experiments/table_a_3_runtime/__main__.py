"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from benchmarks.sdn_layer import REFERENCE, forward, measure, published_layers, summary
from rich.console import Console

from experiments.common import command_line, markdown_table, progress_bars, write_json, write_text
from latentia.training import run_record

LAYERS = (REFERENCE, "5×5 convolution", "SDN, 1 direction", "SDN, 2 directions")
PUBLISHED_MS: Mapping[int, tuple[float, ...]] = {
    4: (0.32, 1.26, 1.93, 3.52),
    8: (0.63, 3.25, 4.09, 7.61),
    16: (2.33, 11.2, 11.4, 21.0),
    32: (9.18, 20.4, 45.4, 83.8),
}
"""Table A.3: milliseconds of a forward pass, on one graphics card."""
CLAIM = (
    "Thesis A, Table A.3: at scale 32 a spatial dependency layer with one direction takes 4.9 times as long as a 3×3 "
    "convolution, with two directions 9.1 times; a more optimised implementation could substantially improve on that."
)
RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much is measured."""

    scales: tuple[int, ...]
    batch: int
    rounds: int


BUDGETS = {
    "smoke": Budget(scales=(4,), batch=2, rounds=2),
    "hour": Budget(scales=tuple(PUBLISHED_MS), batch=16, rounds=15),
    "paper": Budget(scales=tuple(PUBLISHED_MS), batch=128, rounds=100),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_a_3_runtime",
        says="Table A.3 of thesis A: forward passes of layers, timed on the machine at hand.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Measure, and write BUDGET.json and BUDGET.md to `folder`."""
    setting, device = BUDGETS[budget], torch.device("cuda" if torch.cuda.is_available() else "cpu")
    record = run_record(config=asdict(setting) | {"device": device.type}, seed=seed, data={}, source=Path(__file__))
    rows = []
    with progress_bars() as bars:
        for scale in bars.track(setting.scales, description="Timing forward passes"):
            layers = {name: layer.to(device) for name, layer in published_layers().items()}
            generator = torch.Generator().manual_seed(seed)
            images = torch.randn(setting.batch, 200, scale, scale, generator=generator).to(device)
            seconds = measure({name: forward(layers[name], images) for name in LAYERS}, rounds=setting.rounds)
            rows.append({"scale": scale, "layers": summary(seconds)})
    result = {"experiment": "table_a_3_runtime", "claim": CLAIM, "budget": budget, **record, "rows": rows}
    write_json(result, folder / f"{budget}.json")
    write_text(markdown(result), folder / f"{budget}.md")
    Console().print(f"The table is in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out times, and ratios to the 3×3 convolution beside the published ones."""
    lines = []
    for row in result["rows"]:
        published = PUBLISHED_MS[row["scale"]]
        cells = [str(row["scale"])]
        for name, milliseconds in zip(LAYERS, published, strict=True):
            ours = row["layers"][name]
            cells.append(f"{ours['median_s'] * 1e3:.1f} ms, ×{ours['ratio']:.2f} (×{milliseconds / published[0]:.2f})")
        lines.append(cells)
    config = result["config"]
    return (
        f"# Table A.3, budget {result['budget']}\n\n"
        f"Forward passes of layers with 200 channels, batch {config['batch']}, on {config['device']} with "
        f"{result['hardware']['threads']} threads: median of {config['rounds']}, its ratio to the 3×3 convolution, and "
        "in brackets the published ratio, of one graphics card with a batch of 128.\n\n"
        + markdown_table(["scale", *LAYERS], lines)
    )


if __name__ == "__main__":
    sys.exit(main())
