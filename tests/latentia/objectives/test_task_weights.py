from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from latentia.errors import SettingError
from latentia.objectives import FixedWeights, SoftAdapt, TaskWeights
from latentia.objectives.task_weights import backward_difference

VARIANTS: list[Any] = ["original", "normalised", "loss_weighted"]


def observed(weights: SoftAdapt, losses: list[list[float]]) -> list[float]:
    """The weights after these losses, one row for each step."""
    for row in losses:
        weights.observe(torch.tensor(row, dtype=torch.float64))
    return weights().tolist()  # type: ignore[no-any-return]


def random_losses(steps: int, tasks: int, seed: int = 0) -> Tensor:
    return torch.rand(steps, tasks, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_fixed_weights_stay_whatever_the_losses() -> None:
    weights = FixedWeights([1.0, 0.25])
    weights.observe(torch.tensor([3.0, 4.0]))
    assert weights().tolist() == [1.0, 0.25]


@pytest.mark.parametrize("values", [[], [1.0, -0.1], [math.nan], [math.inf, 1.0]])
def test_fixed_weights_that_are_none_negative_or_endless_are_refused(values: list[float]) -> None:
    with pytest.raises(SettingError, match="Tasks have weights from 0 on"):
        FixedWeights(values)


# Rates


@pytest.mark.parametrize("order", range(1, 9))
@given(coefficients=st.lists(st.integers(-9, 9), min_size=9, max_size=9), last=st.integers(-20, 20))
def test_the_rate_of_a_polynomial_of_the_orders_degree_is_exact(order: int, coefficients: list[int], last: int) -> None:
    terms = list(enumerate(coefficients[: order + 1]))
    values = [sum(c * Fraction(last - back) ** k for k, c in terms) for back in range(order, -1, -1)]
    slope = sum(k * c * Fraction(last) ** (k - 1) for k, c in terms if k)
    assert sum(c * value for c, value in zip(backward_difference(order), values, strict=True)) == slope


@pytest.mark.parametrize("order", range(1, 9))
def test_the_rate_of_a_polynomial_of_higher_degree_is_not(order: int) -> None:
    values = [Fraction(-back) ** (order + 1) for back in range(order, -1, -1)]
    assert sum(c * value for c, value in zip(backward_difference(order), values, strict=True)) != 0


# Weights by hand


def test_weights_start_at_one_and_change_only_when_they_are_due() -> None:
    weights = SoftAdapt(3, beta=1.0, variant="original", every=4)
    seen = [observed(weights, [row]) for row in random_losses(9, 3).tolist()]
    assert seen[:3] == [[1.0, 1.0, 1.0]] * 3
    assert seen[3] == seen[4] == seen[5] == seen[6] != seen[2]
    assert seen[7] == seen[8] != seen[6]


def test_by_default_weights_change_at_step_101() -> None:
    weights = SoftAdapt(2, beta=1e-4, variant="loss_weighted")
    losses = random_losses(101, 2).tolist()
    assert observed(weights, losses[:100]) == [1.0, 1.0]
    assert observed(weights, losses[100:]) != [1.0, 1.0]


def test_other_weights_may_stand_at_the_start() -> None:
    assert SoftAdapt(2, beta=1.0, variant="original", initial=[0.9, 0.1])().tolist() == [0.9, 0.1]


LOSSES = [[4.0, 2.0], [3.0, 2.5]]  # rates −1 and 0.5
HAND = [
    ("original", [math.exp(-2), math.exp(1)]),
    ("normalised", [math.exp(-2 / 1.5), math.exp(1 / 1.5)]),
    ("loss_weighted", [3 * math.exp(-2), 2.5 * math.exp(1)]),
]


@pytest.mark.parametrize(("variant", "parts"), HAND)
def test_weights_are_those_worked_out_by_hand(variant: Any, parts: list[float]) -> None:
    weights = SoftAdapt(2, beta=2.0, variant=variant, every=2)
    assert observed(weights, LOSSES) == pytest.approx([part / sum(parts) for part in parts], rel=1e-12)


def test_rates_of_higher_order_look_back_as_far_as_the_order() -> None:
    """3/2 f(0) − 2 f(−1) + 1/2 f(−2): −1 and 1 for these losses; the 99s lie too far back."""
    weights = SoftAdapt(2, beta=1.0, variant="original", every=5, order=2)
    wanted = [1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))]
    assert observed(weights, [[99, 0], [0, 99], [5, 0], [4, 1], [3, 2]]) == pytest.approx(wanted, rel=1e-12)


def test_weights_are_those_of_the_papers_own_code() -> None:
    """Its README has [9.9343e-01, 6.5666e-03, 3.8908e-22] at β = 0.1 for these losses, with forward differences.

    Forward differences are backward ones of the losses in reverse, with the other sign.
    """
    losses = [[1.0, 150.0, 1500.0], [2.0, 100.0, 1000.0], [3.0, 50.0, 500.0], [4.0, 10.0, 100.0], [5.0, 0.1, 1.0]]
    weights = SoftAdapt(3, beta=-0.1, variant="original", every=5, order=4)
    assert observed(weights, losses[::-1]) == pytest.approx([9.9343336e-01, 6.5666283e-03, 3.8908041e-22], rel=1e-4)


# Properties


@pytest.mark.parametrize("variant", VARIANTS)
@given(
    losses=st.lists(st.lists(st.floats(0, 1e6), min_size=3, max_size=3), min_size=3, max_size=3),
    beta=st.floats(-1e3, 1e3),
)
def test_renewed_weights_are_positive_and_add_up_to_one(variant: Any, losses: list[list[float]], beta: float) -> None:
    found = observed(SoftAdapt(3, beta=beta, variant=variant, every=3, order=2), losses)
    assert min(found) >= 0
    assert sum(found) == pytest.approx(1.0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_that_stand_still_at_one_height_are_weighed_alike(variant: Any) -> None:
    for height in (0.0, 2.0):
        assert observed(SoftAdapt(4, beta=1.0, variant=variant, every=2), [[height] * 4] * 2) == [0.25] * 4


def test_without_beta_loss_weighted_weights_are_the_shares_of_the_losses() -> None:
    found = observed(SoftAdapt(3, beta=0.0, variant="loss_weighted", every=2), [[9, 9, 9], [1, 0, 3]])
    assert found == pytest.approx([0.25, 0.0, 0.75])


def test_a_negative_loss_never_gets_a_negative_weight() -> None:
    found = observed(SoftAdapt(3, beta=0.1, variant="loss_weighted", every=2), [[-1, 5, 5], [-1, 5, 5]])
    assert found == pytest.approx([0.0, 0.5, 0.5])


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_task_has_the_weight_one(variant: Any) -> None:
    assert observed(SoftAdapt(1, beta=5.0, variant=variant, every=2), [[3.0], [8.0]]) == [1.0]


def test_normalised_weights_do_not_depend_on_the_unit_of_the_losses() -> None:
    losses = random_losses(2, 3)
    small, large = (
        observed(SoftAdapt(3, beta=1.0, variant="normalised", every=2), (losses * unit).tolist()) for unit in (1, 1e5)
    )
    assert small == pytest.approx(large, rel=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_that_are_not_finite_are_as_if_they_had_not_been(variant: Any) -> None:
    losses = random_losses(7, 2).tolist()
    clean = SoftAdapt(2, beta=1.0, variant=variant, every=3)
    broken = SoftAdapt(2, beta=1.0, variant=variant, every=3)
    for row in losses:
        assert observed(broken, [[math.nan, 1.0], [1.0, math.inf], row]) == observed(clean, [row])


# Life in a training


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 5, 9])
def test_a_checkpoint_continues_to_the_bit(steps: int) -> None:
    def make() -> SoftAdapt:
        return SoftAdapt(2, beta=0.3, variant="loss_weighted", every=4, order=3)

    losses = random_losses(20, 2).tolist()
    whole, resumed = make(), make()
    observed(whole, losses[:steps])
    resumed.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()})
    for row in losses[steps:]:
        assert observed(resumed, [row]) == observed(whole, [row])


def test_all_state_lies_in_buffers_of_full_precision() -> None:
    weights = SoftAdapt(2, beta=0.3, variant="original")
    assert not list(weights.parameters())
    assert {value.dtype for value in weights.state_dict().values()} == {torch.float64, torch.int64}


def test_losses_may_be_observed_between_the_loss_and_its_backward_pass() -> None:
    weights = SoftAdapt(2, beta=1.0, variant="original", every=2)
    x = torch.tensor([1.0, 3.0], requires_grad=True)
    for _ in range(2):
        losses = x.square()
        total = (weights() * losses).sum()
        weights.observe(losses)
        x.grad = None
        total.backward()
        assert x.grad is not None
        assert x.grad.tolist() == [2.0, 6.0]
    assert not weights().requires_grad
    assert weights().tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tasks": 0}, "at least one task, not 0"),
        ({"beta": math.nan}, "beta is a finite number, not nan"),
        ({"order": 0}, "order is 1 to 8, not 0"),
        ({"order": 9}, "order is 1 to 8, not 9"),
        ({"order": 3, "every": 3}, "of order 3 renews its weights after 4 steps or more, not 3"),
        ({"initial": [1.0]}, "of 2 tasks starts with as many weights, not 1"),
        ({"initial": [1.0, -1.0]}, "Tasks have weights from 0 on"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        SoftAdapt(**{"tasks": 2, "beta": 1.0, "variant": "original", **settings})


def test_weights_may_be_renewed_as_soon_as_the_order_allows() -> None:
    assert observed(SoftAdapt(2, beta=1.0, variant="original", every=4, order=3), [[1.0, 1.0]] * 4) == [0.5, 0.5]


@pytest.mark.parametrize(
    "make", [lambda: FixedWeights([1.0, 2.0]), lambda: SoftAdapt(2, beta=0.1, variant="original", every=2)]
)
def test_a_device_without_float64_gets_float32(make: Callable[[], TaskWeights]) -> None:
    def to_device(tensor: torch.Tensor) -> torch.Tensor:
        """Refuse as MPS does."""
        if tensor.dtype is torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return tensor

    weights = make()._apply(to_device)
    for losses in ([1.0, 2.0], [0.5, 3.0]):
        weights.observe(torch.tensor(losses))
    assert {value.dtype for value in weights.buffers()} <= {torch.float32, torch.int64}
    assert bool(weights().isfinite().all())
