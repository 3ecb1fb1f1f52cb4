"""The table and the picture of the result: −ELBO, −log-likelihood and divergence of held-out scenes over the steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Drawing

from experiments.common import markdown_table
from experiments.density import Figure
from experiments.shapes import DECODERS
from experiments.shapes_experiment import Result, betas, heading, of
from latentia.files import atomic_path

DIMENSIONS = 3 * 64 * 64
Row = Mapping[str, Any]


def _divergence(row: Row) -> float | None:
    """KL in bits per dimension."""
    nats = row["divergence_1"]
    return None if nats is None else nats / (DIMENSIONS * math.log(2))


def _likelihood(row: Row) -> float | None:
    """−log-likelihood in bits per dimension."""
    bound, divergence = row["bits_per_dimension"], _divergence(row)
    return None if bound is None or divergence is None else bound - divergence


TERMS: Mapping[str, Callable[[Row], float | None]] = {
    "−ELBO": lambda row: row["bits_per_dimension"],
    "−log-likelihood": _likelihood,
    "KL": _divergence,
}


def markdown(result: Result) -> str:
    """Lay out the terms at the first, middle and last evaluation."""
    rows = []
    for beta in betas(result):
        for name in DECODERS.values():
            runs = of(result, name, beta)
            for term, value in TERMS.items() if runs else ():
                curve = _mean(runs, value)
                chosen = [curve[0], curve[len(curve) // 2], curve[-1]]
                told = [f"{number:.5f}" if term == "KL" else f"{number:.3f}" for _, number in chosen]
                rows.append([name, f"{beta:g}", term, *told])
    parts = [
        *heading(result, "Figure A.4 of thesis A"),
        "Means over the seeds on held-out scenes, in bits per dimension; lower is better.\n",
        markdown_table(["decoder", "β", "term", "first evaluation", "middle", "last"], rows),
        f"![Learning curves]({result['budget']}.png)\n",
    ]
    return "\n".join(parts)


def draw(result: Result, path: Path, work: Path) -> None:
    """Draw a column for each β and a row for each term, and in each the curves of both decoders."""
    found = betas(result)
    if not found:
        return
    figure = Drawing(figsize=(3.2 * len(found) + 1, 6.6), layout="constrained")
    panels = figure.subplots(len(TERMS), len(found), squeeze=False, sharex=True)
    for column, beta in enumerate(found):
        for panel, (term, value) in zip(panels[:, column], TERMS.items(), strict=True):
            for name in DECODERS.values():
                if runs := of(result, name, beta):
                    steps, means = zip(*_mean(runs, value), strict=True)
                    panel.plot(steps, means, label=name)
            panel.set(ylabel=f"{term}, bits/dim" if column == 0 else "", title=f"β {beta:g}" if term == "−ELBO" else "")
        panels[-1, column].set(xlabel="steps")
    panels[0, -1].legend(frameon=False)
    with atomic_path(path.with_suffix(".png")) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _mean(runs: list[Row], value: Callable[[Row], float | None]) -> list[tuple[int, float]]:
    """Give steps and means over the seeds, of the evaluations where all are finite."""
    curve = []
    for rows in zip(*(run["history"] for run in runs), strict=False):
        values = [one for one in map(value, rows) if one is not None]
        if len(values) == len(runs):
            curve.append((int(rows[0]["step"]), Figure.of(values).mean))
    return curve
