"""`spindle learning-curve`: trains and measures once, whatever interrupts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spindle as package
from spindle.edf import write_edf
from spindle.hypnogram import Hypnogram
from spindle.labels import write_published_labels
from spindle.training import TrainingConfig

from .conftest import Spindle, codes, signals

EPOCHS = 60
QUICK = ("--animals", "1,2", "--repeats", "2", "--passes", "1", "--batch", "10", "--threads", "1", "--out", "curve")


@pytest.fixture
def laboratory(tmp_path: Path) -> Path:
    """Three labelled animals of four minutes."""
    folder = tmp_path / "laboratory"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        write_edf(folder / f"{name}.edf", signals(("EEG", "EMG"), epochs=EPOCHS, seed=seed))
        flags = np.arange(EPOCHS) % 6 == seed
        write_published_labels(folder / f"{name}_labels.csv", [Hypnogram(codes=codes(EPOCHS), artifact=flags)])
    return folder


def test_a_curve_is_measured_drawn_and_said(
    spindle: Spindle,
    laboratory: Path,
    model_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ("learning-curve", laboratory, "--from", model_file, *QUICK)
    # Interrupted when the first repeat is measured and the second begins.
    from spindle import curve

    whole = curve._train

    def interrupted(files: list[object], *rest: object) -> object:
        if "repeat-2" in str(rest):
            raise KeyboardInterrupt
        return whole(files, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(curve, "_train", interrupted)
        assert spindle(*command) == 130
    assert capsys.readouterr().err == "spindle: Interrupted. The same command goes on.\n"
    models = {path: path.stat().st_mtime_ns for path in Path("curve").rglob("model.safetensors")}
    assert len(models) == 2
    assert spindle(*command) == 0
    assert {path: path.stat().st_mtime_ns for path in models} == models
    printed = capsys.readouterr().out
    assert "Repeat 2, " in printed and "Repeat 1, " not in printed
    assert "On animals that were held out, the mean F1" in printed
    table = pd.read_csv("curve/held_out.csv", keep_default_na=False)
    assert sorted(zip(table.repeat, table.animals, strict=True)) == [(r, n) for r in (1, 2) for n in (0, 1, 2)]
    for row in table.itertuples():
        assert Path(row.held_out).name not in row.trained_on.split()
        assert len(row.trained_on.split()) == row.animals
    assert {path.name for path in Path("curve").glob("learning_curve.*")} == {
        f"learning_curve.{s}" for s in ("png", "svg", "csv")
    }

    assert spindle(*command, "--seed", "3") == 2
    assert "holds a learning curve with other settings" in capsys.readouterr().err
    config = TrainingConfig(passes=1, batch=10, threads=1)
    again = package.learning_curve([laboratory], animals=(1, 2), repeats=2, base=model_file, out="curve", config=config)
    np.testing.assert_allclose([one.accuracy for one in again.measures], table.accuracy, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--animals", "1,3"), "takes 4 labelled recordings or more; there are 3"),
        (("--animals", "one"), "--animals: 'one' is not whole numbers between commas"),
        (("--repeats", "0"), "there can be 1 to 3 repeats, not 0"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    words: tuple[str, ...], said: str, spindle: Spindle, laboratory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("learning-curve", laboratory, *QUICK, *words) == 2
    printed = capsys.readouterr().err
    assert said in printed and printed.count("\n") == 1
    assert not Path("curve").exists()
