from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.spindle.density.epochs import time_frequency, untrained

from latentia.uses import top_layers_bound
from spindle.classifier import EpochClassifier
from spindle.density import DensityDetector, save_density, with_density
from spindle.density.detector import BATCH_EPOCHS
from spindle.density.images import FORMAT, to_levels
from spindle.errors import ModelError, SettingError
from spindle.model_file import ArtifactDetector, ModelCard, SpindleModel
from spindle.spectrogram import RowChoice


def test_scores_are_the_bound_of_the_top_layers_per_number() -> None:
    model = untrained()
    rows = time_frequency(4, 1)
    found = DensityDetector(model=model, top=4).find(rows).density_nats
    images = torch.from_numpy(to_levels(rows.images(np.arange(4)).numpy()))
    many = torch.stack([top_layers_bound(model.network, images, top=4, seed=seed) for seed in range(20)])
    assert found is not None
    np.testing.assert_allclose(found, many.mean(0) / FORMAT.dimensions, atol=5 * float(many.std()) / FORMAT.dimensions)


def test_every_usable_epoch_is_scored_and_the_others_are_not() -> None:
    rows = time_frequency(BATCH_EPOCHS + 5, 1)
    usable = np.ones(len(rows), dtype=bool)
    usable[[3, 4, 20]] = False
    rows = replace(rows, usable=usable)
    done: list[int] = []
    detector = DensityDetector(model=untrained())
    found = detector.find(rows, done.append)
    assert found.density_nats is not None
    np.testing.assert_array_equal(np.isfinite(found.density_nats), usable)
    np.testing.assert_array_equal(np.isfinite(found.probability), usable)
    assert sum(done) == usable.sum()
    again = detector.find(rows)
    np.testing.assert_array_equal(again.density_nats, found.density_nats)


def test_another_threshold_moves_the_probabilities_and_leaves_the_scores() -> None:
    rows = time_frequency(6, 1)
    model = untrained()
    usual = DensityDetector(model=model).find(rows)
    assert usual.density_nats is not None
    middle = float(np.median(usual.density_nats))
    moved = DensityDetector(model=model, threshold_nats=middle).find(rows)
    np.testing.assert_array_equal(moved.density_nats, usual.density_nats)
    np.testing.assert_array_equal(moved.probability > 0.5, usual.density_nats < middle)


def test_a_model_takes_a_density_from_its_file(tmp_path: Path) -> None:
    save_density(untrained(), tmp_path / "density.safetensors")
    card = ModelCard(name="m", created="", commit="", data="")
    base = SpindleModel(stage=EpochClassifier(3), artifact=EpochClassifier(2), rows=RowChoice.NARROW, card=card)
    model = with_density(tmp_path / "density.safetensors", base, threshold_nats=-4.0, layers=3, samples=2)
    detector = model.detector
    assert isinstance(detector, DensityDetector) and isinstance(detector, ArtifactDetector)
    assert (detector.top, detector.samples, detector.threshold_nats) == (3, 2, -4.0)
    assert (detector.name, detector.rows) == ("density of two mice", RowChoice.NARROW)
    assert model.stage is base.stage and base.detector is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers": 5}, "The density has 4 layers; 1 to 4 can tell artifacts, not 5"),
        ({"layers": 0}, "not 0"),
        ({"samples": 0}, "one sample per epoch at least, not 0"),
        ({"threshold_nats": float("nan")}, "must be a number, not nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, float], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        with_density(untrained(), **changes)  # type: ignore[arg-type]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no SPINDLE density .*gone\.safetensors"):
        with_density(tmp_path / "gone.safetensors")
