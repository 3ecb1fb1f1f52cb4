"""Figures of models of sequences, against single sequences, sums over all sentences and an integral over z."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from tests.latentia.models.recurrent_models import TEXT, VIDEO, make
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.evaluation.sequences import (
    SequenceFigures,
    evaluate_sequences,
    importance_weighted_sequences,
    reconstruct_freely,
)
from latentia.models.base import run_freely
from latentia.models.recurrent_vae import RecurrentVAE
from latentia.randomness import seeded
from latentia.sequences import END, Sequences

LENGTHS = torch.tensor([5, 1, 3, 2, 4, 4, 1])


def filled(values: Tensor, padding: int) -> Sequences:
    """Sequences with this in their padding."""
    within = torch.arange(values.shape[1]) < LENGTHS[:, None]
    within = within.reshape(*within.shape, *[1] * (values.ndim - 2))
    return Sequences(values=torch.where(within, values, padding).to(values.dtype), lengths=LENGTHS)


def sentences(padding: int = 0) -> Sequences:
    values = torch.randint(1, 4, (len(LENGTHS), 5), generator=torch.Generator().manual_seed(0))
    return filled(values.scatter(1, LENGTHS[:, None] - 1, END), padding)


def clips(padding: int = 0) -> Sequences:
    shape = (len(LENGTHS), 5, 1, 4, 4)
    return filled(torch.randint(4, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0)), padding)


def all_figures(figures: SequenceFigures) -> list[Tensor]:
    return [figures.log_likelihood, figures.divergence, figures.dropout_divergence, figures.drop]


def of_prior(model: RecurrentVAE) -> RecurrentVAE:
    """The same, with its posterior at the prior and a decoder that does not look at z: log p(x) is known exactly."""
    for layer in (model.to_posterior, model.decoder.start):
        torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(model.to_posterior.bias)
    return model


@pytest.mark.parametrize("kind", ["full", "word_dropout", "dynamic_word_dropout", "dynamic_scheduled_sampling"])
@pytest.mark.parametrize(("form", "some"), [(TEXT, sentences), (VIDEO, clips)])
def test_figures_are_those_of_the_sequences_alone(kind: str, form: object, some: Callable[[], Sequences]) -> None:
    model, sequences = make(form, kind=kind), some()  # type: ignore[arg-type]
    found = evaluate_sequences(model, sequences, batch=1, seed=3)
    model.eval()
    for place, length in enumerate(LENGTHS.tolist()):
        with seeded(3, place), torch.no_grad():
            terms = model(sequences.at(slice(place, place + 1)))
        assert found.log_likelihood[place] == terms.log_likelihood
        assert found.divergence[place] == terms.divergence
        assert found.dropout_divergence[place] == terms.dropout_divergence
        torch.testing.assert_close(found.drop[place], terms.drop[0, : length - 1].mean(), equal_nan=True)


@pytest.mark.parametrize(("form", "some"), [(TEXT, sentences), (VIDEO, clips)])
def test_no_figure_looks_at_padding(form: object, some: Callable[[int], Sequences]) -> None:
    model = make(form, kind="dynamic_word_dropout")  # type: ignore[arg-type]
    one, other = (evaluate_sequences(model, some(padding), batch=3) for padding in (0, 3))
    for first, second in zip(all_figures(one), all_figures(other), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0, equal_nan=True)
    first, second = (
        importance_weighted_sequences(model, some(padding), samples=5, batch=10).estimate.log_likelihood
        for padding in (0, 3)
    )
    assert torch.equal(first, second)


def test_means_are_per_sequence_and_drops_per_step() -> None:
    """Thesis A, Table 3.1: −ELBO is RC + KL."""
    model = make(kind="dynamic_word_dropout")
    found = evaluate_sequences(model, sentences(), batch=2)
    assert found.negative_elbo == pytest.approx(found.reconstruction + found.mean_divergence)
    assert found.reconstruction == pytest.approx(-sum(found.log_likelihood.tolist()) / len(LENGTHS))
    model.eval()
    with torch.no_grad():
        drop = model.decode(sentences(), model.posterior(sentences()).mean).drop
    assert found.drop.isnan().tolist() == (LENGTHS == 1).tolist()
    each = [found.drop[place] * (length - 1) for place, length in enumerate(LENGTHS.tolist()) if length > 1]
    assert found.mean_drop == pytest.approx(float(sum(each)) / int(drop.isfinite().sum()))
    alone = evaluate_sequences(model, Sequences(values=torch.tensor([[END]]), lengths=torch.tensor([1])))
    assert math.isnan(alone.mean_drop)


def test_the_seed_decides_and_the_model_is_left_as_it_was() -> None:
    model = make().train()
    figures = [evaluate_sequences(model, sentences(), batch=4, seed=seed).log_likelihood for seed in (1, 1, 2)]
    assert torch.equal(figures[0], figures[1]) and not torch.equal(figures[0], figures[2])
    assert model.training


@pytest.mark.parametrize(("samples", "batch"), [(1, 1), (7, 3), (3, 7), (8, 64)])
def test_where_the_likelihood_is_known_every_estimate_is_exact(samples: int, batch: int) -> None:
    model = of_prior(make())
    found = importance_weighted_sequences(model, sentences(), samples=samples, batch=batch)
    with torch.no_grad():
        exact = model.eval().decode(sentences(), torch.zeros(len(LENGTHS), 2).double()).log_likelihood
    torch.testing.assert_close(found.estimate.log_likelihood, exact)
    torch.testing.assert_close(found.estimate.elbo, exact)
    assert found.estimate.samples == samples
    torch.testing.assert_close(found.estimate.effective_samples, torch.full_like(exact, samples))
    assert found.negative_log_likelihood == pytest.approx(-float(exact.mean()))
    assert found.perplexity == pytest.approx(math.exp(-float(exact.sum()) / 20))  # 20 words, 7 of them ends


def test_words_that_are_equally_probable_have_their_number_as_perplexity() -> None:
    model = of_prior(make())
    torch.nn.init.zeros_(model.steps.head.weight)  # type: ignore[union-attr, arg-type]
    torch.nn.init.zeros_(model.steps.head.bias)  # type: ignore[union-attr, arg-type]
    assert importance_weighted_sequences(model, sentences(), samples=2).perplexity == pytest.approx(4)


def test_many_draws_come_to_the_integral_over_z_and_the_bound_stays_below() -> None:
    model = make(latent_size=1)
    with torch.no_grad():
        model.to_posterior.weight.mul_(0.02)  # near the prior, so that draws are everywhere
        grid = torch.linspace(-8, 8, 4001).double()[:, None]
        density = torch.distributions.Normal(0.0, 1.0).log_prob(grid)[:, 0] + math.log(16 / 4000)
        exact = torch.stack(
            [
                (model.eval().decode(sentences().at(torch.full((4001,), place)), grid).log_likelihood + density)
                for place in range(len(LENGTHS))
            ]
        ).logsumexp(1)
    estimate = importance_weighted_sequences(model, sentences(), samples=4000, batch=1000).estimate
    error = (estimate.log_likelihood - exact).abs()
    assert (error < 4 * estimate.sampling_error).all() and (error < 0.15).all()
    assert (estimate.elbo < exact).all()


def test_estimates_of_the_first_do_not_depend_on_those_that_follow() -> None:
    model = make()
    whole = importance_weighted_sequences(model, sentences(), samples=10, batch=4).estimate.log_likelihood
    part = importance_weighted_sequences(model, sentences().at(slice(0, 2)), samples=10, batch=4)
    torch.testing.assert_close(whole[:2], part.estimate.log_likelihood)


def test_estimates_of_all_sentences_add_up_to_one() -> None:
    every = [(*words, END) for length in range(5) for words in itertools.product(range(1, 4), repeat=length)] + list(
        itertools.product(range(1, 4), repeat=5)
    )
    lengths = torch.tensor([len(one) for one in every])
    values = torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in every], batch_first=True)
    model = of_prior(make())
    found = importance_weighted_sequences(model, Sequences(values=values, lengths=lengths), samples=2, batch=200)
    assert found.estimate.log_likelihood.exp().sum().item() == pytest.approx(1)


def test_sentences_are_said_again_from_the_mean_of_their_posterior() -> None:
    model, given = make(seed=4), sentences()
    said = reconstruct_freely(model, given, batch=3)
    assert said.lengths.unique().numel() > 1
    with torch.no_grad():
        wanted = run_freely(model.eval(), model.posterior(given).mean, TEXT.longest)
    assert torch.equal(said.values, wanted.values) and torch.equal(said.lengths, wanted.lengths)
    assert torch.equal(reconstruct_freely(model, sentences(3), batch=3).values, said.values)
    assert int(reconstruct_freely(model, given, longest=2).lengths.max()) <= 2


def test_clips_are_said_again_with_the_frames_that_they_have() -> None:
    model = make(VIDEO)
    said = reconstruct_freely(model, clips(), batch=3)
    assert torch.equal(said.lengths, LENGTHS) and said.values.shape == (7, 5, 1, 4, 4)
    again = reconstruct_freely(model, clips(3), batch=1)
    assert torch.equal(again.values[said.mask], said.values[said.mask])


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^An importance-weighted estimate wants at least one sample per sequence"):
        importance_weighted_sequences(make(), sentences(), samples=0)
    with pytest.raises(SettingError, match=r"^A batch has at least one sequence, not 0\.$"):
        evaluate_sequences(make(), sentences(), batch=0)
    with pytest.raises(SettingError, match=r"^longest must be 1 step or more; it is 0\.$"):
        reconstruct_freely(make(), sentences(), longest=0)
    for measure in (evaluate_sequences, importance_weighted_sequences, reconstruct_freely):
        with pytest.raises(DataError, match="The model wants clips"):
            measure(make(VIDEO), sentences())
