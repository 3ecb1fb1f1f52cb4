"""Nearest neighbours by mean squared error: whether samples are copies of training images (Figure A.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.evaluation_mode import blocks


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """For each query its nearest candidates, nearest first."""

    places: Int64[Tensor, "queries neighbours"]
    """Where in the candidates; of two that are equally near, the earlier comes first."""
    squared_error: Float[Tensor, "queries neighbours"]
    """Mean over an image's numbers of the squared difference of levels; 0 is a copy."""


def nearest_neighbours(
    queries: Integer[Tensor, "queries channels height width"],
    candidates: Integer[Tensor, "candidates colours rows columns"],
    *,
    count: int = 5,
    batch: int = 1024,
    on_progress: Callable[[int, int], None] = lambda done, candidates: None,
) -> Neighbours:
    """Search all candidates, `batch` at a time, on the device of the queries.

    Distances are whole numbers and found exactly: |a|² + |b|² − 2·a·b by matrix products in float64, which holds
    whole numbers up to 2⁵³. Errors: DataError where the images differ in shape; SettingError where there are fewer
    candidates than neighbours wanted.
    """
    if queries.shape[1:] != candidates.shape[1:]:
        raise DataError(
            f"Neighbours are wanted for images of {_size(queries)}; the candidates are of {_size(candidates)}."
        )
    if not 1 <= count <= len(candidates):
        raise SettingError(f"{count} neighbours are wanted; there are {len(candidates)} candidates.")
    rows = queries.flatten(1).double()
    norms = rows.square().sum(1, keepdim=True)
    distances = rows.new_empty(len(rows), 0)
    places = torch.empty_like(distances, dtype=torch.int64)
    for block in blocks(len(candidates), batch):
        columns = candidates[block].to(rows.device).flatten(1).double()
        new = norms + columns.square().sum(1) - 2 * rows @ columns.T
        numbers = torch.arange(block.start, block.stop, device=rows.device).expand(len(rows), -1)
        # A stable sort, in which earlier candidates come first, keeps their order where distances are equal.
        distances, order = torch.cat([distances, new], 1).sort(dim=1, stable=True)
        places = torch.cat([places, numbers], 1).gather(1, order)[:, :count]
        distances = distances[:, :count]
        on_progress(block.stop, len(candidates))
    return Neighbours(places=places.cpu(), squared_error=(distances / rows.shape[1]).cpu())


def _size(images: Tensor) -> str:
    return "×".join(map(str, images.shape[1:]))
