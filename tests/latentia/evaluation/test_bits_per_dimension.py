from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentia.data import ImageSet, Split
from latentia.errors import DataError, SettingError
from latentia.evaluation import Provenance, bits_per_dimension, difference, nats_to_bits, require_comparable
from latentia.images import ImageFormat

COLOUR = ImageFormat(channels=3, height=32, width=32)
HERE = Provenance(
    data_set="cifar10", split="test", sha256="ab12", image_format=COLOUR, images=4, importance_samples=1024, seed=1
)


@given(st.integers(1, 8))
def test_a_uniform_density_costs_the_bit_depth(bits: int) -> None:
    image_format = replace(COLOUR, bits=bits)
    uniform = torch.full((4,), -image_format.dimensions * math.log(image_format.levels))
    figure = bits_per_dimension(uniform, replace(HERE, image_format=image_format))
    assert figure.value == pytest.approx(bits, rel=1e-6)
    assert figure.standard_error == pytest.approx(0, abs=1e-9)
    assert nats_to_bits(float(uniform[0]), image_format.dimensions) == pytest.approx(bits, rel=1e-6)


def test_the_error_bar_is_the_standard_error_over_the_images() -> None:
    unit = COLOUR.dimensions * math.log(2)
    figure = bits_per_dimension(torch.tensor([-1.0, -2.0, -3.0, -6.0]) * unit, HERE)
    assert figure.value == pytest.approx(3)
    assert figure.standard_error == pytest.approx(math.sqrt(14 / 3) / 2)  # by hand: squares 4 + 1 + 0 + 9, n − 1 = 3


def test_the_record_is_json_and_names_everything_the_figure_depends_on() -> None:
    record = json.loads(json.dumps(bits_per_dimension(torch.full((4,), -6000.0), HERE).as_record(), allow_nan=False))
    assert record["provenance"] == {
        "data_set": "cifar10",
        "split": "test",
        "sha256": "ab12",
        "image_format": {"channels": 3, "height": 32, "width": 32, "bits": 8},
        "images": 4,
        "importance_samples": 1024,
        "dequantisation": "none: discrete likelihood",
        "weights": "average",
        "seed": 1,
    }
    single = bits_per_dimension(torch.full((1,), -6000.0), replace(HERE, images=1))
    assert json.loads(json.dumps(single.as_record(), allow_nan=False))["standard_error"] is None


def test_provenance_of_a_set_of_images_names_it_and_its_content() -> None:
    numbers = np.arange(2 * 12, dtype=np.uint8).reshape(2, 3, 2, 2)
    small = ImageFormat(channels=3, height=2, width=2)
    images = ImageSet(images=numbers, format=small, name="squares", split=Split.TEST)
    provenance = Provenance.of(images, importance_samples=8, weights="last", seed=3)
    assert (provenance.data_set, provenance.split, provenance.images) == ("squares", "test", 2)
    assert (provenance.sha256, provenance.image_format) == (images.sha256, small)
    with pytest.raises(SettingError, match="sha256"):
        require_comparable(provenance, replace(provenance, sha256=replace(images, images=numbers + 1).sha256))
    json.dumps(bits_per_dimension(torch.zeros(2), provenance).as_record())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data_set": "imagenet32"}, "data set is cifar10 for one and imagenet32 for the other"),
        ({"split": "validation"}, "split is test for one and validation for the other"),
        ({"sha256": "cd34"}, "sha256 is ab12 for one and cd34"),
        ({"image_format": replace(COLOUR, bits=5)}, "3×32×32 with 8 bits for one and 3×32×32 with 5 bits"),
        ({"images": 10}, "images is 4 for one and 10"),
        ({"importance_samples": 1}, "importance samples is 1024 for one and 1 for the other"),
        ({"dequantisation": "uniform noise"}, "dequantisation is none: discrete likelihood for one and uniform noise"),
    ],
)
def test_figures_of_different_provenance_are_not_compared(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        require_comparable(HERE, replace(HERE, **changes))


def test_models_of_another_seed_or_with_averaged_weights_compare_image_by_image() -> None:
    unit = COLOUR.dimensions * math.log(2)
    first = bits_per_dimension(torch.tensor([-1.0, -2.0, -3.0, -4.0]) * unit, HERE)
    second = bits_per_dimension(torch.tensor([-1.5, -2.5, -3.5, -4.5]) * unit, replace(HERE, seed=2, weights="last"))
    better = difference(first, second)
    assert better.value == pytest.approx(-0.5)
    assert better.standard_error == pytest.approx(0, abs=1e-6)


def test_figures_of_what_is_no_number_or_of_other_images_are_refused() -> None:
    with pytest.raises(DataError, match="of 1 images is not a number, first of image 2"):
        bits_per_dimension(torch.tensor([0.0, 0.0, math.nan, 0.0]), HERE)
    with pytest.raises(SettingError, match="said to be of 4 images, not of 3"):
        bits_per_dimension(torch.zeros(3), HERE)
