"""A recurrent VAE: padding counts nowhere, probabilities add up, and free-running decoding goes on from itself."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.layers.teacher_forcing import ForcingName
from latentia.models.base import SequenceTerms
from latentia.models.recurrent_vae import ForcingConfig, RecurrentVAE, RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.sequences import END, SequenceFormat, Sequences, VideoFormat, WordFormat

TEXT = WordFormat(words=6, longest=7)
VIDEO = VideoFormat(frame=ImageFormat(channels=1, height=8, width=8), longest=4)
KINDS = get_args(ForcingName)


def config(kind: str = "full", **forcing: object) -> RecurrentVAEConfig:
    return RecurrentVAEConfig(
        hidden=5,
        latent_size=2,
        features=4,
        forcing=ForcingConfig(kind=kind, hidden=3, **forcing),  # type: ignore[arg-type]
    )


def make(kind: str = "full", form: SequenceFormat = TEXT) -> RecurrentVAE:
    with seeded(0):
        model = config(kind).build(form).double()
        for gate in model.decoder.forcing.gates.parameters():  # which begin at the prior wherever they look
            torch.nn.init.normal_(gate)
    return model


def sentences(padding: int = 0) -> Sequences:
    values = torch.tensor([[3, 2, 5, 4, END], [2, 2, END, 0, 0], [END, 0, 0, 0, 0]])
    lengths = torch.tensor([5, 3, 1])
    places = torch.arange(5) >= lengths[:, None]
    return Sequences(values=torch.where(places, padding, values), lengths=lengths)


def clips() -> Sequences:
    values = torch.randint(0, 256, (3, 4, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Sequences(values=values, lengths=torch.tensor([4, 2, 1]))


def terms(model: RecurrentVAE, sequences: Sequences, seed: int = 1) -> SequenceTerms:
    with seeded(seed):
        found: SequenceTerms = model(sequences)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_what_stands_in_the_padding_changes_nothing(kind: str, training: bool) -> None:
    model = make(kind).train(training)
    gradients = []
    for padding in (0, 4):
        model.zero_grad()
        found = terms(model, sentences(padding))
        (found.log_likelihood - found.divergence.sum(1) - found.dropout_divergence).sum().backward()
        gradients.append([one.grad for one in model.parameters() if one.grad is not None])
        assert found.log_likelihood.isfinite().all()
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
    first, second = (terms(model, sentences(padding)) for padding in (0, 4))
    for name in ("log_likelihood", "divergence", "dropout_divergence"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name))
    torch.testing.assert_close(first.drop, second.drop, equal_nan=True)


@pytest.mark.parametrize("form", [TEXT, VIDEO])
def test_a_batch_gives_what_its_sequences_give_alone(form: SequenceFormat) -> None:
    model = make("dynamic_word_dropout", form).eval()
    sequences = sentences() if form is TEXT else clips()
    latent = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    together = model.decode(sequences, latent)
    posterior = model.posterior(sequences)
    for place in range(3):
        alone = sequences.at(slice(place, place + 1))
        single = model.decode(alone, latent[place : place + 1])
        torch.testing.assert_close(single.log_likelihood[0], together.log_likelihood[place])
        torch.testing.assert_close(single.dropout_divergence[0], together.dropout_divergence[place])
        torch.testing.assert_close(model.posterior(alone).loc[0], posterior.loc[place])


def test_the_penalty_is_of_the_steps_that_are_fed() -> None:
    """Thesis A eq. 3.8: i = 1 … T − 1."""
    model = make("dynamic_word_dropout").eval()
    found = terms(model, sentences())
    assert found.drop.isfinite().sum(1).tolist() == [4, 2, 0]
    prior = model.config.forcing.rate
    drop = found.drop
    each = drop * (drop / prior).log() + (1 - drop) * ((1 - drop) / (1 - prior)).log()
    torch.testing.assert_close(found.dropout_divergence, each.nan_to_num().sum(1))
    assert found.dropout_divergence[2] == 0 < found.dropout_divergence[1]


@pytest.mark.parametrize("kind", ["full", "none", "dynamic_word_dropout", "dynamic_dropout"])
def test_probabilities_of_all_sentences_add_up_to_one(kind: str) -> None:
    """Of all sentences of three steps, ended or not, over a vocabulary of three words."""
    with seeded(3):
        model = config(kind).build(WordFormat(words=3, longest=3)).double().eval()
    all_of_them = torch.tensor(list(itertools.product(range(3), repeat=3)))
    lengths = torch.full((len(all_of_them),), 3)
    latent = torch.ones(len(all_of_them), 2, dtype=torch.float64)
    found = model.decode(Sequences(values=all_of_them, lengths=lengths), latent)
    assert found.log_likelihood.exp().sum().item() == pytest.approx(1)


def test_the_bound_is_below_the_importance_weighted_estimate() -> None:
    model, sequences = make().eval(), sentences()
    with seeded(4), torch.no_grad():
        weights = torch.stack([model.log_weights(sequences) for _ in range(800)])
        bound = torch.stack([(t := model(sequences)).log_likelihood - t.divergence.sum(1) for _ in range(800)])
    torch.testing.assert_close(weights.mean(0), bound.mean(0), atol=0.2, rtol=0)
    assert (weights.logsumexp(0) - torch.tensor(800.0).log() > bound.mean(0)).all()


@pytest.mark.parametrize("kind", ["full", "none", "word_dropout", "dynamic_word_dropout", "dynamic_dropout"])
@pytest.mark.parametrize("form", [TEXT, VIDEO])
def test_free_running_states_are_those_of_teacher_forcing_on_what_was_said(kind: str, form: SequenceFormat) -> None:
    model = make(kind, form).eval()
    latent = torch.randn(2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    state, said, scores = model.start(latent), [], []
    for _ in range(4):
        value = model.likeliest(state)
        scores.append(model.steps.log_prob(state, value))
        said.append(value)
        state = model.advance(value, state, latent)
    told = model.decode(Sequences(values=torch.stack(said, 1), lengths=torch.tensor([4, 4])), latent)
    torch.testing.assert_close(told.log_likelihood, torch.stack(scores, 1).sum(1))


def test_words_are_scored_and_drawn_by_their_probabilities() -> None:
    model = make().eval()
    state = model.start(torch.ones(1, 2, dtype=torch.float64))
    scores = model.scores(state)
    assert scores.exp().sum().item() == pytest.approx(1)
    assert model.likeliest(state).item() == scores.argmax().item() == model.draw(state, 0.0).item()
    with seeded(5):
        drawn = model.draw(state.expand(20_000, -1), 2.0)
    share = torch.bincount(drawn, minlength=6) / 20_000
    torch.testing.assert_close(share.double(), (scores[0] / 2).softmax(-1), atol=0.02, rtol=0)
    with pytest.raises(SettingError, match=r"^Frames have no list of scores"):
        make("full", VIDEO).scores(state)


def test_frames_are_drawn_as_images() -> None:
    model = make("full", VIDEO).eval()
    state = model.start(torch.ones(2, 2, dtype=torch.float64))
    for drawn in (model.draw(state), model.draw(state, 0.0)):
        assert drawn.shape == (2, 1, 8, 8) and drawn.dtype is torch.uint8


def test_without_teacher_forcing_the_past_is_not_seen() -> None:
    model = make("none").eval()
    latent = torch.ones(2, 2, dtype=torch.float64)
    values = torch.tensor([[3, 2, 5], [4, 4, 5]])
    states = model.decoder(model.steps.embed(values.flatten()).unflatten(0, (2, 3)), latent).states
    torch.testing.assert_close(states[0], states[1])


def gradient_of(model: RecurrentVAE, name: str) -> Tensor | None:
    found = terms(model, sentences())
    (found.log_likelihood - found.dropout_divergence).sum().backward()
    return dict(model.named_parameters())[name].grad


def test_the_likelihood_reaches_the_gates_and_predictions_take_no_gradient() -> None:
    for kind in ("dynamic_word_dropout", "dynamic_dropout", "dynamic_scheduled_sampling"):
        gradient = gradient_of(make(kind), "decoder.forcing.gates.second.weight")
        assert gradient is not None and gradient.abs().sum() > 0


def test_what_is_not_of_the_format_is_one_sentence() -> None:
    model = make()
    with pytest.raises(DataError, match="The model wants numbers 0 to 5 as values; it got 0 to 6"):
        model(Sequences(values=torch.tensor([[6, 0]]), lengths=torch.tensor([2])))
    with pytest.raises(DataError, match=r"as whole numbers; it got torch\.float32"):
        model(Sequences(values=torch.zeros(1, 2), lengths=torch.tensor([2])))
    with pytest.raises(DataError, match=r"clips of up to 4 frames of 1×8×8 with 8 bits; it got steps of the shape"):
        make("full", VIDEO)(sentences())


def test_a_configuration_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    config("dynamic_word_dropout")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_settings_that_make_no_sense_are_said_before_anything_is_built() -> None:
    with pytest.raises(SettingError, match="hidden must be 1 or more; it is 0"):
        replace(config(), hidden=0)
    with pytest.raises(SettingError, match=r"between 0 and 1; it is 1\.5"):
        config("dynamic_word_dropout", rate=1.5)
    with pytest.raises(SettingError, match="Bernoulli pixels are of 1 bit"):
        replace(config(), observation="bernoulli").build(VIDEO)
