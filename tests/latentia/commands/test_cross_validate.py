"""`latentia cross-validate`, as a person would type it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Latentia = Callable[..., int]


def test_it_prints_every_fold_and_their_mean(
    latentia: Latentia, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("cross-validate", config, "--folds", 2) == 0
    told = capsys.readouterr().out
    for words in ("Fold 1: score", "Fold 2: score", "mean", "standard deviation", "bits per dimension"):
        assert words in told
    assert (tmp_path / "runs" / "tiny-folds" / "cross-validation.json").is_file()
    assert (tmp_path / "runs" / "tiny-folds" / "fold-2" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--folds", 1], "--folds must be 2 or more, not 1."),
        (["--workers", 0], "--workers must be 1 or more, not 0."),
        (["--folds", 21], "has 20 training images, which cannot be cut into 21 folds."),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    words: list[object], said: str, latentia: Latentia, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("cross-validate", config, *words) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not (tmp_path / "runs").exists()
