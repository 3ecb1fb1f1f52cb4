"""Figures 4.1 to 4.6 of thesis B, from the same trainings as the table, on MNIST instead of CelebA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from matplotlib.figure import Figure
from torch import Tensor

from experiments.table_4_1_mnist_cross_validation.protocol import METHODS, Job
from latentia.data import Split
from latentia.evaluation_mode import evaluation_mode
from latentia.files import atomic_path
from latentia.masks import apply_mask, mask_keys
from latentia.models.base import MultitaskModel
from latentia.randomness import seeded
from latentia.runs import Run, load_run
from latentia.uses import draw_grid, write_png

PICTURED = 10
"""Images in a row."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Two rows of the table whose validation losses the thesis draws over the training."""

    figure: str
    families: tuple[str, ...]
    """The family that the thesis has, and what is drawn where that was not trained or evaluated once alone."""
    method: str


CURVES = (
    Curves(figure="4.2", families=("Gaussian 1", "Gaussian 2"), method="multi exact"),
    Curves(figure="4.4", families=("VQ-VAE 3", "VQ-VAE 2", "VQ-VAE 1"), method="multi exact SoftAdapt"),
    Curves(figure="4.5", families=("Gaussian 2", "Gaussian 1"), method="single uniform 40"),
    Curves(figure="4.6", families=("VQ-VAE 3", "VQ-VAE 2", "VQ-VAE 1"), method="single uniform 40"),
)


def draw_curves(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw a row of two panels for each figure: cost of the latent variables, error without known pixels."""
    trained = {
        (run["family"], run["method"]): run
        for run in runs
        if run["fold"] == 1 and run["figures"] and len(run["history"]) > 1
    }
    drawn = []
    for curves in CURVES:
        there = (one for one in curves.families if {(one, "base"), (one, curves.method)} <= set(trained))
        if family := next(there, None):
            drawn.append((curves, family))
    if not drawn:
        return
    figure = Figure(figsize=(9, 2.6 * len(drawn)), layout="constrained")
    panels = figure.subplots(len(drawn), 2, squeeze=False)
    for (curves, family), (left, right) in zip(drawn, panels, strict=True):
        cost = "divergence, nats" if family.startswith("Gaussian") else "VQ loss"
        for axes, name, says in ((left, "latent_cost", cost), (right, "unconditioned_error", "error without pixels")):
            for method in ("base", curves.method):
                history = trained[family, method]["history"]
                axes.plot([row["step"] for row in history], [row[name] for row in history], "o-", label=method)
            axes.set(xlabel="steps", ylabel=f"{says}, held out", title=f"Figure {curves.figure}: {family}")
            axes.set_yscale("linear" if says.startswith("div") else "log")
            axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def draw_reconstructions(families: Sequence[str], work: Path, path: Path) -> None:
    """Draw held-out images, their known pixels and both decoders' reconstructions (Figures 4.1 and 4.3).

    Of each family whose first fold's models are kept in `work`: two decoders with exact sampling, and a single decoder
    without and with pixels.
    """
    rows: list[UInt8[Tensor, "images channels height width"]] = []
    labels: list[str] = []
    for family in families:
        for method in ("multi exact", "single uniform 40"):
            folder = work / Job(family=family, method=method, fold=1).label
            if (folder / "model.safetensors").is_file():
                images, known, alone, given = _reconstructed(folder, method)
                if not rows:
                    rows.append(images)
                    labels.append("image")
                rows += [known, alone, given]
                labels += [f"{family}, {method}: known pixels", "from z", "from z and pixels"]
    if rows:
        write_png(draw_grid(torch.stack(rows), 256, row_labels=labels), path)


def _reconstructed(folder: Path, method: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    run = load_run(folder)
    model = run.model
    assert isinstance(run, Run) and isinstance(model, MultitaskModel)
    images = run.images(Split.VALIDATION).first(PICTURED).tensor(slice(None))
    masking = METHODS["multi exact" if method == "multi exact" else "multi uniform"].masking
    assert masking is not None
    with evaluation_mode(model), seeded(0):
        values = model.as_values(images)
        mask = masking.draw(mask_keys(0, count=len(values)), *values.shape[2:])
        latent = model.encode(values).values
        alone, given = model.decode(latent), model.decode_given(latent, apply_mask(values, mask))
        shown = torch.where(mask, values, 0.3)
    return images, *((one.clamp(0, 1) * 255).round().to(torch.uint8) for one in (shown, alone, given))
