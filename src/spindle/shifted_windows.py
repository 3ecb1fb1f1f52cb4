"""One linear layer over many windows that overlap, with 2.5 times fewer multiplications.

The windows of neighbouring epochs are shifted by a fifth of their length, so the layer is a filter of five taps
along time, whose taps are matrices: y[t] = W₀x[t] + … + W₄x[t+4], where x[t] holds the features of one epoch. Four
outputs of such a filter need 8 products instead of 20 (Winograd 1980; Lavin and Gray 2016): the product of two
polynomials with five and four coefficients is known from its values at eight points, and a filter is that product
transposed. With these points, rounding errors are a few times those of the plain sum.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

TAPS, OUTPUTS = 5, 4
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
"""Seven finite points; infinity is the eighth."""


def _values(coefficients: int) -> Float[np.ndarray, "8 coefficients"]:
    """Matrix from a polynomial's coefficients, constant first, to its values at the points and at infinity."""
    finite = np.vander(POINTS, coefficients, increasing=True)
    return np.vstack([finite, np.eye(coefficients)[-1]])


class ShiftedWindows:
    """A linear layer's answers to all windows of `length` positions that begin at multiples of `shift`.

    `weight` is the layer's, ordered (out, filter, position, row), with 4 · shift < length ≤ 5 · shift.
    """

    def __init__(
        self, weight: Float[Tensor, "out filters length rows"], bias: Float[Tensor, " out"], shift: int
    ) -> None:
        outputs, filters, length, rows = weight.shape
        padded = F.pad(weight, (0, 0, 0, TAPS * shift - length))
        apart = padded.reshape(outputs, filters, TAPS, shift, rows)
        # (out, filter, tap, position, row) → (tap, position, row, filter, out)
        taps = apart.permute(2, 3, 4, 1, 0).reshape(TAPS, -1, outputs)
        self._taps = torch.tensordot(_matrix(_values(TAPS)), taps, dims=1)
        self._analysis = _matrix(np.linalg.inv(_values(TAPS + OUTPUTS - 1)).T)
        self._synthesis = _matrix(_values(OUTPUTS).T)
        self._bias = bias
        self._length = length
        self._shift = shift

    def __call__(self, features: Float[Tensor, "positions rows filters"]) -> Float[Tensor, "windows out"]:
        """Apply the layer to each window that fits."""
        windows = (len(features) - self._length) // self._shift + 1
        groups = -(-windows // OUTPUTS)
        epochs = OUTPUTS * groups + TAPS - 1
        missing = epochs * self._shift - len(features)
        per_epoch = F.pad(features, (0, 0, 0, 0, 0, missing)).reshape(epochs, -1)
        seen = per_epoch.unfold(0, TAPS + OUTPUTS - 1, OUTPUTS).transpose(1, 2)  # (groups, 8, features)
        products = torch.bmm(torch.matmul(self._analysis, seen).transpose(0, 1), self._taps)
        outputs: Tensor = torch.tensordot(self._synthesis, products, dims=1)  # (4, groups, out)
        return outputs.transpose(0, 1).reshape(OUTPUTS * groups, -1)[:windows] + self._bias


def _matrix(values: Float[np.ndarray, "rows columns"]) -> Float[Tensor, "rows columns"]:
    return torch.from_numpy(values.astype(np.float32))
