from __future__ import annotations

import importlib
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from latentia.distributions import DiagonalGaussian
from latentia.errors import SettingError
from latentia.evaluation import LatentInformation, divergence_per_dimension, latent_information
from latentia.randomness import seeded


def channel(examples: int, slopes: list[float], variances: list[float], *, seed: int = 0) -> DiagonalGaussian:
    """In each dimension the posteriors N(a·x, v) of x ~ N(0, 1)."""
    x = torch.randn(examples, len(slopes), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    log_scale = 0.5 * torch.tensor(variances, dtype=torch.float64).log()
    return DiagonalGaussian(x * torch.tensor(slopes), log_scale.expand(examples, -1))


def measured(
    posterior: DiagonalGaussian, prior: DiagonalGaussian | None = None, *, draws: int = 4
) -> LatentInformation:
    with seeded(1):
        return latent_information(posterior, prior, draws=draws)


@pytest.mark.parametrize(("deviation", "slope", "variance"), [(1.0, 1.0, 1.0), (2.0, 1.5, 1.0), (0.5, 3.0, 0.04)])
def test_a_gaussian_channel_has_the_information_that_is_known(deviation: float, slope: float, variance: float) -> None:
    """x ~ N(0, s²) and z | x ~ N(a·x, v): ½ log(1 + a²s²/v), and q(z) = N(0, a²s² + v)."""
    found = measured(channel(2500, [slope * deviation], [variance]))
    signal = (slope * deviation) ** 2
    marginal = Normal(0.0, math.sqrt(signal + variance))
    assert found.information == pytest.approx(0.5 * math.log1p(signal / variance), abs=0.05)
    assert found.aggregate_divergence == pytest.approx(float(kl_divergence(marginal, Normal(0.0, 1.0))), abs=0.15)


def test_dimensions_that_are_independent_add_their_information() -> None:
    found = measured(channel(2500, [1.0, 1.0, 0.0], [1.0, 0.5, 0.2]))
    assert found.information == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(3), abs=0.05)


def test_of_two_examples_the_information_is_what_quadrature_gives() -> None:
    posterior = DiagonalGaussian(torch.tensor([[0.0], [1.5]]), torch.tensor([[0.0], [-0.7]]))
    z = torch.linspace(-12, 12, 100_001, dtype=torch.float64)
    logs = Normal(posterior.loc.double(), posterior.log_scale.double().exp()).log_prob(z)
    mixture = logs.logsumexp(0) - math.log(2)
    exact = float(torch.trapezoid((logs.exp() * (logs - mixture)).mean(0), z))
    found = measured(posterior, draws=2000)
    assert 0.1 < exact < 0.6
    assert found.standard_error < 0.01
    assert found.information == pytest.approx(exact, abs=4 * found.standard_error)


def test_the_standard_error_is_how_much_repeated_estimates_differ() -> None:
    posterior = channel(40, [1.0, 2.0], [1.0, 1.0])
    with seeded(2):
        repeated = [latent_information(posterior, draws=2) for _ in range(400)]
    spread = torch.tensor([one.information for one in repeated]).std().item()
    assert sum(one.standard_error for one in repeated) / 400 == pytest.approx(spread, rel=0.15)


def test_posteriors_that_have_collapsed_say_nothing() -> None:
    found = measured(DiagonalGaussian(torch.zeros(50, 3), torch.zeros(50, 3)))
    assert found.information == pytest.approx(0, abs=1e-12)
    assert found.aggregate_divergence == pytest.approx(0, abs=1e-12)
    assert not found.units.active.any()


def test_posteriors_that_are_alike_but_off_the_prior_cost_and_say_nothing() -> None:
    found = measured(DiagonalGaussian(torch.full((50, 2), 2.0), torch.zeros(50, 2)))
    assert found.information == pytest.approx(0, abs=1e-12)
    assert found.divergence == found.aggregate_divergence == pytest.approx(4)


def test_posteriors_far_apart_reach_the_ceiling() -> None:
    loc = 100 * torch.arange(64.0)[:, None].expand(-1, 2)
    found = measured(DiagonalGaussian(loc, torch.full((64, 2), -100.0)))
    assert found.ceiling == pytest.approx(math.log(64))
    assert found.information == pytest.approx(math.log(64))
    assert found.standard_error == pytest.approx(0, abs=1e-12)


def test_no_estimate_exceeds_the_ceiling() -> None:
    for seed in range(20):
        found = measured(channel(8, [3.0, 2.0], [0.2, 0.3], seed=seed), draws=2)
        assert 0.5 < found.information <= found.ceiling + 1e-12


def test_the_prior_changes_what_is_paid_and_not_what_is_said() -> None:
    posterior = channel(100, [1.0, 2.0], [0.5, 0.5])
    prior = DiagonalGaussian(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.2, 0.7]]))
    standard, other = measured(posterior), measured(posterior, prior)
    assert other.information == standard.information
    difference = posterior.divergence(
        DiagonalGaussian(*(part.expand(100, -1) for part in (prior.loc, prior.log_scale)))
    )
    assert other.divergence == pytest.approx(float(difference.mean()))
    assert other.divergence - standard.divergence == pytest.approx(
        other.aggregate_divergence - standard.aggregate_divergence
    )


def test_each_dimension_has_its_own_divergence_and_unit() -> None:
    loc = torch.tensor([[1.0, 0.0, 0.05], [-1.0, 0.0, -0.05]])
    posterior = DiagonalGaussian(loc, torch.zeros(2, 3))
    torch.testing.assert_close(divergence_per_dimension(posterior), 0.5 * loc[0].double().square())
    units = measured(posterior).units
    torch.testing.assert_close(units.variance, torch.tensor([2.0, 0.0, 0.005], dtype=torch.float64))
    assert units.active.tolist() == [True, False, False]


def test_a_map_of_latent_variables_is_one_event() -> None:
    flat = channel(20, [1.0] * 6, [0.5] * 6)
    shaped = DiagonalGaussian(flat.loc.reshape(20, 1, 2, 3), flat.log_scale.reshape(20, 1, 2, 3))
    found = measured(shaped)
    assert found.information == pytest.approx(measured(flat).information)
    assert found.divergence_per_dimension.shape == found.units.variance.shape == (1, 2, 3)


@pytest.mark.parametrize("numbers", [1, 130, 10_000])
def test_chunks_change_nothing(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = channel(25, [1.0, 2.0], [0.5, 0.1])
    whole = measured(posterior)
    monkeypatch.setattr(importlib.import_module("latentia.evaluation.latent_information"), "CHUNK_NUMBERS", numbers)
    assert measured(posterior).information == pytest.approx(whole.information, abs=1e-12)


def test_no_chunk_holds_all_pairs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest tensor that is squared has as many numbers as a chunk may."""
    sizes: list[int] = []
    square = Tensor.square

    def noted(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return square(tensor)

    monkeypatch.setattr(importlib.import_module("latentia.evaluation.latent_information"), "CHUNK_NUMBERS", 1000)
    monkeypatch.setattr(Tensor, "square", noted)
    measured(channel(60, [1.0] * 4, [0.5] * 4))
    assert max(sizes) <= 1000 < 60 * 60 * 4


def test_a_seed_repeats_the_estimate_and_another_does_not() -> None:
    posterior = channel(30, [1.0], [0.5])
    with seeded(2):
        other = latent_information(posterior)
    assert measured(posterior).information == measured(posterior).information != other.information


def test_information_wants_something_to_tell_apart() -> None:
    with pytest.raises(SettingError, match="two examples and two draws or more, not 1 and 4"):
        measured(channel(1, [1.0], [1.0]))
    with pytest.raises(SettingError, match="not 5 and 1"):
        measured(channel(5, [1.0], [1.0]), draws=1)
