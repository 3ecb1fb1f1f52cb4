"""What a line of a sweep hears from the line before: for each position, products with three neighbours' features.

Along a line this is a convolution with a kernel of three, Σ_k W_k · q[j + k − 1], q being zero beyond both ends. There
are two ways to compute it. `SideBySide` is one product over the three neighbours. `InPairs` gets two positions from
four products instead of six, Winograd's F(2, 3), for sums and differences of neighbours; so does its gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

PAIRS_FROM_FEATURES, PAIRS_FROM_ROWS = 64, 256
"""Measured: with smaller products the sums and differences of `InPairs` cost more than the products they save."""


def neighbour_products(weight: Float[Tensor, "3 outputs features"], batch: int, positions: int) -> NeighbourProducts:
    """Choose the faster way for lines of this size.

    Pairs are for an even number of positions. They are not for 16-bit numbers, to which differences do harm, nor for
    accelerators, where many small steps cost more than one large product.
    """
    large = weight.shape[2] >= PAIRS_FROM_FEATURES and batch * positions >= PAIRS_FROM_ROWS
    precise = weight.dtype.itemsize >= 4 and weight.device.type == "cpu"
    way = InPairs if large and precise and positions % 2 == 0 else SideBySide
    return way(weight, batch, positions)


class NeighbourProducts(ABC):
    """Products with neighbours for one sweep, with the memory that it needs for one line.

    A line is a matrix of batch·positions rows, positions counting first.
    """

    def __init__(self, weight: Float[Tensor, "3 outputs features"], batch: int, positions: int) -> None:
        self._shape = (batch, positions)
        self._padded = weight.new_zeros(batch, positions + 2, weight.shape[2])

    @abstractmethod
    def add(self, outputs: Float[Tensor, "rows outputs"], previous: Float[Tensor, "rows features"]) -> None:
        """Add to the outputs of a line what the line before contributes."""

    @abstractmethod
    def start_gradient(self) -> Tensor:
        """Make zeros for `add_gradients` to sum the gradient of the weights in, in its own form."""

    @abstractmethod
    def add_gradients(
        self,
        grad: Float[Tensor, "rows outputs"],
        previous: Float[Tensor, "rows features"],
        grad_previous: Float[Tensor, "rows features"],
        total: Tensor,
    ) -> None:
        """From the gradient of a line's outputs, add to that of the line before and, in `total`, of the weights."""

    @abstractmethod
    def weight_gradient(self, total: Tensor) -> Float[Tensor, "3 outputs features"]:
        """Turn the sum of `add_gradients` into the gradient of the weights."""

    def _by_image(self, rows: Float[Tensor, "rows channels"]) -> Float[Tensor, "batch positions channels"]:
        return rows.view(*self._shape, rows.shape[1])


class SideBySide(NeighbourProducts):
    """One product per line, over the features of the three neighbours side by side."""

    def __init__(self, weight: Float[Tensor, "3 outputs features"], batch: int, positions: int) -> None:
        super().__init__(weight, batch, positions)
        self._weight = weight.transpose(0, 1).flatten(1)  # outputs, 3·features
        self._windows = self._padded.unfold(1, 3, 1).transpose(2, 3)  # batch, positions, 3, features
        self._three = torch.empty_like(self._windows, memory_format=torch.contiguous_format)

    def add(self, outputs: Float[Tensor, "rows outputs"], previous: Float[Tensor, "rows features"]) -> None:
        """Do it in one product."""
        outputs.addmm_(self._gather(previous), self._weight.t())

    def start_gradient(self) -> Tensor:
        """Make zeros, at least in float32: sums run over thousands of positions."""
        return torch.zeros_like(self._weight, dtype=torch.promote_types(self._weight.dtype, torch.float32))

    def add_gradients(
        self,
        grad: Float[Tensor, "rows outputs"],
        previous: Float[Tensor, "rows features"],
        grad_previous: Float[Tensor, "rows features"],
        total: Tensor,
    ) -> None:
        """Do it in two products."""
        three = self._gather(previous)
        add_product(total, grad.t(), three)
        torch.mm(grad, self._weight, out=three)
        left, middle, right = self._three.unbind(2)
        target = self._by_image(grad_previous).add_(middle)
        target[:, :-1] += left[:, 1:]
        target[:, 1:] += right[:, :-1]

    def weight_gradient(self, total: Tensor) -> Float[Tensor, "3 outputs features"]:
        """Take the three neighbours apart."""
        outputs, three = total.shape
        return total.view(outputs, 3, three // 3).transpose(0, 1).to(self._weight.dtype).contiguous()

    def _gather(self, previous: Float[Tensor, "rows features"]) -> Float[Tensor, "rows three"]:
        self._padded[:, 1:-1] = self._by_image(previous)
        return self._three.copy_(self._windows).flatten(2).flatten(0, 1)


class InPairs(NeighbourProducts):
    """Two positions at a time. With d = q[2t − 1 … 2t + 2] and the weights g of the neighbours:

    y[2t] = m₁ + m₂ + m₃ and y[2t + 1] = m₂ − m₃ − m₄, where m₁ = g₀(d₀ − d₂), m₂ = ½(g₀ + g₁ + g₂)(d₁ + d₂),
    m₃ = ½(g₀ − g₁ + g₂)(d₂ − d₁) and m₄ = g₂(d₁ − d₃). Source: Winograd 1980; Lavin and Gray 2016, section 4.1.
    """

    def __init__(self, weight: Float[Tensor, "3 outputs features"], batch: int, positions: int) -> None:
        super().__init__(weight, batch, positions)
        sides, middle = 0.5 * (weight[0] + weight[2]), 0.5 * weight[1]
        self._weights = torch.stack([weight[0], sides + middle, sides - middle, weight[2]])
        pairs = batch * positions // 2
        self._sums = weight.new_empty(4, pairs, weight.shape[2])
        self._products = weight.new_empty(2, pairs, weight.shape[1])

    def add(self, outputs: Float[Tensor, "rows outputs"], previous: Float[Tensor, "rows features"]) -> None:
        """Do it in four products, for half of the positions each."""
        sums, weights = self._combine(previous), self._weights
        even, odd = outputs[0::2], outputs[1::2]
        second, third = self._products
        torch.mm(sums[1], weights[1].t(), out=second)
        torch.mm(sums[2], weights[2].t(), out=third)
        even.addmm_(sums[0], weights[0].t()).add_(second).add_(third)
        odd.addmm_(sums[3], weights[3].t(), alpha=-1).add_(second).sub_(third)

    def start_gradient(self) -> Tensor:
        """Make zeros."""
        return torch.zeros_like(self._weights)

    def add_gradients(
        self,
        grad: Float[Tensor, "rows outputs"],
        previous: Float[Tensor, "rows features"],
        grad_previous: Float[Tensor, "rows features"],
        total: Tensor,
    ) -> None:
        """Do it in four products for the weights and four for the line before: each step of `add`, transposed."""
        sums, weights = self._combine(previous), self._weights
        even, odd = grad[0::2], grad[1::2]
        second, third = torch.add(even, odd, out=self._products[0]), torch.sub(even, odd, out=self._products[1])
        for place, (product, sign) in enumerate(((even, 1), (second, 1), (third, 1), (odd, -1))):
            total[place].addmm_(product.t(), sums[place], alpha=sign)
            torch.mm(product, weights[place], out=sums[place])
        target = self._by_image(grad_previous)
        first, second, third, fourth = sums.view(4, len(target), -1, target.shape[2])
        even, odd = target[:, 0::2], target[:, 1::2]
        even.add_(second).sub_(third).sub_(fourth)  # d₁; the sign of the fourth product is left out above
        even[:, 1:] += fourth[:, :-1]  # d₃
        odd.add_(second).add_(third).sub_(first)  # d₂
        odd[:, :-1] += first[:, 1:]  # d₀

    def weight_gradient(self, total: Tensor) -> Float[Tensor, "3 outputs features"]:
        """Go back from the four combinations of weights to the three weights."""
        sides, middle = 0.5 * (total[1] + total[2]), 0.5 * (total[1] - total[2])
        return torch.stack([total[0] + sides, middle, total[3] + sides])

    def _combine(self, previous: Float[Tensor, "rows features"]) -> Float[Tensor, "4 pairs features"]:
        self._padded[:, 1:-1] = self._by_image(previous)
        d0, d1, d2, d3 = (self._padded[:, start : start + self._padded.shape[1] - 2 : 2] for start in range(4))
        first, second, third, fourth = self._sums.view(4, *d0.shape)
        torch.sub(d0, d2, out=first)
        torch.add(d1, d2, out=second)
        torch.sub(d2, d1, out=third)
        torch.sub(d1, d3, out=fourth)
        return self._sums


def add_product(
    total: Float[Tensor, "rows columns"], left: Float[Tensor, "rows inner"], right: Float[Tensor, "inner columns"]
) -> None:
    """Add a product of matrices to a sum that may be of higher precision."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right
