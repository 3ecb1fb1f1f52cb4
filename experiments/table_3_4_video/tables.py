"""The tables of the result, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.common import markdown_table
from experiments.density import Figure
from experiments.sequence_experiment import notes, of, read_published, stable
from experiments.table_3_4_video.protocol import BASELINE, DYNAMIC, OURS, ROWS

PUBLISHED = Path(__file__).with_name("published.csv")
COLUMNS = {
    "negative_elbo": "−ELBO ↓",
    "reconstruction": "RC ↓",
    "divergence": "KL ↑",
    "psnr": "PSNR ↑",
    "mse": "MSE ·10³ ↓",
    "ssim": "SSIM ↑",
}
LOWER = ("negative_elbo", "reconstruction", "mse")
"""Columns of which less is better."""
TO_PRINTED = {"mse": 1000.0}
"""Factors from what is measured to the units of a table; of the thesis' −ELBO and RC see `published`."""
PAIRS = (
    *((name, BASELINE) for name in ROWS if name != BASELINE),
    (DYNAMIC, "scheduled sampling 70 %"),
    (OURS, "word dropout 50 %"),
)
"""What the thesis says is better, and than what; of the last one it says nothing."""


def published() -> dict[str, dict[str, float]]:
    """Give the published rows, by name and column: −ELBO and RC in thousands of nats, MSE in thousandths."""
    return read_published(PUBLISHED, COLUMNS)


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out a result: our figures, what was published, differences, and the pictures."""
    runs = stable(result)
    if not runs:
        return f"# Table 3.4, budget {result['budget']}\n\nNo training was stable.\n"
    kind = "SIMULATED clips" if result["simulated"] else "real clips"
    budget = result["budget"]
    parts = [
        f"# Table 3.4 of thesis A, budget {budget}: {kind}\n",
        f"{result['claim']}\n",
        *notes(result),
        _spent(result, runs),
        _ours(runs),
        "Published, of KTH's validation clips (−ELBO and RC in thousands of nats; each the best of 10 seeds):\n",
        _published(),
        "## Differences, seed by seed\n",
        _differences(runs),
        f"## Figure 3.5\n\n![Clips, and what two models say again]({budget}-clips.png)\n",
        f"## Figure 3.6\n\n![Share of frames that are dropped, over the training]({budget}-drop.png)\n",
    ]
    return "\n".join(parts)


def _spent(result: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> str:
    training, model = result["config"]["training"], result["config"]["model"]
    length = f"{training['steps']} steps" if training["steps"] else f"up to {training['passes']} passes"
    counts = ", ".join(f"{count} {split}" for split, count in result["counts"].items())
    size, frames = result["config"]["size"], result["config"]["frames"]
    seconds = statistics.median(run["seconds"] for run in runs)
    return (
        f"Data: {result['data']}; {counts}; frames of {size}×{size}, {frames} in a clip. −ELBO, RC and KL in nats per "
        "clip, with teacher forcing as evaluation has it; PSNR in dB, MSE and SSIM of clips said again without it, "
        "from the mean of z; “kept” is how probable it is in training that a frame is kept, though evaluation keeps "
        "all; ± is the standard error over seeds. Each training: "
        f"{length} of {training['batch']} clips, hidden {model['hidden']}, latent {model['latent_size']}; "
        f"{seconds:.0f} s in the median. The weights are those of the best validation reconstruction, as in the "
        "thesis.\n"
    )


def _value(run: Mapping[str, Any], column: str) -> float:
    return float(run["measured"][column]) * TO_PRINTED.get(column, 1.0)


def _short(one: Figure, column: str) -> str:
    digits = 3 if column in ("ssim", "kept") else 2 if column in ("psnr", "mse") else 1
    return f"{one.mean:.{digits}f}" if one.error is None else f"{one.mean:.{digits}f} ± {one.error:.{digits}f}"


def _ours(runs: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for name in (name for name in ROWS if of(runs, name)):
        mine = of(runs, name)
        cells = [_short(Figure.of([_value(run, column) for run in mine]), column) for column in (*COLUMNS, "kept")]
        best = f"{statistics.median(run['best_step'] for run in mine):.0f}"
        rows.append([f"{name} (not in the thesis)" if name == OURS else name, str(len(mine)), *cells, best])
    return markdown_table(["row", "seeds", *COLUMNS.values(), "kept", "best step"], rows)


def _published() -> str:
    rows = [[name, *(f"{row[column]:g}" for column in COLUMNS)] for name, row in published().items()]
    return markdown_table(["row", *COLUMNS.values()], rows)


def differences(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare rows over the same seeds: all differences, and of how many seeds they are as the arrows say."""
    found = []
    for better, worse in PAIRS:
        others = {run["seed"]: run for run in of(runs, worse)}
        mine = [run for run in of(runs, better) if run["seed"] in others]
        for column in COLUMNS if mine else ():
            values = [_value(run, column) - _value(others[run["seed"]], column) for run in mine]
            agree = sum(one < 0 if column in LOWER else one > 0 for one in values)
            found.append({"better": better, "worse": worse, "column": column, "differences": values, "agree": agree})
    return found


def _differences(runs: Sequence[Mapping[str, Any]]) -> str:
    cells: dict[tuple[str, str], list[str]] = {}
    for one in differences(runs):
        figure = _short(Figure.of(one["differences"]), one["column"])
        cells.setdefault((one["better"], one["worse"]), []).append(
            f"{figure} ({one['agree']} of {len(one['differences'])})"
        )
    rows = [[f"{better} − {worse}", *row] for (better, worse), row in cells.items()]
    return markdown_table(["pair (seeds on the arrow's side)", *COLUMNS.values()], rows)
