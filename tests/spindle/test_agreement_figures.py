"""Pictures of an evaluation, and the numbers beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spindle.agreement import Evaluation, evaluate
from spindle.agreement_figures import (
    confusion_data,
    confusion_figure,
    reliability_data,
    reliability_figure,
    write_figures,
)
from spindle.agreement_strip import cut_strip
from spindle.errors import OutputError
from spindle.hypnogram import Hypnogram

EPOCHS = 400


def scorings(count: int) -> list[Hypnogram]:
    """The same bouts by scorers who err in 5 % of epochs, and all mark the first ten and 5 % of others as artifacts."""
    rng = np.random.default_rng(0)
    truth, marked = np.arange(EPOCHS) // 20 % 3, np.arange(EPOCHS) < 10
    codes = [np.where(rng.random(EPOCHS) < 0.05, rng.integers(0, 3, EPOCHS), truth) for _ in range(count)]
    return [Hypnogram(codes=one.astype(np.int8), artifact=marked | (rng.random(EPOCHS) < 0.05)) for one in codes]


def evaluation(experts: int = 2) -> Evaluation:
    prediction, *others = scorings(experts + 1)
    probability = np.random.default_rng(1).dirichlet([1, 1, 1], EPOCHS)
    return evaluate(prediction, others, stage_probability=probability)


@pytest.mark.parametrize(("experts", "panels"), [(1, 1), (2, 4), (3, 7)])
def test_confusion_has_a_panel_for_each_pair(experts: int, panels: int) -> None:
    figure = confusion_figure(evaluation(experts))
    figure.canvas.draw()
    assert sum(axis.axison for axis in figure.axes) == panels


def test_experts_come_first_and_their_intersection_last() -> None:
    figure = confusion_figure(evaluation())
    sides = [(axis.get_ylabel(), axis.get_xlabel()) for axis in figure.axes]
    assert sides == [
        ("expert 1", "expert 2"),
        ("expert 1", "SPINDLE"),
        ("expert 2", "SPINDLE"),
        ("the experts' intersection", "SPINDLE"),
    ]


def test_cells_and_titles_show_the_evaluations_own_figures() -> None:
    one = evaluation()
    axis = confusion_figure(one).axes[-1]
    written = [text.get_text().split("\n")[0].replace(",", "") for text in axis.texts]
    assert written == [str(count) for count in one.main.categories.ravel()]
    assert f"clean epochs {100 * one.main.states.accuracy:.1f} %" in axis.get_title()
    assert f"artifacts {100 * one.main.artifacts.agreement:.1f} %" in axis.get_title()


def test_shares_of_each_row_sum_to_1_and_counts_to_all_epochs() -> None:
    table = confusion_data(evaluation())
    pairs = table.groupby(["reference", "other"])
    np.testing.assert_allclose(
        table.groupby(["reference", "other", "category_of_reference"]).share_of_reference.sum(), 1
    )
    # The intersection leaves out where experts differ.
    assert {pair[0] for pair, count in pairs.epochs.sum().items() if count != EPOCHS} == {"intersection"}


def test_an_evaluation_without_epochs_can_be_drawn() -> None:
    nothing = Hypnogram(codes=np.full(3, -1, dtype=np.int8), artifact=np.zeros(3, dtype=bool))
    empty = evaluate(nothing, [nothing])
    confusion_figure(empty).canvas.draw()
    assert not confusion_data(empty).share_of_reference.any()


def test_reliability_is_drawn_at_the_bins_that_hold_epochs() -> None:
    one = evaluation()
    assert one.reliability is not None
    figure = reliability_figure(one.reliability, one.main)
    figure.canvas.draw()
    points = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    table = reliability_data(one.reliability)
    filled = table[table.epochs > 0]
    np.testing.assert_allclose(np.asarray(points.get_xdata(), dtype=float), filled.mean_probability)
    np.testing.assert_allclose(np.asarray(points.get_ydata(), dtype=float), filled.agreement)
    assert "SPINDLE" in figure.axes[1].get_xlabel()


def test_all_figures_come_with_their_numbers_and_are_the_same_again(tmp_path: Path) -> None:
    prediction, *experts = scorings(3)
    strip = cut_strip(prediction, experts, title="mouse07")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        written = write_figures(evaluation(), strip, tmp_path / folder, "mouse07")
        assert sorted(written) == sorted((tmp_path / folder).iterdir())
    names = {path.name for path in written}
    assert names == {
        f"mouse07_{what}.{kind}" for what in ("confusion", "reliability", "strip") for kind in ("png", "svg", "csv")
    }
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    table = pd.read_csv(tmp_path / "one" / "mouse07_confusion.csv")
    assert table.epochs.tolist() == confusion_data(evaluation()).epochs.tolist()


def test_without_probabilities_there_is_no_reliability(tmp_path: Path) -> None:
    prediction, expert = scorings(2)
    strip = cut_strip(prediction, [expert], title="mouse07")
    written = write_figures(evaluate(prediction, [expert]), strip, tmp_path, "mouse07")
    assert len(written) == 6


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    prediction, expert = scorings(2)
    strip = cut_strip(prediction, [expert], title="mouse07")
    with pytest.raises(OutputError, match="absent"):
        write_figures(evaluation(), strip, tmp_path / "absent", "mouse07")
