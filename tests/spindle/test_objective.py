from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spindle.objective import class_weights, held_out_evaluation, weighted_cross_entropy

NAMES = ("wake", "nrem", "rem")
labels_of_a_batch = st.lists(st.integers(0, 2), min_size=1, max_size=40)


@given(labels_of_a_batch)
def test_every_class_present_has_the_same_total_weight_and_absent_ones_none(labels: list[int]) -> None:
    weights = class_weights(torch.tensor(labels), 3)
    totals = [float(weights[code]) * labels.count(code) for code in range(3)]
    for code in range(3):
        expected = len(labels) / len(set(labels)) if code in labels else 0.0
        assert totals[code] == pytest.approx(expected, rel=1e-5)


def test_weights_of_a_worked_example() -> None:
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    torch.testing.assert_close(class_weights(labels, 3), torch.tensor([10 / 18, 10 / 9, 10 / 3]))


@given(labels_of_a_batch, st.integers(0, 1000))
def test_the_loss_is_the_mean_of_the_mean_losses_of_the_classes(labels: list[int], seed: int) -> None:
    logits = 3 * torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(seed))
    surprise = [-float(row.log_softmax(0)[label]) for row, label in zip(logits, labels, strict=True)]
    means = [
        sum(s for s, label in zip(surprise, labels, strict=True) if label == code) / labels.count(code)
        for code in sorted(set(labels))
    ]
    loss = float(weighted_cross_entropy(logits, torch.tensor(labels)))
    assert loss == pytest.approx(sum(means) / len(means), rel=1e-4, abs=1e-6)


def test_the_gradient_pulls_on_every_class_alike() -> None:
    labels = torch.tensor([0] * 90 + [1] * 9 + [2])
    logits = torch.zeros(100, 3, requires_grad=True)
    weighted_cross_entropy(logits, labels).backward()
    assert logits.grad is not None
    pulls = [-float(logits.grad[labels == code, code].sum()) for code in range(3)]
    assert pulls == pytest.approx([pulls[0]] * 3, rel=1e-5)


def test_figures_of_a_worked_example() -> None:
    truth = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    found = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    figures = held_out_evaluation(10 * torch.eye(3)[found], truth, NAMES).figures
    assert figures["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2 + 1) / 3)
    assert figures["f1_wake"] == pytest.approx(6 / 7)
    assert figures["f1_nrem"] == pytest.approx(2 / 4)
    assert figures["f1_rem"] == pytest.approx(2 / 3)


def test_a_class_without_held_out_epochs_has_no_figure() -> None:
    evaluation = held_out_evaluation(10 * torch.eye(3)[[0, 1, 2]], torch.tensor([0, 1, 1]), NAMES)
    assert "f1_rem" not in evaluation.figures
    assert evaluation.figures["balanced_accuracy"] == pytest.approx(0.75)


def test_the_score_is_the_held_out_loss() -> None:
    evaluation = held_out_evaluation(torch.zeros(4, 3), torch.tensor([0, 1, 2, 2]), NAMES)
    assert evaluation.score == evaluation.figures["held_out_loss"] == pytest.approx(1.0986123)
