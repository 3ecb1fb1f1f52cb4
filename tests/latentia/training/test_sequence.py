"""Training of sequence models: the loss of thesis A's eq. 3.5 to 3.7, its schedules, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.evaluation.sequences import evaluate_sequences
from latentia.models.recurrent_vae import ForcingConfig, RecurrentVAE, RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.sequences import END, Sequences, WordFormat
from latentia.training import LoopSettings, Loss, StepContext, Task, fit
from latentia.training.sequence import SequenceTraining, sequence_task

TEXT = WordFormat(words=6, longest=7)


def sentences(count: int) -> Sequences:
    """Sentences that say one word again and again: the word and the length are what there is to know."""
    generator = torch.Generator().manual_seed(count)
    lengths = torch.randint(2, 7, (count,), generator=generator)
    words = torch.randint(2, 6, (count, 1), generator=generator).expand(count, 7)
    return Sequences(values=words.where(torch.arange(7) < lengths[:, None] - 1, END), lengths=lengths)


@dataclass
class Repeated:
    """The same few batches in every pass."""

    batches: list[dict[str, Tensor]]

    def __len__(self) -> int:
        return len(self.batches)

    def of_pass(self, number: int, first: int) -> Iterator[dict[str, Tensor]]:
        yield from self.batches[first:]


def make(kind: Any = "dynamic_word_dropout", **settings: Any) -> tuple[RecurrentVAE, Task[dict[str, Tensor]]]:
    config = RecurrentVAEConfig(hidden=8, latent_size=3, features=6, forcing=ForcingConfig(kind=kind, hidden=4))
    with seeded(0):
        model = config.build(TEXT)
    batches = [sentences(16 + number).at(slice(0, 16)).tensors for number in range(3)]
    training = SequenceTraining(**{"steps": 10, "batch": 16, "annealing_steps": 100, **settings})
    return model, sequence_task(model, Repeated(batches), sentences(20), training)


def loss_of(task: Task[dict[str, Tensor]], model: RecurrentVAE, batch: Sequences, step: int) -> Loss:
    loss = task.loss(model, batch.tensors, StepContext(step=step, generator=torch.Generator()))
    assert isinstance(loss, Loss)
    return loss


def test_the_loss_is_the_bound_of_the_thesis_with_its_weights() -> None:
    model, task = make(dropout_weight=7.0, divergence_weight=3.0)
    for gate in model.decoder.forcing.gates.parameters():  # away from the prior, where nothing would be paid
        torch.nn.init.normal_(gate)
    batch = sentences(5)
    with seeded(3):
        terms = model(batch)
    with seeded(3):
        loss = loss_of(task, model, batch, 25)
    nats = -terms.log_likelihood + 3.0 * 0.25 * terms.divergence.sum(1) + 7.0 * terms.dropout_divergence
    assert terms.dropout_divergence.mean().item() > 0.01
    assert loss.value.item() == pytest.approx(nats.mean().item(), rel=1e-5)
    assert float(loss.figures["negative_elbo"]) == pytest.approx(
        (terms.divergence.sum(1) - terms.log_likelihood).mean().item(), rel=1e-5
    )
    fed = terms.drop[~terms.drop.isnan()]
    assert float(loss.figures["drop"]) == pytest.approx(fed.mean().item(), rel=1e-5)


def test_free_bits_are_a_floor_under_the_divergence() -> None:
    model, task = make("full", free_bits=50.0, annealing="none")
    with seeded(3):
        terms = model(sentences(5))
    assert terms.divergence.sum(1).mean().item() < 50
    with seeded(3):
        loss = loss_of(task, model, sentences(5), 0)
    assert loss.value.item() == pytest.approx(50 - terms.log_likelihood.mean().item(), rel=1e-5)


@pytest.mark.parametrize(
    ("annealing", "weights"),
    [
        ("linear", {0: 0.0, 50: 0.5, 100: 1.0, 150: 1.0, 225: 1.0}),
        ("cyclical", {0: 0.0, 25: 0.5, 50: 1.0, 99: 1.0, 100: 0.0, 225: 0.5}),
        ("none", {0: 1.0, 50: 1.0, 225: 1.0}),
    ],
)
def test_the_weight_of_the_divergence_follows_its_schedule(annealing: Any, weights: dict[int, float]) -> None:
    training = SequenceTraining(steps=1, annealing=annealing, annealing_steps=100, divergence_weight=2.0)
    for step, weight in weights.items():
        assert training.weight(step) == pytest.approx(2.0 * weight)


def test_held_out_figures_are_those_of_an_evaluation_and_the_score_is_one_of_them() -> None:
    for score, name in (("reconstruction", "reconstruction"), ("bound", "negative_elbo")):
        model, task = make(score=score)
        evaluation = task.evaluate(model)
        wanted = evaluate_sequences(model, sentences(20))
        # Other draws: sentences are in another order here.
        assert evaluation.figures["reconstruction"] == pytest.approx(wanted.reconstruction, rel=0.05)
        assert evaluation.figures["divergence"] == pytest.approx(wanted.mean_divergence, rel=1e-5)
        assert evaluation.score == evaluation.figures[name]
        assert task.evaluate(model) == evaluation


def test_training_learns_what_there_is_to_know(tmp_path: Path) -> None:
    model, task = make("word_dropout", learning_rate=0.02, learning_rate_decay=1.0, annealing_steps=50)
    before = task.evaluate(model).figures
    outcome = fit(task, LoopSettings(seed=0, steps=400), checkpoint=tmp_path / "checkpoint.safetensors")
    last = outcome.history[-1]
    # One word of four and one length of five: the entropy is 3.0 nats.
    assert before["negative_elbo"] > 6 > 3.5 > last["negative_elbo"] > 2.8
    assert last["divergence"] > 0.5  # which word it is


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    whole, task = make()
    fit(task, LoopSettings(seed=0, steps=6), checkpoint=tmp_path / "whole.safetensors")
    path = tmp_path / "parts.safetensors"
    fit(make()[1], LoopSettings(seed=0, steps=3), checkpoint=path)
    resumed, task = make()
    fit(task, LoopSettings(seed=0, steps=6), checkpoint=path, resume=True)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_validation_sentences_of_another_format_are_refused() -> None:
    model, _ = make()
    with pytest.raises(DataError, match="numbers 0 to 5 as values; it got 2 to 9"):
        sequence_task(
            model,
            Repeated([]),
            Sequences(values=torch.tensor([[2, 9]]), lengths=torch.tensor([2])),
            SequenceTraining(steps=1),
        )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"dropout_weight": -1.0}, "dropout_weight must be 0 or more; it is -1.0"),
        ({"free_bits": -1.0}, "free_bits must be 0 or more; it is -1.0"),
        ({"divergence_weight": -1.0}, "divergence_weight must be 0 or more; it is -1.0"),
        ({"annealing_steps": 0}, "annealing_steps must be 1 or more; it is 0"),
    ],
)
def test_settings_that_make_no_sense_are_said(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        SequenceTraining(steps=1, **settings)
