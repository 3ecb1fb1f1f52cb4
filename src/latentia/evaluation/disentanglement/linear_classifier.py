"""Softmax regression: the linear classifier of the β-VAE score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch.nn.functional import cross_entropy

PENALTY = 1e-4
"""Half of it, times the squared weights, keeps them finite where classes can be separated."""
ITERATIONS = 200

Predict = Callable[[Float64[np.ndarray, "n inputs"]], Int64[np.ndarray, " n"]]


def fit_linear_classifier(
    inputs: Float64[np.ndarray, "n inputs"], classes: Int64[np.ndarray, " n"], count: int
) -> Predict:
    """Fit by L-BFGS from zero weights, on inputs that are standardised, so that their scales do not matter.

    There is no chance in it. What it gives back predicts classes 0 … count − 1 of other inputs.
    """
    centre, spread = inputs.mean(0), inputs.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    x, y = torch.from_numpy((inputs - centre) / spread), torch.from_numpy(classes)
    weight = torch.zeros(inputs.shape[1], count, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = cross_entropy(x @ weight + bias, y) + PENALTY / 2 * weight.square().sum()
        torch.autograd.backward(loss)
        return float(loss.detach())

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    fitted, offset = weight.detach().numpy(), bias.detach().numpy()

    def predict(others: Float64[np.ndarray, "n inputs"]) -> Int64[np.ndarray, " n"]:
        found: Int64[np.ndarray, " n"] = ((others - centre) / spread @ fitted + offset).argmax(1)
        return found

    return predict
