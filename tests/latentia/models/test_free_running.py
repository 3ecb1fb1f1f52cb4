"""Sequences that a model says by itself, against loops over single ones and lists of all sentences."""

from __future__ import annotations

import itertools

import pytest
import torch
from tests.latentia.models.recurrent_models import VIDEO, make
from torch import Tensor

from latentia.errors import SettingError
from latentia.evaluation_mode import evaluation_mode
from latentia.models.base import beam_search, run_freely
from latentia.models.recurrent_vae import RecurrentVAE
from latentia.randomness import seeded
from latentia.sequences import END, Sequences, WordFormat


def latents(count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sentences(said: Sequences) -> list[list[int]]:
    return [row[:length].tolist() for row, length in zip(said.values, said.lengths.tolist(), strict=True)]


def greedy(model: RecurrentVAE, latent: Tensor, longest: int) -> list[int]:
    """One sentence, word by word, until its end."""
    state, said = model.start(latent), []
    while len(said) < longest:
        word = model.likeliest(state)
        said.append(int(word))
        if said[-1] == END:
            break
        state = model.advance(word, state, latent)
    return said


def all_sentences(words: int, longest: int) -> list[tuple[int, ...]]:
    """Every sentence that ends within so many words, and every beginning of so many words that has not ended."""
    every = [
        (*beginning, END)
        for length in range(longest)
        for beginning in itertools.product(range(1, words), repeat=length)
    ]
    return every + list(itertools.product(range(1, words), repeat=longest))


def log_probabilities(model: RecurrentVAE, latent: Tensor, every: list[tuple[int, ...]]) -> Tensor:
    lengths = torch.tensor([len(one) for one in every])
    values = torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in every], batch_first=True)
    return model.decode(Sequences(values=values, lengths=lengths), latent.expand(len(every), -1)).log_likelihood


@pytest.mark.parametrize("kind", ["full", "none", "word_dropout", "dynamic_word_dropout", "dynamic_scheduled_sampling"])
def test_a_batch_says_what_its_sentences_say_alone(kind: str) -> None:
    model, latent = make(kind=kind), latents(40)
    with evaluation_mode(model):
        said = run_freely(model, latent, 6)
        assert sentences(said) == [greedy(model, one[None], 6) for one in latent]
    assert said.values.shape[1] == said.lengths.max()
    assert (said.values[~said.mask] == END).all()


def test_sentences_end_at_their_end_or_at_the_longest() -> None:
    model = make()
    with evaluation_mode(model), seeded(3):
        said = run_freely(model, latents(400), 5, temperature=1.0)
    for words in sentences(said):
        assert END not in words[:-1]
        assert words[-1] == END or len(words) == 5
    assert len(set(said.lengths.tolist())) > 1


def test_decoding_stops_when_all_have_ended() -> None:
    model, steps = make(), []
    with torch.no_grad():
        model.steps.head.bias[END] = 100.0  # type: ignore[index, union-attr]
    advance = model.advance
    model.advance = lambda *given: steps.append(1) or advance(*given)  # type: ignore[method-assign, func-returns-value]
    with evaluation_mode(model):
        assert sentences(run_freely(model, latents(3), 50)) == [[END]] * 3
        assert sentences(beam_search(model, latents(3), 50, 2)) == [[END]] * 3
    assert not steps


def test_drawn_sentences_come_as_often_as_they_are_probable() -> None:
    model, latent = make(WordFormat(words=3, longest=3)), latents(1)
    every = all_sentences(3, 3)
    with evaluation_mode(model), seeded(2):
        wanted = log_probabilities(model, latent, every).exp()
        said = sentences(run_freely(model, latent.expand(20_000, -1), 3, temperature=1.0))
    assert wanted.sum().item() == pytest.approx(1)
    share = torch.tensor([said.count(list(one)) / 20_000 for one in every]).double()
    torch.testing.assert_close(share, wanted, atol=0.015, rtol=0)


def test_the_caller_seeds_what_is_drawn() -> None:
    model = make()
    said = []
    for seed in (5, 5, 6):
        with evaluation_mode(model), seeded(seed):
            said.append(sentences(run_freely(model, latents(30), 5, temperature=1.0)))
    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_clips_have_as_many_frames_as_are_asked_for(temperature: float) -> None:
    model = make(VIDEO)
    with evaluation_mode(model), seeded(1):
        said = run_freely(model, latents(3), 7, temperature)
        assert said.values.shape == (3, 7, 1, 4, 4) and said.lengths.tolist() == [7, 7, 7]
        model.check(said)


def test_frames_go_on_from_frames_that_were_said() -> None:
    model, latent = make(VIDEO), latents(2)
    with evaluation_mode(model):
        said = run_freely(model, latent, 4)
        told = model.decoder(model.embed(said), latent).states
        for step in range(4):
            assert torch.equal(model.likeliest(told[:, step]), said.values[:, step])


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_single_beam_is_greedy(penalty: float) -> None:
    model, latent = make(), latents(60)
    with evaluation_mode(model):
        assert sentences(beam_search(model, latent, 6, 1, penalty)) == sentences(run_freely(model, latent, 6))


@pytest.mark.parametrize("penalty", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_wide_enough_finds_the_best_of_all_sentences(seed: int, penalty: float) -> None:
    model, latent = make(seed=seed), latents(8)
    every = all_sentences(4, 4)
    weight = torch.tensor([((5 + len(one)) / 6) ** penalty for one in every]).double()
    with evaluation_mode(model):
        found = sentences(beam_search(model, latent, 4, 4**4, penalty))
        scores = [log_probabilities(model, one[None], every) / weight for one in latent]
    assert found == [list(every[int(score.argmax())]) for score in scores]


def test_wider_beams_find_sentences_that_are_more_probable_on_average() -> None:
    model, latent = make(), latents(100)
    with evaluation_mode(model):
        means = [
            float(model.decode(beam_search(model, latent, 5, width), latent).log_likelihood.mean())
            for width in (1, 3, 30)
        ]
    assert means[0] < means[1] <= means[2]


def test_a_search_in_a_batch_finds_what_it_finds_alone() -> None:
    model, latent = make(), latents(20)
    with evaluation_mode(model):
        together = sentences(beam_search(model, latent, 5, 3))
        assert together == [sentences(beam_search(model, one[None], 5, 3))[0] for one in latent]


def test_a_length_penalty_favours_longer_sentences() -> None:
    model, latent = make(), latents(100)
    with evaluation_mode(model):
        short, long = (beam_search(model, latent, 6, 5, penalty).lengths.double().mean() for penalty in (0.0, 2.0))
    assert short < long


def test_what_makes_no_sense_is_one_sentence() -> None:
    model, latent = make(), latents(1)
    with pytest.raises(SettingError, match=r"^longest must be 1 step or more; it is 0\.$"):
        run_freely(model, latent, 0)
    with pytest.raises(SettingError, match=r"^longest must be 1 step or more; it is 0\.$"):
        beam_search(model, latent, 0, 1)
    with pytest.raises(SettingError, match=r"^temperature must be 0 or more; it is -1\.0\.$"):
        run_freely(model, latent, 3, -1.0)
    with pytest.raises(SettingError, match=r"^width must be 1 beam or more; it is 0\.$"):
        beam_search(model, latent, 3, 0)
    with pytest.raises(SettingError, match=r"^length_penalty must be 0 or more; it is -1\.0\.$"):
        beam_search(model, latent, 3, 1, -1.0)
    with pytest.raises(SettingError, match="Beam search wants a model of words; this one is of clips"):
        beam_search(make(VIDEO), latent, 3, 2)
