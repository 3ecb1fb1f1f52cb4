from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from experiments.artifact_examples.__main__ import main
from experiments.artifact_examples.figure import Chosen, draw_examples
from experiments.artifact_examples.recordings import montages
from PIL import Image

from spindle.recording import Channel, Montage


def chosen(density: list[float]) -> Chosen:
    rng = np.random.default_rng(0)
    eeg, emg = (Channel.from_array(name, rng.normal(size=512 * len(density)), 128) for name in ("EEG", "EMG"))
    return Chosen(montage=Montage(eeg=(eeg, eeg), emg=emg), density_nats=np.array(density))


def test_the_ends_are_the_lowest_and_the_highest_of_the_usable_epochs() -> None:
    assert chosen([-3.0, np.nan, -5.0, -1.0, -2.0]).ends(2) == ([2, 0], [3, 4])
    assert chosen([-3.0, np.nan]).ends(2) == ([0], [0])


def test_a_picture_has_a_pair_of_columns_for_each_recording(tmp_path: Path) -> None:
    one = chosen([-3.0, np.nan, -5.0, -1.0])
    draw_examples({"a": one}, tmp_path / "one.png", count=2, density="by a test")
    draw_examples({"a": one, "b": one}, tmp_path / "two.png", count=2, density="by a test")
    widths = [Image.open(tmp_path / f"{name}.png").width for name in ("one", "two")]
    assert widths[1] == 2 * widths[0]


def test_a_density_that_is_missing_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--density", str(tmp_path / "gone.safetensors"), "--out", str(tmp_path / "a.png")]) == 2
    assert "There is no SPINDLE density" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.real_data
def test_both_recordings_are_read_whole(real_data: Path) -> None:
    found = montages(real_data)
    assert [one.epochs for one in found.values()] == [1158, 435]
    assert [one.eeg[0].rate_hz for one in found.values()] == [200.0, 128.0]
