"""Which steps teacher forcing keeps rather than others (thesis A, Table 3.2)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentia.errors import SettingError

MARKED = 0.2
"""Share of the steps that are marked where nothing else is said: about that of the words in bold in Table 3.2."""

ROUNDING = 1e-9
"""A share of 0.6 of five steps is three steps, though 0.6 is no binary fraction."""


def mark_kept(keep: Float[Tensor, "batch steps"], *, share: float = MARKED) -> Bool[Tensor, "batch steps"]:
    """Mark the steps with the highest of all probabilities of being kept; NaN is never marked.

    `keep` is as `keep_probabilities` gives it. At most so large a `share` of all steps of the batch is marked; none is
    where all are kept alike. The thesis leaves open from which probability on a word was marked.
    Errors: SettingError where the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise SettingError(f"share must be between 0 and 1; it is {share}.")
    known = keep[~keep.isnan()]
    if not len(known):
        return torch.zeros_like(keep, dtype=torch.bool)
    most = min(math.floor(share * len(known) + ROUNDING), len(known) - 1)
    # A comparison with NaN is false.
    marked: Tensor = keep > known.sort(descending=True).values[most]
    return marked
