from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spindle.errors import LabelError, SettingError
from spindle.hypnogram import Hypnogram
from spindle.markov import Transitions
from spindle.spectrogram import FRAMES_PER_EPOCH, RowChoice, TimeFrequency
from spindle.training_set import (
    LEAK_EPOCHS,
    Examples,
    LabelledRecording,
    ShuffledBatches,
    TrainingSet,
    is_prepared,
    open_set,
    prepare,
)

POOL = torch.nn.MaxPool2d((2, 3))


def rows(usable: list[bool], seed: int, choice: RowChoice = RowChoice.NARROW) -> TimeFrequency:
    rng = np.random.default_rng(seed)
    frames = len(usable) * FRAMES_PER_EPOCH
    return TimeFrequency(
        eeg=rng.normal(size=(2, frames, 24)).astype(np.float32),
        emg=rng.normal(size=frames).astype(np.float32),
        usable=np.array(usable),
        rows=choice,
        centre=np.zeros(24, dtype=np.float32),
        scale=np.ones(24, dtype=np.float32),
    )


def expert(codes: list[int], artifact: list[int] | None = None) -> Hypnogram:
    flags = np.zeros(len(codes), dtype=bool) if artifact is None else np.array(artifact, dtype=bool)
    return Hypnogram(codes=np.array(codes, dtype=np.int8), artifact=flags)


def labelled(*experts: Hypnogram, usable: list[bool] | None = None, seed: int = 0) -> LabelledRecording:
    time_frequency = rows(usable or [True] * len(experts[0]), seed)
    return LabelledRecording(name=f"mouse{seed}", time_frequency=time_frequency, hypnograms=experts)


def of_lengths(lengths: list[int]) -> TrainingSet:
    """A set for questions that do not look at signals."""
    total = sum(lengths)
    return TrainingSet(
        columns=np.zeros((0, 17), dtype=np.float16),
        stage=np.zeros(total, dtype=np.int8),
        artifact=np.zeros(total, dtype=np.int8),
        bounds=np.zeros((total, 2), dtype=np.int64),
        lengths=tuple(lengths),
        names=tuple(str(place) for place in range(len(lengths))),
        rows=RowChoice.NARROW,
        sha256="",
        transitions=Transitions(),
    )


def test_images_are_those_of_the_recordings_after_the_first_pool(tmp_path: Path) -> None:
    # Gaps, and neighbours in another recording, must not reach a window.
    first = labelled(expert([0] * 8), usable=[True] * 5 + [False] + [True] * 2, seed=1)
    second = labelled(expert([1] * 4), seed=2)
    examples = prepare([first, second], tmp_path, rows=RowChoice.NARROW)
    for recording, offset in ((first, 0), (second, 8)):
        epochs = np.flatnonzero(recording.time_frequency.usable)
        expected = POOL(recording.time_frequency.images(epochs))
        torch.testing.assert_close(examples.images(epochs + offset), expected.half().float(), rtol=0, atol=0)


def test_an_epoch_trains_the_stage_network_where_all_experts_agree_and_none_saw_an_artifact(tmp_path: Path) -> None:
    one = expert([0, 1, 2, 0, 1, 1, -1], [0, 0, 0, 1, 1, 0, 0])
    two = expert([0, 1, 2, 0, 1, 2, 0], [0, 0, 1, 1, 0, 0, 0])
    examples = prepare([labelled(one, two)], tmp_path, rows=RowChoice.NARROW)
    assert examples.stage.tolist() == [0, 1, -1, -1, -1, -1, -1]


def test_an_epoch_trains_the_artifact_network_where_all_experts_scored_it_and_agree_on_the_flag(tmp_path: Path) -> None:
    one = expert([0, 1, 2, 0, 1, 1, -1], [0, 0, 0, 1, 1, 0, 0])
    two = expert([0, 1, 2, 0, 1, 2, 0], [0, 0, 1, 1, 0, 0, 0])
    examples = prepare([labelled(one, two)], tmp_path, rows=RowChoice.NARROW)
    assert examples.artifact.tolist() == [0, 0, -1, 1, -1, 0, -1]


def test_epochs_without_signal_are_no_examples(tmp_path: Path) -> None:
    examples = prepare([labelled(expert([0, 1, 2]), usable=[True, False, True])], tmp_path, rows=RowChoice.NARROW)
    assert examples.stage.tolist() == [0, -1, 2]
    assert examples.artifact.tolist() == [0, -1, 0]


def test_epochs_left_out_still_show_as_neighbours(tmp_path: Path) -> None:
    recording = labelled(expert([0, -1, 1, -1, 2]))
    examples = prepare([recording], tmp_path, rows=RowChoice.NARROW)
    middle = POOL(recording.time_frequency.images(np.array([2])))
    torch.testing.assert_close(examples.images(np.array([2])), middle.half().float(), rtol=0, atol=0)


def test_labels_of_another_length_are_refused_with_both_counts() -> None:
    with pytest.raises(LabelError, match=r"mouse has 5 epochs, but its labels are 4\."):
        LabelledRecording(name="mouse", time_frequency=rows([True] * 5, 0), hypnograms=(expert([0] * 4),))


def test_a_recording_without_labels_is_refused() -> None:
    with pytest.raises(LabelError, match="mouse has no labels"):
        LabelledRecording(name="mouse", time_frequency=rows([True] * 5, 0), hypnograms=())


def test_recordings_with_other_rows_are_refused_and_leave_no_set(tmp_path: Path) -> None:
    wide = LabelledRecording(
        name="wide mouse", time_frequency=rows([True] * 3, 0, RowChoice.WIDE), hypnograms=(expert([0] * 3),)
    )
    with pytest.raises(SettingError, match="wide mouse has wide rows; this training set has narrow ones"):
        prepare([wide], tmp_path, rows=RowChoice.NARROW)
    assert not is_prepared(tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_set_opens_again_as_it_was(tmp_path: Path) -> None:
    made = prepare(
        [labelled(expert([0, 1, 2]), seed=1), labelled(expert([2, 2]), seed=2)], tmp_path, rows=RowChoice.NARROW
    )
    again = open_set(tmp_path)
    assert (again.names, again.lengths, again.rows, again.sha256) == (made.names, made.lengths, made.rows, made.sha256)
    assert (again.names, again.lengths) == (("mouse1", "mouse2"), (3, 2))
    for field in ("columns", "stage", "artifact", "bounds"):
        np.testing.assert_array_equal(getattr(again, field), getattr(made, field))


def test_the_checksum_sees_signals_and_labels(tmp_path: Path) -> None:
    variants = [
        labelled(expert([0, 1, 2]), seed=1),
        labelled(expert([0, 1, 1]), seed=1),
        labelled(expert([0, 1, 2], [0, 0, 1]), seed=1),
        labelled(expert([0, 1, 2]), seed=2),
    ]
    sums = [
        prepare([variant], tmp_path / str(place), rows=RowChoice.NARROW).sha256
        for place, variant in enumerate(variants)
    ]
    assert len(set(sums)) == len(variants)
    assert prepare([variants[0]], tmp_path / "again", rows=RowChoice.NARROW).sha256 == sums[0]


def test_a_set_whose_making_was_interrupted_does_not_count_as_prepared(tmp_path: Path) -> None:
    def broken():
        yield labelled(expert([0, 1, 2]))
        raise KeyboardInterrupt

    prepare([labelled(expert([0, 1]))], tmp_path, rows=RowChoice.NARROW)
    with pytest.raises(KeyboardInterrupt):
        prepare(broken(), tmp_path, rows=RowChoice.NARROW)
    assert not is_prepared(tmp_path)
    with pytest.raises(SettingError, match="holds no prepared training set"):
        open_set(tmp_path)


@given(lengths=st.lists(st.integers(400, 3000), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_about_a_tenth_of_every_recording_is_held_out(lengths: list[int], seed: int) -> None:
    held_out = of_lengths(lengths).held_out(share=0.1, seed=seed)
    for part in np.split(held_out, np.cumsum(lengths)[:-1]):
        # A last incomplete group of blocks has one or none.
        assert 0.03 < part.mean() < 0.2


def test_held_out_epochs_come_in_blocks_spread_over_the_day() -> None:
    held_out = of_lengths([21_600]).held_out(share=0.1, seed=0)
    edges = np.flatnonzero(np.diff(held_out.astype(int)))
    assert held_out.mean() == pytest.approx(0.1, abs=0.01)
    assert len(edges) // 2 <= 15
    # Two groups of ten blocks, the longest stretch that can do without a held-out one, are less than a seventh.
    assert all(part.any() for part in np.array_split(held_out, 7))


@settings(max_examples=50)
@given(lengths=st.lists(st.integers(1, 800), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_no_window_trained_on_shares_signal_with_a_held_out_window(lengths: list[int], seed: int) -> None:
    examples = of_lengths(lengths)
    held_out = examples.held_out(share=0.1, seed=seed)
    trainable = examples.may_train(held_out)
    recording = np.repeat(np.arange(len(lengths)), lengths)
    for epoch in np.flatnonzero(held_out):
        near = (np.abs(np.arange(len(examples)) - epoch) <= LEAK_EPOCHS) & (recording == recording[epoch])
        assert not trainable[near].any()
    # and nothing is thrown away beyond that
    for epoch in np.flatnonzero(~trainable):
        near = (np.abs(np.arange(len(examples)) - epoch) <= LEAK_EPOCHS) & (recording == recording[epoch])
        assert held_out[near].any()


@given(count=st.integers(1, 60), size=st.integers(1, 20), number=st.integers(0, 5), seed=st.integers(0, 9))
@settings(max_examples=30)
def test_a_pass_shows_every_example_at_most_once_and_leaves_out_less_than_a_batch(
    count: int, size: int, number: int, seed: int
) -> None:
    examples = numbered(count)
    batches = ShuffledBatches(examples=examples, size=size, seed=seed)
    shown = np.concatenate([labels.numpy() for _, labels in batches.of_pass(number, 0)])
    assert len(shown) == len(set(shown.tolist()))
    assert count - len(shown) < size
    assert len(list(batches.of_pass(number, 0))) == len(batches)


def test_a_pass_can_be_entered_in_the_middle() -> None:
    batches = ShuffledBatches(examples=numbered(55), size=10, seed=3)
    whole = [labels.tolist() for _, labels in batches.of_pass(2, 0)]
    assert [labels.tolist() for _, labels in batches.of_pass(2, 3)] == whole[3:]


def test_every_pass_has_an_order_of_its_own() -> None:
    batches = ShuffledBatches(examples=numbered(55), size=10, seed=3)
    assert [labels.tolist() for _, labels in batches.of_pass(0, 0)] != [
        labels.tolist() for _, labels in batches.of_pass(1, 0)
    ]


def numbered(count: int) -> Examples:
    """Examples whose label is their number."""
    columns = np.zeros((16 * count, 17), dtype=np.float16)
    source = TrainingSet(
        columns=columns,
        stage=np.arange(count),
        artifact=np.zeros(count, dtype=np.int8),
        bounds=np.tile([0, count], (count, 1)),
        lengths=(count,),
        names=("numbers",),
        rows=RowChoice.NARROW,
        sha256="",
        transitions=Transitions(),
    )
    return Examples.of(source, source.stage, np.ones(count, dtype=bool))


def test_transitions_are_those_of_every_experts_labels(tmp_path: Path) -> None:
    """Wake stays 6 times of 8 and goes to NREM 2 times; a pseudo-count of 1 is added to each allowed entry."""
    first = labelled(expert([0, 0, 0, 0, 1]), expert([0, 0, 0, 1, 1]), seed=1)
    second = labelled(expert([1, 1, 2, 0, 0]), seed=2)
    transitions = prepare([first, second], tmp_path, rows=RowChoice.NARROW).transitions
    np.testing.assert_allclose(transitions.matrix[0], [(6 + 1) / 10, (2 + 1) / 10, 0])
    np.testing.assert_allclose(transitions.initial, np.array([9 + 1, 5 + 1, 1 + 1]) / 18)
