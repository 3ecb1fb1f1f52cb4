"""`latentia disentanglement` as a person would type it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from latentia.data import RenderedShapes, Split
from latentia.evaluation import gaussian_posterior
from latentia.evaluation.disentanglement import factor_vae_score, mutual_information_gap
from latentia.randomness import stream
from latentia.runs import Run, load_run

from .conftest import Latentia

pytest.importorskip("sklearn")


@pytest.fixture
def shapes(latentia: Latentia, tmp_path: Path) -> Path:
    """A run of a β-VAE of few rendered shapes, in the folder `shapes`."""
    values = {
        "data": {"set": "rendered_shapes", "train": 16, "validation": 4},
        "model": {"kind": "beta_vae", "latent_size": 3},
        "training": {"steps": 4, "batch": 4, "free_bits": 0, "learning_rate": 0.01, "accelerator": "cpu"},
    }
    (tmp_path / "shapes.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert latentia("train", "shapes.yaml", "--out", "shapes", "--no-pictures") == 0
    return tmp_path / "shapes"


def test_all_metrics_are_said_and_written(latentia: Latentia, shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("disentanglement", shapes, "--images", "150", "--points", "60", "--seed", "3")
    assert latentia(*words, "--trees", "1") == 0
    printed = capsys.readouterr().out
    record = json.loads((shapes / "evaluation" / "disentanglement-n150-trees1.json").read_text(encoding="utf-8"))
    for name, score in record["scores"].items():
        assert name in printed and f"{score:.3f}" in printed
    assert len(record["scores"]) == 8
    # Once more by hand: the same images, drawn from all scenes, and the metrics with the same random numbers.
    run = load_run(shapes)
    assert isinstance(run, Run)
    images = RenderedShapes(train=150).load(Split.TRAIN)
    assert images.labels is not None and record["provenance"]["sha256"] == images.sha256
    codes = gaussian_posterior(run.model, images.tensor(slice(None))).loc.double().numpy()
    factors = RenderedShapes().factors_of(np.asarray(images.labels))
    gap = mutual_information_gap(codes, factors)
    assert record["scores"]["MIG"] == pytest.approx(gap.score, abs=1e-4)
    vote = factor_vae_score(codes, factors, np.random.default_rng(stream(3, 1)), training_votes=60, test_votes=30)
    assert record["scores"]["FactorVAE"] == pytest.approx(vote.score, abs=1e-6)
    assert np.array(record["share_told"]).shape == (3, 6) and np.max(record["share_told"]) <= 1

    assert latentia(*words, "--trees", "0", "--out", "without") == 0
    without = json.loads(Path("without/disentanglement-n150-trees0.json").read_text(encoding="utf-8"))
    assert len(without["scores"]) == 5


def test_images_without_known_factors_are_refused_in_a_sentence(
    latentia: Latentia, run: Path, shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("disentanglement", run) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "is of images whose factors are not known" in said
    assert latentia("disentanglement", shapes, "--images", "500000") == 2
    assert "has 480000 images to train on, not 500000" in " ".join(capsys.readouterr().err.split())
    assert latentia("disentanglement", shapes, "--set", "data.bits=5", "--images", "20") == 2
    assert "is for images of 3×64×64 with 8 bits; rendered shapes has" in " ".join(capsys.readouterr().err.split())
    assert not (run / "evaluation").exists() and not (shapes / "evaluation").exists()
