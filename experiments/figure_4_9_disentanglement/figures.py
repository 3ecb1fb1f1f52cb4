"""The tables and the pictures of the result: scores over β, and traversals of the best model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure as Drawing

from experiments.common import markdown_table
from experiments.density import Figure
from experiments.shapes import BUDGETS, DECODERS, Run, trained
from experiments.shapes_experiment import Result, betas, heading, of, stable
from latentia.errors import CheckpointError, SettingError
from latentia.files import atomic_path
from latentia.uses import draw_traversal, traverse, write_png

DRAWN = ("β-VAE", "FactorVAE")
"""The metrics of the thesis' two panels."""
SHOWN, RANKING = 2, 256
"""Scenes that are traversed, and scenes that decide the order of dimensions."""
SCENES = 0
"""Seed of the draw of these scenes."""


def markdown(result: Result) -> str:
    """Lay out all scores of both decoders for each β."""
    runs = stable(result)
    metrics = list(runs[0]["scores"]) if runs else []
    rows = []
    for beta in betas(result):
        for name in DECODERS.values():
            if mine := of(result, name, beta):
                scores = [str(Figure.of([run["scores"][metric] for run in mine])) for metric in metrics]
                live = f"{Figure.of([float(run['live']) for run in mine]).mean:.1f}"
                rows.append([name, f"{beta:g}", *scores, live, str(len(mine))])
    parts = [
        *heading(result, "Figure 4.9 of thesis A"),
        markdown_table(["decoder", "β", *metrics, "live dimensions", "seeds"], rows),
        "Scores of posterior means, from 0 to 1, higher is better. By chance β-VAE and FactorVAE scores are 1/6, the "
        "share of one factor; modularity has no such bottom, and says little alone. The thesis drew the first two and "
        "gave no numbers. A dimension is live above 0.01 nats.\n",
        f"![Scores over β]({result['budget']}.png)\n",
        *_told_traversal(result),
    ]
    return "\n".join(parts)


def draw(result: Result, path: Path, work: Path) -> None:
    """Draw the scores, and traversals of the best model where it is in `work`."""
    figure = Drawing(figsize=(8, 3.4), layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(DRAWN), sharey=True), DRAWN, strict=True):
        for name in DECODERS.values():
            found = [(place, of(result, name, beta)) for place, beta in enumerate(betas(result))]
            means = [(place, Figure.of([run["scores"][metric] for run in runs])) for place, runs in found if runs]
            axes.errorbar(
                [place for place, _ in means],
                [one.mean for _, one in means],
                yerr=[one.error or 0.0 for _, one in means],
                marker="o",
                capsize=3,
                label=name,
            )
        axes.set_xticks(range(len(betas(result))), [f"{beta:g}" for beta in betas(result)])
        axes.set(xlabel="β", title=f"{metric} score", ylim=(0, 1))
        axes.legend(frameon=False)
    with atomic_path(path.with_suffix(".png")) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    if best := _best(result):
        _draw_traversal(result, best, path.with_name(f"{path.name}-traversal.png"), work)


def _best(result: Result) -> Mapping[str, Any] | None:
    """Give the run with the highest sum of the two scores that the thesis has."""
    return max(stable(result), key=lambda run: sum(run["scores"][metric] for metric in DRAWN), default=None)


def _told_traversal(result: Result) -> list[str]:
    best = _best(result)
    if best is None:
        return []
    return [
        f"The model with the highest sum of both scores ({best['name']}, β {best['beta']:g}, seed {best['seed']}): "
        "each live dimension from −2 to 2 around two scenes, the others at their posterior means, most informative "
        "first.\n",
        f"![Latent traversals]({result['budget']}-traversal.png)\n",
    ]


def _draw_traversal(result: Result, best: Mapping[str, Any], path: Path, work: Path) -> None:
    budget = BUDGETS[result["budget"]]
    run = next(one for one in budget.runs(result["seed"]) if _is(one, best))
    try:
        model = trained(run, work)
        scenes = np.random.default_rng(SCENES).integers(0, budget.data.factors.combinations, RANKING)
        images = torch.from_numpy(budget.data.images(scenes))
        traversal = traverse(model, images[:SHOWN], ranked_by=images)
    except (CheckpointError, SettingError):  # nothing to draw: the work was deleted, or every dimension is dead
        return
    write_png(draw_traversal(traversal, model.image_format.levels), path)


def _is(run: Run, row: Mapping[str, Any]) -> bool:
    return (run.name, run.training.beta, run.seed) == (row["name"], row["beta"], row["seed"])
