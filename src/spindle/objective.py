"""What training makes small, and the figures that say how well it did on held-out epochs."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from latentia.training import Evaluation


def class_weights(labels: Int[Tensor, " batch"], classes: int) -> Float[Tensor, " classes"]:
    """w(c) = batch / (classes present · epochs of c); 0 for a class that the mini-batch lacks.

    Every class present has the same total weight, and the weights of all epochs sum to the batch size.
    """
    counts = torch.bincount(labels, minlength=classes)
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp(min=1)), 0.0)


def weighted_cross_entropy(logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Class-weighted cross-entropy, the weighted mean over the mini-batch, in nats.

    Equation: A 5.1
    """
    return F.cross_entropy(logits, labels, weight=class_weights(labels, logits.shape[1]))


def held_out_evaluation(
    logits: Float[Tensor, "epochs classes"], labels: Int[Tensor, " epochs"], names: tuple[str, ...]
) -> Evaluation:
    """Score by eq. 5.1 with weights from all held-out epochs, so that every class present counts alike.

    Figures: that loss, the balanced accuracy (mean recall of the classes present), and F1 per class present.
    """
    loss = float(weighted_cross_entropy(logits, labels))
    cells = torch.bincount(labels * len(names) + logits.argmax(dim=1), minlength=len(names) ** 2)
    confusion = cells.reshape(len(names), len(names))
    hits, truth, claims = confusion.diagonal(), confusion.sum(dim=1), confusion.sum(dim=0)
    present = truth > 0
    f1 = 2 * hits / (truth + claims).clamp(min=1)
    figures = {"held_out_loss": loss, "balanced_accuracy": float((hits[present] / truth[present]).mean())}
    figures |= {f"f1_{name}": float(f1[code]) for code, name in enumerate(names) if present[code]}
    return Evaluation(score=loss, figures=figures)
