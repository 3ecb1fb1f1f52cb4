from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from latentia.distributions import CategoricalLevels, Discretized, ImproperDiscretizedLogistic, Logistic
from latentia.randomness import seeded


def logistic(loc: float | list[float], scale: float | list[float], dtype: torch.dtype = torch.float64) -> Logistic:
    return Logistic(torch.tensor(loc, dtype=dtype), torch.tensor(scale, dtype=dtype))


def masses(pixels: Discretized | ImproperDiscretizedLogistic) -> Tensor:
    values = torch.arange(pixels.levels).view(-1, *(1 for _ in pixels.batch_shape))
    return pixels.log_prob(values).exp()


@given(
    bits=st.integers(1, 8),
    loc=st.floats(-1e6, 1e6) | st.floats(-1.1, 1.1),
    log_scale=st.floats(-30, 30) | st.floats(-8, 1),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_masses_sum_to_one_at_every_bit_depth(bits: int, loc: float, log_scale: float, dtype: torch.dtype) -> None:
    pixels = Discretized(logistic(loc, float(torch.tensor(log_scale).exp()), dtype), levels=2**bits)
    # In float32 the edges of a bin are known to 1e-7, which at the smallest scales is many scales.
    tolerance = 1e-9 if dtype is torch.float64 else 2e-5
    assert masses(pixels).sum().item() == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize("levels", [2, 3, 7, 100])
def test_any_number_of_levels_will_do(levels: int) -> None:
    assert masses(Discretized(logistic(0.2, 0.3), levels)).sum().item() == pytest.approx(1, abs=1e-12)


def test_inner_bins_lie_around_their_centres_and_the_outer_take_the_tails() -> None:
    base = logistic(0.1, 0.5)
    pixels = Discretized(base, levels=5)
    edges = torch.tensor([-0.75, -0.25, 0.25, 0.75], dtype=torch.float64)  # halfway between −1, −0.5, 0, 0.5, 1
    padding = torch.tensor([0.0], dtype=torch.float64)
    expected = torch.diff(torch.cat([padding, base.cdf(edges), padding + 1]))
    torch.testing.assert_close(masses(pixels), expected)


def test_draws_come_as_often_as_their_probability_says() -> None:
    pixels = Discretized(logistic(0.4, 0.5), levels=8)
    with seeded(1):
        draws = pixels.sample((20_000,))
    counts = torch.bincount(draws.long(), minlength=8)
    expected = masses(pixels) * len(draws)
    chi_square = ((counts - expected).square() / expected).sum()
    assert chi_square < 29.9  # the 0.9999 quantile at 7 degrees of freedom


def test_mean_is_the_average_of_the_levels() -> None:
    pixels = Discretized(logistic([[-3.0, 0.1], [0.4, 5.0]], [[0.01, 0.2], [2.0, 0.1]]), levels=16)
    levels = torch.arange(16, dtype=torch.float64)
    torch.testing.assert_close(pixels.mean, torch.einsum("vij,v->ij", masses(pixels), levels))


def test_the_representative_is_the_level_of_the_mean() -> None:
    centres = torch.arange(256, dtype=torch.float64) * 2 / 255 - 1
    pixels = Discretized(Logistic(centres, torch.tensor(0.7, dtype=torch.float64)), levels=256)
    assert pixels.representative.tolist() == list(range(256))
    outside = Discretized(logistic([-1e9, 1e9], 1.0), levels=256)
    assert outside.representative.tolist() == [0, 255]


def test_values_outside_the_levels_are_refused() -> None:
    pixels = Discretized(logistic([0.0, 0.0], 1.0), levels=4)
    assert pixels.log_prob(torch.tensor([0, 3], dtype=torch.uint8)).shape == (2,)
    for wrong in ([0.0, 4.0], [-1.0, 0.0], [0.5, 1.0]):
        with pytest.raises(ValueError, match="support"):
            pixels.log_prob(torch.tensor(wrong))
    with pytest.raises(ValueError, match="2 to 256 levels, not 1"):
        Discretized(logistic(0.0, 1.0), levels=1)


@pytest.mark.parametrize("kind", [Discretized, ImproperDiscretizedLogistic])
def test_expanding_repeats_the_pixels(kind: type[Discretized] | type[ImproperDiscretizedLogistic]) -> None:
    pixels = kind(logistic([0.0, 0.5], 0.3), levels=4)
    expanded = pixels.expand((3, 2))
    value = torch.tensor([1, 2])
    assert (expanded.batch_shape, expanded.event_shape) == ((3, 2), ())
    assert expanded.sample((5,)).shape == (5, 3, 2)
    torch.testing.assert_close(expanded.log_prob(value), pixels.log_prob(value).expand(3, 2))


def test_levels_are_listed_along_a_first_dimension() -> None:
    pixels = Discretized(logistic([0.0, 0.5], 0.3), levels=4)
    assert pixels.enumerate_support().shape == (4, 2)
    assert pixels.enumerate_support(expand=False).flatten().tolist() == [0, 1, 2, 3]


def test_categorical_levels_are_torchs_categorical() -> None:
    logits = torch.randn(3, 2, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours, known = CategoricalLevels(logits), torch.distributions.Categorical(logits=logits)
    values = torch.randint(0, 6, (5, 3, 2), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours.log_prob(values.to(torch.uint8)), known.log_prob(values))
    torch.testing.assert_close(ours.mean, (known.probs * torch.arange(6)).sum(-1))
    assert torch.equal(ours.representative.long(), known.mode)
    with pytest.raises(ValueError, match="support"):
        ours.log_prob(values + 6)


@pytest.mark.parametrize(
    ("loc", "scale", "published"), [(0.0, 1.0, 0.24), (0.0, 0.3, 0.68), (0.0, 0.01, 1.0), (0.498, 1.0, 0.23)]
)
def test_the_authors_discretized_logistic_does_not_sum_to_one(loc: float, scale: float, published: float) -> None:
    """Sums of their formula, worked out with the distribution function over the range −1/2 … 1/2."""
    sums = masses(ImproperDiscretizedLogistic(logistic(loc, scale), levels=256)).sum().item()
    assert sums == pytest.approx(published, abs=0.01)


def test_the_authors_discretized_logistic_is_their_formula() -> None:
    pixels = ImproperDiscretizedLogistic(logistic(0.1, 0.05), levels=32)
    value = torch.tensor([0, 7, 18, 31])
    start = (value / 31 - 0.5 - 0.1) / 0.05
    formula = torch.log(torch.sigmoid(start + 1 / 32 / 0.05) - torch.sigmoid(start) + 1e-7)
    torch.testing.assert_close(pixels.log_prob(value), formula.double(), rtol=1e-4, atol=1e-4)


def test_the_authors_discretized_logistic_can_be_shown_and_drawn() -> None:
    sharp = ImproperDiscretizedLogistic(logistic([-0.5, 0.0, 0.499], 1e-6), levels=4)
    assert sharp.representative.tolist() == [0, 1, 3]
    wide = ImproperDiscretizedLogistic(logistic(0.0, 5.0), levels=4)
    with seeded(0):
        assert set(wide.sample((100,)).tolist()) >= {0, 3}
