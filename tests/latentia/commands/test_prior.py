"""`latentia prior`, as a person would type it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Latentia = Callable[..., int]


def test_a_vq_vae_is_trained_given_a_prior_and_sampled(
    latentia: Latentia, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    values["model"] = {"kind": "vq_vae", "embeddings": 5, "embedding_size": 3, "widths": [4, 6]}
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    run = tmp_path / "run"
    assert latentia("train", config, "--out", run) == 0
    assert latentia("sample", run) == 2
    assert capsys.readouterr().err == (
        "latentia: This VQ-VAE has no prior to draw codes from yet: `latentia prior` learns one.\n"
    )
    small = [
        word for change in ("prior.layers=2", "prior.channels=4", "training.steps=4") for word in ("--set", change)
    ]
    assert latentia("prior", run, *small, "--set", "training.batch=4") == 0
    assert "bits per code, at step 4." in capsys.readouterr().out
    assert latentia("sample", run) == 0
    assert latentia("reconstruct", run, "--images", "0,1") == 0
    assert latentia("prior", run) == 2
    assert "holds a prior already" in capsys.readouterr().err


def test_a_run_of_another_kind_and_a_misspelt_setting_are_one_sentence(
    latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("prior", run) == 2
    assert "is no VQ-VAE: it needs no prior to be learned." in capsys.readouterr().err
    assert latentia("prior", run, "--set", "prior.layrs=3") == 2
    assert "did you mean layers?" in capsys.readouterr().err
    assert not (run / "prior").exists()
