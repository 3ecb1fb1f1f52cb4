"""Probabilities of intervals under a normal distribution, near its mean and in its tails."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from latentia.distributions import Discretized
from latentia.distributions.normal import Normal

# Gauss–Legendre points and weights on 0 … 1.
POINTS, WEIGHTS = (
    (array + shift) / 2 for array, shift in zip(np.polynomial.legendre.leggauss(60), (1, 0), strict=True)
)


def float64(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def log_mass(u: float, width: float) -> float:
    """log P(u < x ≤ u + width) of a standard normal x for u ≥ 0: exp(−u²/2) times an integral by quadrature."""
    width = min(width, 40 / u) if u else width  # what lies further out is less than e⁻⁴⁰ of it
    inner = width * np.sum(WEIGHTS * np.exp(-u * width * POINTS - 0.5 * (width * POINTS) ** 2))
    return float(-0.5 * u * u - 0.5 * math.log(2 * math.pi) + math.log(inner))


@given(
    loc=st.floats(-2, 2), scale=st.floats(0.1, 10), lower=st.floats(-3, 3), width=st.floats(0.01, 3), far=st.booleans()
)
def test_an_interval_has_the_difference_of_the_distribution_function(
    loc: float, scale: float, lower: float, width: float, far: bool
) -> None:
    upper = math.inf if far else lower + width
    u, w = ((end - loc) / scale / math.sqrt(2) for end in (lower, upper))
    # Of two small numbers rather than of two that are nearly 1.
    difference = math.erfc(u) - math.erfc(w) if u > 0 else math.erfc(-w) - math.erfc(-u)
    found = Normal(float64(loc), float64(scale)).log_interval(float64(lower), float64(upper))
    assert found.item() == pytest.approx(math.log(difference / 2), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("distance", [0.0, 0.9, 1.1, 5.0, 30.0, 300.0, 1e4])
@pytest.mark.parametrize("width", [2e-4, 5e-3, 0.1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-9)])
def test_intervals_on_either_side_of_the_mean_keep_their_logarithm(
    distance: float, width: float, dtype: torch.dtype, tolerance: float
) -> None:
    normal = Normal(torch.tensor([-distance, distance], dtype=dtype), torch.ones(2, dtype=dtype))
    ends = torch.tensor([[0, -width], [width, 0]], dtype=dtype)
    wanted = log_mass(distance, float(ends[1, 0]))
    assert normal.log_interval(*ends).tolist() == pytest.approx([wanted, wanted], rel=1e-6, abs=tolerance)


@pytest.mark.parametrize("distance", [8.0, 100.0, 1e4])
def test_tails_have_the_logarithm_of_their_asymptotic_series(distance: float) -> None:
    """log P(x > d) = −d²/2 − log(d √(2π)) + log(1 − d⁻² + 3d⁻⁴ − 15d⁻⁶ + …)."""
    series = math.log1p(-(distance**-2) + 3 * distance**-4 - 15 * distance**-6 + 105 * distance**-8)
    wanted = -0.5 * distance**2 - math.log(distance * math.sqrt(2 * math.pi)) + series
    infinite, one = float64(math.inf), float64(1)
    found = Normal(0 * one, one).log_interval(
        torch.cat([-infinite, distance * one]), torch.cat([-distance * one, infinite])
    )
    assert found.tolist() == pytest.approx([wanted] * 2, abs=1e-5)


def test_what_surely_happens_has_probability_one() -> None:
    normal = Normal(float64(-3, 0, 3), float64(0.1))
    for lower in (-math.inf, -100):
        for upper in (100, math.inf):
            assert normal.log_interval(float64(lower), float64(upper)).tolist() == [0, 0, 0]


ENDS = [
    (-math.inf, -30),
    (-math.inf, -0.5),
    (-0.5, -0.49),
    (-0.5, 0.7),
    (0.3, 0.31),
    (0.7, math.inf),
    (30, math.inf),
    (-math.inf, math.inf),
]


@pytest.mark.parametrize(("lower", "upper"), ENDS)
def test_the_gradient_is_that_of_finite_differences(lower: float, upper: float) -> None:
    loc = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    log_scale = torch.linspace(-1, 1, 9, dtype=torch.float64, requires_grad=True)

    def log_interval(loc: Tensor, log_scale: Tensor) -> Tensor:
        return Normal(loc, log_scale.exp()).log_interval(float64(lower), float64(upper))

    assert torch.autograd.gradcheck(log_interval, (loc, log_scale))


@pytest.mark.parametrize(("lower", "upper"), ENDS)
@pytest.mark.parametrize("width", [0.5, 10.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradient_are_finite_however_far_the_interval_lies(
    lower: float, upper: float, width: float, dtype: torch.dtype
) -> None:
    far = [10.0**power for power in range(-6, 9)]
    loc = torch.tensor([*far, *(-one for one in far)], dtype=dtype, requires_grad=True)
    scale = torch.full_like(loc, width).requires_grad_()
    found = Normal(loc, scale).log_interval(torch.tensor([lower], dtype=dtype), torch.tensor([upper], dtype=dtype))
    found.sum().backward()
    assert loc.grad is not None and scale.grad is not None
    assert found.isfinite().all() and loc.grad.isfinite().all() and scale.grad.isfinite().all()


def test_far_from_the_mean_the_slope_is_the_distance() -> None:
    """d/dμ log P(u < x ≤ w) is about (x − μ)/σ² there."""
    loc = torch.tensor([-1e6, -1e3, 1e3, 1e6], requires_grad=True)
    Normal(loc, torch.full((4,), 2.0)).log_interval(torch.zeros(4), torch.full((4,), 0.01)).sum().backward()
    torch.testing.assert_close(loc.grad, -loc.detach() / 4, rtol=1e-3, atol=0)


@given(
    bits=st.integers(1, 8),
    loc=st.floats(-1e4, 1e4) | st.floats(-1.1, 1.1),
    log_scale=st.floats(-8, 8),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_masses_of_levels_sum_to_one_at_every_bit_depth(
    bits: int, loc: float, log_scale: float, dtype: torch.dtype
) -> None:
    base = Normal(torch.tensor(loc, dtype=dtype), torch.tensor(math.exp(log_scale), dtype=dtype))
    masses = Discretized(base, levels=2**bits).log_prob(torch.arange(2**bits)).exp()
    assert masses.sum().item() == pytest.approx(1, abs=1e-9 if dtype is torch.float64 else 5e-5)


def test_half_precision_is_widened_and_parameters_are_checked_as_in_torch() -> None:
    normal = Normal(torch.zeros(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16))
    assert normal.log_interval(torch.zeros(2), torch.ones(2)).dtype is torch.float32
    assert normal.expand((3, 2)).batch_shape == (3, 2) and type(normal.expand((3, 2))) is Normal
    with pytest.raises(ValueError, match="scale"):
        Normal(torch.zeros(2), torch.tensor([1.0, -1.0]))
