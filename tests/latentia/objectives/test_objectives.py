from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal

from latentia.errors import SettingError
from latentia.objectives import cyclical_ramp, elbo, free_bits, importance_weighted_log_likelihood, linear_ramp

LIKELIHOOD = torch.tensor([-10.0, -20.0])
DIVERGENCE = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, 0.5]])


def test_the_bound_takes_the_divergence_of_every_layer_from_the_likelihood() -> None:
    assert elbo(LIKELIHOOD, DIVERGENCE).tolist() == [-16.0, -21.0]
    assert elbo(LIKELIHOOD, DIVERGENCE, beta=0.5).tolist() == [-13.0, -20.5]


def test_with_no_weight_on_the_divergence_the_likelihood_is_left() -> None:
    assert torch.equal(elbo(LIKELIHOOD, DIVERGENCE, beta=0.0), LIKELIHOOD)


def test_free_bits_floor_the_mean_of_each_layer_not_each_image() -> None:
    divergence = torch.tensor([[0.0, 5.0], [2.0, 7.0]])
    assert free_bits(divergence, 0.5).tolist() == [1.0, 6.0]
    assert free_bits(divergence, 3.0).tolist() == [3.0, 6.0]


def test_without_a_floor_free_bits_are_the_mean_divergence() -> None:
    torch.testing.assert_close(free_bits(DIVERGENCE, 0.0), DIVERGENCE.mean(0))


def test_below_the_floor_a_layer_has_no_gradient_and_above_it_the_means_own() -> None:
    divergence = DIVERGENCE.clone().requires_grad_()
    free_bits(divergence, 0.9).sum().backward()  # the layers' means are 0.75, 1.0 and 1.75
    assert divergence.grad is not None
    assert divergence.grad.tolist() == [[0.0, 0.5, 0.5], [0.0, 0.5, 0.5]]


def test_the_floor_does_not_shrink_with_the_batch() -> None:
    """As it does in the authors' code (docs/errata.md)."""
    for copies in (1, 8):
        assert free_bits(torch.full((copies, 1), 0.1), 0.5).tolist() == [0.5]


def test_one_importance_sample_is_its_own_estimate() -> None:
    weights = torch.randn(1, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(importance_weighted_log_likelihood(weights), weights[0])


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_the_estimate_is_the_logarithm_of_the_mean_weight(weights: list[float]) -> None:
    tensor = torch.tensor(weights, dtype=torch.float64)[:, None]
    wanted = math.log(sum(math.exp(weight) for weight in weights) / len(weights))
    assert importance_weighted_log_likelihood(tensor).item() == pytest.approx(wanted, abs=1e-9)


@given(st.floats(-1e5, 1e5))
def test_a_factor_common_to_all_weights_comes_out_whole(shift: float) -> None:
    """Images of thousands of numbers have weights around exp(−10,000)."""
    weights = torch.tensor([[0.0], [-1.0], [-3.0]], dtype=torch.float64)
    moved = importance_weighted_log_likelihood(weights + shift) - shift
    torch.testing.assert_close(moved, importance_weighted_log_likelihood(weights), atol=1e-9, rtol=0)


def test_more_samples_come_closer_to_the_log_likelihood_from_below() -> None:
    """z ~ N(0, 1) and x ~ N(z, 1), so that p(x) = N(0, 2); q is the prior, a poor posterior."""
    x = torch.tensor(1.5)
    generator = torch.Generator().manual_seed(2)
    weights = Normal(torch.randn(512, 4000, generator=generator), 1.0).log_prob(x)
    truth = Normal(0.0, math.sqrt(2)).log_prob(x).item()
    estimates = [importance_weighted_log_likelihood(weights[:samples]).mean().item() for samples in (1, 8, 64, 512)]
    assert estimates == sorted(estimates)
    assert estimates[0] < truth - 0.1
    assert estimates[-1] == pytest.approx(truth, abs=0.005)


def test_a_ramp_rises_evenly_and_stays_at_one() -> None:
    assert [linear_ramp(step, 4) for step in range(7)] == [0, 0.25, 0.5, 0.75, 1, 1, 1]


def test_a_ramp_of_no_steps_is_always_at_one() -> None:
    assert linear_ramp(0, 0) == 1


def test_a_cyclical_ramp_rises_and_rests_in_every_cycle() -> None:
    cycle = [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]
    assert [cyclical_ramp(step, 8) for step in range(24)] == 3 * cycle


def test_a_cyclical_ramp_rises_over_the_share_it_is_told() -> None:
    assert [cyclical_ramp(step, 4, rising=1.0) for step in range(5)] == [0, 0.25, 0.5, 0.75, 0]
    assert [cyclical_ramp(step, 4, rising=0.0) for step in range(5)] == [1] * 5
    assert [cyclical_ramp(step, 4, rising=0.25) for step in range(5)] == [0, 1, 1, 1, 0]


@given(st.integers(1, 1000), st.floats(0.01, 1.0))
def test_the_first_cycle_is_a_linear_ramp(period: int, rising: float) -> None:
    for step in range(0, period, max(1, period // 7)):
        assert cyclical_ramp(step, period, rising) == pytest.approx(min(1.0, step / (rising * period)))


def test_a_cyclical_ramp_wants_a_cycle_and_a_share_of_it() -> None:
    with pytest.raises(SettingError, match="at least one step, not 0"):
        cyclical_ramp(0, 0)
    with pytest.raises(SettingError, match=r"0 to 1, not 1\.5"):
        cyclical_ramp(0, 4, rising=1.5)
