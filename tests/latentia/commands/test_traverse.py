"""`latentia traverse` as a person would type it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from .conftest import Latentia


@pytest.fixture
def traversable(latentia: Latentia, tmp_path: Path) -> Path:
    """A run of a β-VAE of few images of 64×64, in the folder `shapes`."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", images=rng.integers(0, 256, (14, 3, 64, 64), dtype=np.uint8))
    values = {
        "data": {"set": "npz", "file": str(tmp_path / "images.npz"), "validation": 4, "test": 2},
        "model": {"kind": "beta_vae", "decoder": "sdn", "sdn_features": 4, "latent_size": 3},
        "training": {"steps": 6, "batch": 4, "beta": 0.01, "free_bits": 0, "learning_rate": 0.01, "accelerator": "cpu"},
    }
    (tmp_path / "shapes.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert latentia("train", "shapes.yaml", "--out", "shapes", "--no-pictures") == 0
    return tmp_path / "shapes"


def test_a_traversal_writes_a_picture_and_its_arrays_and_says_what_dimensions_tell(
    latentia: Latentia, traversable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("traverse", traversable, "--images", "3,1,0", "--to", "-1,0,1", "--out", "there") == 0
    printed = capsys.readouterr().out
    assert "The picture is there/traversal.png; the arrays are in there/traversal.npz." in printed
    assert "Nats of the latent dimensions: " in printed
    with np.load("there/traversal.npz") as loaded:
        dimensions = len(loaded["dimensions"])
        assert loaded["images"].shape == (3, dimensions, 3, 3, 64, 64)
        assert loaded["divergence_nats"].shape == (3,)
    with Image.open("there/traversal.png") as opened:
        assert opened.height > 3 * dimensions * 64 and opened.width > 4 * 64


def test_a_place_that_is_no_number_is_refused(latentia: Latentia, traversable: Path) -> None:
    assert latentia("traverse", traversable, "--to", "nan,1") == 2
    assert latentia("traverse", traversable, "--to", "0,inf") == 2
    assert not (traversable / "traversal").exists()


def test_runs_without_one_vector_of_latent_variables_are_refused_in_a_sentence(
    latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("traverse", run) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "A LadderVAE has no single vector of Gaussian latent variables" in said
    assert not (run / "traversal").exists()
