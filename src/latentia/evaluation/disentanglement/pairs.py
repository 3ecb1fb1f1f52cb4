"""Draws of examples that share the value of one factor, from a table of examples.

The β-VAE and the FactorVAE score were defined on a simulator, which makes images on demand. Here the draws come from
the examples that are there, with replacement: a factor's group is all examples with one value of it. For the same to
hold as with a simulator, the factors must be independent in the table, as in all of a rendered set or a random part.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64

from latentia.evaluation.disentanglement.codes import FactorTable

BLOCK = 1024
"""How many points are drawn together."""


class Groups:
    """Examples of a table by the value of one factor."""

    def __init__(self, values: Int64[np.ndarray, " n"]) -> None:
        _, self._group, self._sizes = np.unique(values, return_inverse=True, return_counts=True)
        self._order = np.argsort(self._group, kind="stable")
        self._starts = np.cumsum(self._sizes) - self._sizes

    def of_one_value(
        self, rows: int, columns: int, generator: np.random.Generator
    ) -> Int64[np.ndarray, "rows columns"]:
        """Numbers of examples: those of a row share a value, the value of an example drawn at random."""
        group = self._group[generator.integers(0, len(self._group), rows)][:, None]
        return self._among(np.broadcast_to(group, (rows, columns)), generator)

    def partners(
        self, examples: Int64[np.ndarray, "rows columns"], generator: np.random.Generator
    ) -> Int64[np.ndarray, "rows columns"]:
        """For each example another one, or by chance itself, with the same value."""
        return self._among(self._group[examples], generator)

    def _among(
        self, group: Int64[np.ndarray, "rows columns"], generator: np.random.Generator
    ) -> Int64[np.ndarray, "rows columns"]:
        place = (generator.random(group.shape) * self._sizes[group]).astype(np.int64)
        drawn: Int64[np.ndarray, "rows columns"] = self._order[self._starts[group] + place]
        return drawn


def groups_of(factors: FactorTable) -> list[Groups]:
    """The groups of each factor."""
    return [Groups(column.astype(np.int64)) for column in factors.T]


def blocks_of(
    groups: list[Groups], factors: Int64[np.ndarray, " points"]
) -> Iterator[tuple[Groups, Int64[np.ndarray, " block"]]]:
    """Go through points a block at a time: those of a block have one factor, whose groups are given beside them."""
    for factor, group in enumerate(groups):
        own = np.flatnonzero(factors == factor)
        for start in range(0, len(own), BLOCK):
            yield group, own[start : start + BLOCK]
