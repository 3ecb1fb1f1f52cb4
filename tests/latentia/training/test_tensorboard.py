from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from latentia.errors import SettingError
from latentia.training import Evaluation, Progress
from latentia.training.tensorboard import TensorBoard


def after(step: int, loss: float) -> Progress:
    return Progress(
        pass_number=0,
        passes=1,
        step=step,
        steps=9,
        run_step=step,
        run_steps=9,
        seconds=0.0,
        loss=loss,
        skipped=1,
        figures={"bits_per_dim": loss / 2},
    )


def written(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_steps_and_evaluations_are_written_by_name(tmp_path: Path) -> None:
    with TensorBoard(tmp_path) as board:
        board(after(1, 3.0))
        board(after(2, 2.0))
        board(replace(after(2, 2.5), evaluation=Evaluation(score=1.5, figures={"error": 1.5})))
    assert written(tmp_path) == {
        "training/loss": [(1, 3.0), (2, 2.0)],
        "training/bits_per_dim": [(1, 1.5), (2, 1.0)],
        "training/skipped": [(1, 1.0), (2, 1.0)],
        "evaluation/error": [(2, 1.5)],
    }


def test_a_resumed_training_takes_back_what_it_does_again(tmp_path: Path) -> None:
    with TensorBoard(tmp_path) as board:
        for step in (1, 2, 3):
            board(after(step, 1.0))
    with TensorBoard(tmp_path) as board:
        board(after(2, 5.0))
    assert written(tmp_path)["training/loss"] == [(1, 1.0), (2, 5.0)]


def test_nothing_is_written_before_the_first_report(tmp_path: Path) -> None:
    with TensorBoard(tmp_path / "log"):
        pass
    assert not (tmp_path / "log").exists()


def test_without_tensorboard_one_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SettingError, match=r'TensorBoard is not installed; pip install "latentia\[tensorboard\]"'):
        TensorBoard(tmp_path)
