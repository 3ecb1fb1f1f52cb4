"""Uses of models of sequences, against the models' own steps."""

from __future__ import annotations

import pytest
import torch
from tests.latentia.models.recurrent_models import TEXT, VIDEO, make

from latentia.errors import DataError, SettingError
from latentia.models.base import run_freely
from latentia.sequences import END, Sequences
from latentia.uses import interpolate_sequences, keep_probabilities, sample_sequences

LENGTHS = torch.tensor([5, 1, 3, 2, 4, 4, 1])


def sentences(padding: int = 0, seed: int = 0) -> Sequences:
    values = torch.randint(1, 4, (len(LENGTHS), 5), generator=torch.Generator().manual_seed(seed))
    values = values.scatter(1, LENGTHS[:, None] - 1, END)
    within = torch.arange(5) < LENGTHS[:, None]
    return Sequences(values=torch.where(within, values, padding), lengths=LENGTHS)


def clips(seed: int = 0) -> Sequences:
    shape = (len(LENGTHS), 5, 1, 4, 4)
    values = torch.randint(4, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return Sequences(values=values, lengths=LENGTHS)


def same(one: Sequences, other: Sequences) -> bool:
    return torch.equal(one.values, other.values) and torch.equal(one.lengths, other.lengths)


def test_the_seed_decides_the_latent_vectors_whatever_the_batch() -> None:
    model = make(seed=4)
    greedy = [sample_sequences(model, 9, temperature=0, batch=batch, seed=1) for batch in (2, 9)]
    assert same(*greedy) and greedy[0].lengths.unique().numel() > 1
    assert not same(greedy[0], sample_sequences(model, 9, temperature=0, seed=2))
    assert same(*(sample_sequences(model, 9, seed=1) for _ in range(2)))
    assert not same(sample_sequences(model, 9, seed=1), sample_sequences(model, 9, seed=1, batch=2))


def test_temperatures_say_the_same_latent_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []

    def listen(model: object, latent: torch.Tensor, longest: int, temperature: float) -> Sequences:
        said.append(latent)
        return run_freely(model, latent, longest, temperature)  # type: ignore[arg-type]

    monkeypatch.setattr("latentia.uses.sequences.run_freely", listen)
    for temperature in (0, 0.5, 1.0):
        sample_sequences(make(), 600, temperature=temperature, batch=600, seed=3)
    assert torch.equal(said[0], said[1]) and torch.equal(said[0], said[2])
    torch.testing.assert_close(said[0].mean(0), torch.zeros(2).double(), atol=0.15, rtol=0)
    torch.testing.assert_close(said[0].std(0), torch.ones(2).double(), atol=0.1, rtol=0)


def test_a_sample_is_as_long_as_its_kind() -> None:
    words = sample_sequences(make(), 30, longest=3)
    assert int(words.lengths.max()) == 3 and int(words.lengths.min()) == 1
    frames = sample_sequences(make(VIDEO), 3, batch=2)
    assert frames.values.shape == (3, 5, 1, 4, 4) and frames.lengths.tolist() == [5, 5, 5]
    assert sample_sequences(make(VIDEO), 3, longest=7).values.shape[1] == 7
    assert sample_sequences(make(), 3, longest=9, temperature=0.5).values.dtype == torch.int64


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_between_two_sentences_stand_the_means_of_their_posteriors(batch: int) -> None:
    model, first, last = make(seed=4), sentences(), sentences(seed=1)
    found = interpolate_sequences(model, first, last, between=3, batch=batch)
    torch.testing.assert_close(found.shares, torch.tensor([0.25, 0.5, 0.75]))
    assert found.first is first and found.last is last
    with torch.no_grad():
        start, end = (model.eval().posterior(each).mean for each in (first, last))
        for share, said in zip(found.shares.tolist(), found.between, strict=True):
            wanted = run_freely(model, (1 - share) * start + share * end, TEXT.longest)
            assert same(said, wanted)


def test_between_a_sequence_and_itself_nothing_changes() -> None:
    model = make(VIDEO)
    found = interpolate_sequences(model, clips(), clips(), between=2)
    assert same(*found.between)


def test_a_clip_between_two_has_the_frames_of_the_longer_one() -> None:
    first, last = clips(), clips(seed=1)
    turned = Sequences(values=last.values, lengths=LENGTHS.flip(0))
    found = interpolate_sequences(make(VIDEO), first, turned, between=1, batch=2)
    assert found.between[0].lengths.tolist() == [5, 4, 4, 2, 4, 4, 5]
    assert found.between[0].values.shape == first.values.shape


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_steps_are_kept_by_what_the_model_infers_and_the_last_is_fed_to_nothing(batch: int) -> None:
    model, given = make(kind="dynamic_word_dropout"), sentences()
    keep = keep_probabilities(model, given, batch=batch)
    assert keep.shape == given.values.shape
    fed = torch.arange(5) < LENGTHS[:, None] - 1
    assert torch.equal(keep.isnan(), ~fed)
    with torch.no_grad():
        drop = model.eval().decode(given, model.posterior(given).mean).drop
    torch.testing.assert_close(keep[:, :-1], 1 - drop, equal_nan=True)
    assert keep[fed].unique().numel() > 5
    torch.testing.assert_close(keep_probabilities(model, sentences(3), batch=batch), keep, equal_nan=True)


@pytest.mark.parametrize(("kind", "kept"), [("full", 1.0), ("none", 0.0), ("word_dropout", 0.4), ("dropout", 0.4)])
def test_steps_are_kept_by_a_fixed_share_where_nothing_is_inferred(kind: str, kept: float) -> None:
    keep = keep_probabilities(make(VIDEO, kind=kind), clips())
    torch.testing.assert_close(keep[~keep.isnan()], torch.full((13,), kept).double())


def test_the_model_and_the_random_state_are_left_as_they_were() -> None:
    model, state = make().train(), torch.get_rng_state()
    sample_sequences(model, 2)
    interpolate_sequences(model, sentences(), sentences())
    keep_probabilities(model, sentences())
    assert model.training and torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(DataError, match=r"^At least one sequence is wanted; there is none\.$"):
        sample_sequences(make(), 0)
    with pytest.raises(SettingError, match=r"^temperature must be 0 or more; it is -1\.$"):
        sample_sequences(make(), 2, temperature=-1)
    with pytest.raises(SettingError, match=r"^longest must be 1 step or more; it is 0\.$"):
        sample_sequences(make(), 2, longest=0)
    with pytest.raises(SettingError, match=r"^At least one sequence between two is wanted, not 0\.$"):
        interpolate_sequences(make(), sentences(), sentences(), between=0)
    with pytest.raises(DataError, match="there are 7 first and 2 last ones"):
        interpolate_sequences(make(), sentences(), sentences().at(slice(2)))
    for wrong in (
        lambda: interpolate_sequences(make(), sentences(), clips()),
        lambda: keep_probabilities(make(), clips()),
    ):
        with pytest.raises(DataError, match="The model wants sentences"):
            wrong()
