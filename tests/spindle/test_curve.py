"""A learning curve compares like with like: sizes on the same animals, and none on an animal it learned from."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spindle.curve import LearningCurve, Measure, draw_splits
from spindle.curve_figure import curve_data, curve_table, draw_curve, write_curve
from spindle.errors import SettingError


@pytest.mark.parametrize(("recordings", "sizes", "repeats"), [(2, (1,), 2), (5, (1, 2, 4), 3), (12, (4, 1), 12)])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_animal_is_held_out_from_a_training_that_it_is_in(
    recordings: int, sizes: tuple[int, ...], repeats: int, seed: int
) -> None:
    splits = draw_splits(recordings, sizes, repeats, seed)
    assert [split.repeat for split in splits] == list(range(1, repeats + 1))
    for split in splits:
        assert len(split.training) == max(sizes)
        assert sorted((*split.training, *split.held_out)) == list(range(recordings))
    # The smallest training set is another animal's each time.
    assert len({split.training[0] for split in splits}) == repeats
    assert splits == draw_splits(recordings, sizes, repeats, seed)


@pytest.mark.parametrize(
    ("recordings", "sizes", "repeats", "said"),
    [
        (
            4,
            (1, 2, 4),
            2,
            "Training on 4 animals and testing on others takes 5 labelled recordings or more; there are 4.",
        ),
        (3, (0, 1), 2, "Numbers of animals are 1 or more, and each counts once."),
        (3, (1, 1), 2, "each counts once"),
        (3, (), 2, "1 or more"),
        (3, (1,), 4, "With 3 recordings there can be 1 to 3 repeats, not 4."),
    ],
)
def test_what_cannot_be_measured_is_refused(recordings: int, sizes: tuple[int, ...], repeats: int, said: str) -> None:
    with pytest.raises(SettingError) as error:
        draw_splits(recordings, sizes, repeats, 0)
    assert said in str(error.value)


def curve(f1: dict[int, list[float]]) -> LearningCurve:
    """Two held-out animals for each repeat, which differ by 0.02; `f1` is given by size, for each repeat."""
    measures = [
        Measure(
            repeat=repeat,
            animals=size,
            trained_on="",
            held_out=name,
            accuracy=value + shift,
            f1_wake=value + shift,
            f1_nrem=value + shift,
            f1_rem=math.nan if name == "x" else value + shift,
            artifact_agreement=math.nan,
        )
        for size, values in f1.items()
        for repeat, value in enumerate(values, start=1)
        for name, shift in (("x", -0.01), ("y", 0.01))
    ]
    return LearningCurve(start="starter", measures=tuple(measures))


RISING = {0: [0.7, 0.72], 1: [0.8, 0.82], 4: [0.9, 0.94]}


def test_means_are_over_animals_and_then_over_repeats() -> None:
    found = curve(RISING)
    assert found.sizes == (0, 1, 4)
    assert found.by_repeat("accuracy", 1) == pytest.approx([0.8, 0.82])
    assert found.mean("mean_f1", 4) == pytest.approx(0.92)
    # What one animal lacks counts for nothing.
    assert found.by_repeat("f1_rem", 0) == pytest.approx([0.71, 0.73])
    assert math.isnan(found.mean("artifact_agreement", 0))


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (
            [0.9, 0.94],
            "by +11.0 points and rose in 2 of 2 repeats, so labels of further animals are likely to bring more.",
        ),
        ([0.79, 0.94], "by +5.5 points and rose in 1 of 2 repeats, so labels of further animals may bring more."),
        ([0.802, 0.824], "rose in 2 of 2 repeats, so labels of further animals like these promise little."),
        (
            [0.7, 0.7],
            "by -11.0 points and rose in 0 of 2 repeats, so labels of further animals like these promise little.",
        ),
    ],
)
def test_the_sentence_says_what_more_labels_would_bring(last: list[float], said: str) -> None:
    told = curve({**RISING, 4: last}).in_words
    assert said in told and "71.0 % with starter as it is, 81.0 % after training on one animal and" in told


def test_the_files_hold_the_curve(tmp_path: Path) -> None:
    found = curve(RISING)
    png, svg, data, measures = write_curve(found, tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG") and svg.read_text(encoding="utf-8").count("<svg") == 1
    table = pd.read_csv(data)
    np.testing.assert_allclose(table.groupby("animals").mean_f1.mean(), [0.71, 0.81, 0.92])
    every = pd.read_csv(measures)
    assert len(every) == len(found.measures) and set(every.held_out) == {"x", "y"}
    assert len(curve_data(found)) == 6
    assert list(curve_table(found).columns[-1].cells) == ["71.0", "81.0", "92.0"]


def test_lines_of_the_figure_go_through_the_means() -> None:
    left, right = draw_curve(curve(RISING)).axes
    assert left.lines[0].get_ydata() == pytest.approx([71.0, 81.0, 92.0])
    assert all(a < b for a, b in pairwise(right.lines[0].get_ydata()))
    assert [label.get_text() for label in left.get_xticklabels()] == ["starter", "1", "4"]
