from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from latentia.data.images import Split
from latentia.data.sequence_sets import SequenceSet, ShuffledSequences
from latentia.data.vocabulary import Vocabulary
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.sequences import VideoFormat, WordFormat
from latentia.training import Batches

VOCABULARY = Vocabulary.of({f"word{number}": 1 for number in range(998)})


def sentences(lengths: list[int]) -> SequenceSet:
    """Sentences whose words all say the sentence's number, from 2 on."""
    return SequenceSet(
        values=np.concatenate([[2 + place] * length for place, length in enumerate(lengths)]).astype(np.uint16),
        lengths=np.array(lengths, np.int64),
        format=WordFormat(words=1000, longest=50),
        name="numbered",
        split=Split.TRAIN,
        vocabulary=VOCABULARY,
        labels=np.arange(len(lengths)),
    )


def clips(count: int) -> SequenceSet:
    """Clips of four frames of which each says its number."""
    frames = np.broadcast_to(np.arange(4 * count, dtype=np.uint8)[:, None, None, None], (4 * count, 1, 2, 3))
    return SequenceSet(
        values=frames,
        lengths=np.full(count, 4),
        format=VideoFormat(frame=ImageFormat(channels=1, height=2, width=3), longest=4),
        name="clips",
        split=Split.TRAIN,
    )


def numbers_in(batch: dict[str, torch.Tensor]) -> list[int]:
    return (batch["values"][:, 0] - 2).tolist()


MANY = sentences(np.random.default_rng(0).integers(1, 51, 410).tolist())


def test_some_sentences_are_padded_to_the_longest_of_them() -> None:
    some = sentences([3, 1, 2]).sequences(np.array([2, 1]))
    assert some.values.tolist() == [[4, 4], [3, 0]]
    assert some.lengths.tolist() == [2, 1]
    assert some.values.dtype == torch.int64


def test_clips_keep_their_frames() -> None:
    some = clips(3).sequences(slice(1, 3))
    assert some.values.shape == (2, 4, 1, 2, 3)
    assert some.values.dtype == torch.uint8
    assert some.values[:, :, 0, 1, 2].tolist() == [[4, 5, 6, 7], [8, 9, 10, 11]]


def test_tensors_are_copies() -> None:
    whole = sentences([3, 1])
    some = whole.sequences(slice(0, 2))
    some.values.zero_()
    some.lengths.zero_()
    assert whole.values.tolist() == [2, 2, 2, 3]
    assert whole.lengths.tolist() == [3, 1]


def test_parts_of_a_set_hold_what_the_set_holds() -> None:
    whole = sentences([3, 1, 2])
    assert whole.first(2).values.tolist() == [2, 2, 2, 3]
    part = whole.at(np.array([2, 0]))
    assert part.values.tolist() == [4, 4, 2, 2, 2]
    assert part.lengths.tolist() == [2, 3]
    assert part.labels is not None
    assert part.labels.tolist() == [2, 0]
    assert np.array_equal(clips(3).at(np.array([1])).values, clips(3).values[4:8])
    with pytest.raises(DataError, match=r"^numbered has 3 sequences in its split 'train', not 4\.$"):
        whole.first(4)


def test_the_checksum_is_of_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    def others(whole: SequenceSet) -> set[str]:
        values = whole.values.copy()
        values[-1] += 1
        words = Vocabulary(words=(*VOCABULARY.words[:-1], "other"))
        return {
            replace(whole, values=values).sha256,
            replace(whole, lengths=whole.lengths[::-1].copy()).sha256,
            replace(whole, vocabulary=words).sha256,
            replace(whole, format=WordFormat(words=1000, longest=60)).sha256,
        }

    whole = sentences([3, 1])
    assert len(others(whole) | {whole.sha256}) == 5
    known = replace(whole, name="another name").sha256
    assert known == whole.sha256
    monkeypatch.setattr("latentia.data.sequence_sets.BLOCK_BYTES", 3)
    assert replace(whole).sha256 == known


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths": np.array([], np.int64)}, r"^numbered has no sequences in its split 'train'\.$"),
        ({"lengths": np.array([3, 2])}, r"holds 2 to 3 steps, 5 in all, and values of 4\.$"),
        ({"lengths": np.array([4, 0])}, r"holds 0 to 4 steps"),
        (
            {"format": WordFormat(words=1000, longest=2)},
            r"to hold sentences of up to 2 steps .*; it holds 1 to 3 steps",
        ),
        ({"format": WordFormat(words=7, longest=50)}, r"which its vocabulary does not fit\.$"),
        ({"vocabulary": None}, r"which its vocabulary does not fit\.$"),
        ({"labels": np.arange(3)}, r"^numbered has 3 labels for 2 sequences\.$"),
        ({"format": clips(1).format}, r"was to hold clips of up to 4 frames .*; its steps are \(\)\.$"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(sentences([3, 1]), **changes)


def test_the_loop_can_use_the_batches() -> None:
    assert isinstance(ShuffledSequences(sequence_set=MANY, batch=8, seed=0), Batches)


def test_a_pass_sees_each_sequence_once_with_its_length() -> None:
    batches = ShuffledSequences(sequence_set=MANY, batch=20, seed=0, window=4)
    seen = []
    for batch in batches.of_pass(0):
        assert set(batch) == {"values", "lengths"}
        assert batch["values"].shape == (20, int(batch["lengths"].max()))
        assert np.array_equal(batch["lengths"], MANY.lengths[numbers_in(batch)])
        seen += numbers_in(batch)
    assert len(batches) == 20
    assert len(seen) == len(set(seen)) == 400


def test_the_order_depends_on_the_seed_and_the_pass_alone() -> None:
    def order(seed: int, number: int) -> list[int]:
        batches = ShuffledSequences(sequence_set=MANY, batch=20, seed=seed, window=4)
        return [place for batch in batches.of_pass(number) for place in numbers_in(batch)]

    torch.manual_seed(1)
    first = order(0, 0)
    torch.manual_seed(2)
    assert order(0, 0) == first
    assert len({tuple(order(*key)) for key in [(0, 0), (0, 1), (1, 0), (1, 1)]}) == 4


def test_a_pass_taken_up_in_its_middle_goes_on_as_it_would_have() -> None:
    batches = ShuffledSequences(sequence_set=MANY, batch=20, seed=3)
    whole = [numbers_in(batch) for batch in batches.of_pass(2)]
    assert [numbers_in(batch) for batch in batches.of_pass(2, 6)] == whole[6:]


def test_batches_are_of_like_length_and_in_no_order_of_length() -> None:
    batches = ShuffledSequences(sequence_set=MANY, batch=20, seed=0)
    lengths = [batch["lengths"].float() for batch in batches.of_pass(0)]
    assert max(float(length.max() - length.min()) for length in lengths) <= 10
    means = torch.stack([length.mean() for length in lengths])
    assert not torch.equal(means, means.sort().values)
    assert abs(float(torch.corrcoef(torch.stack([means, torch.arange(20.0)]))[0, 1])) < 0.5


def test_every_sequence_is_equally_likely_whatever_its_length() -> None:
    """19 of 59 are left out of each pass; over many passes the longest as often as the shortest."""
    whole = sentences([1 + place % 50 for place in range(59)])
    batches = ShuffledSequences(sequence_set=whole, batch=20, seed=0, window=2)
    passes = 400
    times = np.zeros(59)
    for number in range(passes):
        for batch in batches.of_pass(number):
            times[numbers_in(batch)] += 1
    expected, deviation = passes * 40 / 59, np.sqrt(passes * (40 / 59) * (19 / 59))
    assert times.sum() == passes * 40
    # Of 59 normal deviates one above 4.5 has a chance of 4 in 10,000.
    assert np.abs(times - expected).max() < 4.5 * deviation
    assert abs(np.corrcoef(times, whole.lengths)[0, 1]) < 0.4


@pytest.mark.parametrize("batch", [0, 5])
def test_a_batch_of_no_sequences_or_of_more_than_there_are_is_refused(batch: int) -> None:
    with pytest.raises(SettingError, match=rf"^batch must be 1 to 4, .*; it is {batch}\.$"):
        ShuffledSequences(sequence_set=clips(4), batch=batch, seed=0)


def test_a_window_without_batches_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^window must be 1 batch or more, not 0\.$"):
        ShuffledSequences(sequence_set=clips(4), batch=2, seed=0, window=0)
