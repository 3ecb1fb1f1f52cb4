"""What DCI asks of a method that predicts a factor from all latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

from latentia.evaluation.disentanglement.codes import Codes


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """How a factor was predicted from all latents."""

    importance: Float[np.ndarray, " latents"]
    """How much each latent matters, 0 or more."""
    accuracy: float
    """On the test examples; for a method that predicts numbers, R² or 0."""


@runtime_checkable
class Predictor(Protocol):
    """Predicts one factor from all latents."""

    def __call__(
        self,
        codes: Codes,
        values: Int64[np.ndarray, " n"],
        test_codes: Float[np.ndarray, "tests latents"],
        test_values: Int64[np.ndarray, " tests"],
    ) -> Prediction:
        """Fit to codes and values, and predict the test values."""
