from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from latentia.layers.autoregressive_flow import InverseAutoregressiveFlow, MaskedConvolutionNetwork
from latentia.layers.residual import initialise_convolutions


def make_flow(latent: int, context: int) -> InverseAutoregressiveFlow:
    torch.manual_seed(0)
    flow = InverseAutoregressiveFlow(MaskedConvolutionNetwork(latent, context)).double()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return flow


@pytest.mark.parametrize(("latent", "context"), [(1, 3), (2, 5), (4, 10)])
def test_the_log_determinant_is_that_of_the_jacobian(latent: int, context: int) -> None:
    flow = make_flow(latent, context)
    z = torch.randn(1, latent, 3, 4, dtype=torch.float64)
    about = torch.randn(1, context, 3, 4, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda one: flow(one, about).value, z).reshape(z.numel(), z.numel())
    expected = torch.linalg.slogdet(jacobian).logabsdet
    assert flow(z, about).log_determinant.item() == pytest.approx(expected.item(), abs=1e-10)


def test_each_value_depends_on_itself_and_what_comes_before_it() -> None:
    flow = make_flow(2, 6)
    z = torch.randn(1, 2, 3, 3, dtype=torch.float64)
    about = torch.randn(1, 6, 3, 3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda one: flow(one, about).value, z)
    # In raster order, channels within a place: (channel, row, column) → place first.
    ordered = jacobian[0, :, :, :, 0].permute(1, 2, 0, 4, 5, 3).reshape(18, 18)
    assert not ordered.triu(1).any()
    assert ordered.diagonal().all()
    assert ordered.tril(-1).any()


class Constant(nn.Module):
    """Gives the same shift and log-scale everywhere, one for each channel."""

    def __init__(self, shift: list[float], log_scale: list[float]) -> None:
        super().__init__()
        self.shift, self.log_scale = (
            torch.tensor(values, dtype=torch.float64)[None, :, None, None] for values in (shift, log_scale)
        )

    def forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        return self.shift.expand_as(z), self.log_scale.expand_as(z)


def test_the_step_takes_a_tenth_of_shift_and_log_scale() -> None:
    """Thesis A, 4.2.1: z' = (z − 0.1·m) / exp(0.1·s), whose log-determinant is −Σ 0.1·s."""
    network = Constant([3.0, -20.0], [5.0, -8.0])
    torch.manual_seed(0)
    z = torch.randn(3, 2, 4, 5, dtype=torch.float64)
    moved = InverseAutoregressiveFlow(network)(z, torch.zeros(3, 1, 4, 5))
    torch.testing.assert_close(moved.value[:, 0], (z[:, 0] - 0.3) / math.exp(0.5))
    torch.testing.assert_close(moved.value[:, 1], (z[:, 1] + 2.0) / math.exp(-0.8))
    torch.testing.assert_close(moved.log_determinant, torch.full((3,), -20 * (0.5 - 0.8), dtype=torch.float64))


def test_the_flow_starts_near_the_identity() -> None:
    torch.manual_seed(0)
    flow = InverseAutoregressiveFlow(MaskedConvolutionNetwork(4, 20))
    initialise_convolutions(flow)
    z = torch.randn(2, 4, 8, 8)
    moved = flow(z, torch.zeros(2, 20, 8, 8))
    assert (moved.value - z).abs().mean() < 0.2
