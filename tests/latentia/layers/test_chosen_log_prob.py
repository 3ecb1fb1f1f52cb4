"""Log-probabilities of chosen classes are those of cross-entropy, and so are their gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from latentia.layers.chosen_log_prob import chosen_log_prob


def logits(places: int = 7, classes: int = 11) -> torch.Tensor:
    return 3 * torch.randn(places, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_values_and_gradients_are_those_of_cross_entropy() -> None:
    chosen = torch.tensor([0, 10, 3, 3, 5, 1, 2])
    ours, theirs = logits().requires_grad_(), logits().requires_grad_()
    found, wanted = chosen_log_prob(ours, chosen), -cross_entropy(theirs, chosen, reduction="none")
    torch.testing.assert_close(found, wanted)
    weights = torch.linspace(-1, 2, 7, dtype=torch.float64)
    (found * weights).sum().backward()
    (wanted * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_improbable_classes_have_finite_log_probabilities() -> None:
    far = torch.tensor([[0.0, 1000.0, -1000.0]])
    assert chosen_log_prob(far, torch.tensor([2])).item() == pytest.approx(-2000)
    assert chosen_log_prob(far, torch.tensor([1])).item() == pytest.approx(0)


def test_a_second_backward_pass_is_refused_and_no_wrong_gradient_given() -> None:
    value = chosen_log_prob(logits().requires_grad_(), torch.zeros(7, dtype=torch.int64)).sum()
    value.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="once"):
        value.backward()
