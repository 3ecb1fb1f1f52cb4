"""A model file gives the model back, whatever it is, and refuses everything else in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from latentia.errors import CheckpointError
from latentia.images import ImageFormat
from latentia.models.gaussian_vae import GaussianVAEConfig
from latentia.models.ladder_vae import LadderVAEConfig, SpatialDependencyConfig
from latentia.randomness import seeded
from latentia.runs import load_model, save_model

GREY = ImageFormat(channels=1, height=6, width=5, bits=5)
CONFIGS: list[GaussianVAEConfig | LadderVAEConfig] = [
    GaussianVAEConfig(widths=(4, 6), latent_size=3, observation="categorical"),
    LadderVAEConfig(layers=(1, 1), channels=4, latent_channels=2, flow_channels=4, components=2),
    LadderVAEConfig(layers=(2,), channels=4, sdn=SpatialDependencyConfig(features=(3,), directions=1)),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_model_comes_back_with_the_same_answers(config: GaussianVAEConfig | LadderVAEConfig, tmp_path: Path) -> None:
    with seeded(3):
        model = config.build(GREY)
    save_model(model, config, tmp_path / "m.safetensors")
    state = torch.get_rng_state()
    again = load_model(tmp_path / "m.safetensors")
    assert torch.equal(torch.get_rng_state(), state)
    assert type(again) is type(model) and again.image_format == GREY and not again.training
    images = torch.randint(32, (3, *GREY.shape), dtype=torch.uint8)
    with seeded(1):
        wanted = model.eval().log_weights(images)
    with seeded(1):
        assert torch.equal(again.log_weights(images), wanted)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    save_model(CONFIGS[0].build(GREY), CONFIGS[0], path)
    return path


def of_others(path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, path, {"format": "spindle-model"})


def without_a_weight(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()
    weights = load_file(path)
    weights.pop("expand.0.weight")
    save_file(weights, path, metadata)


def spoilt(path: Path) -> None:
    model = load_model(path)
    with torch.no_grad():
        next(model.parameters()).view(-1)[1] = torch.nan
    save_model(model, CONFIGS[0], path)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "There is no model"),
    "text": (lambda path: path.write_text("weights"), "cannot be read as a model"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-10]), "cannot be read as a model"),
    "of others": (of_others, "is not a model of this version of latentia: wanted latentia-model-1, got spindle-model"),
    "spoilt": (spoilt, "is damaged: its weights are not all finite numbers"),
    "incomplete": (without_a_weight, "does not hold the weights that its description asks for"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_holds_no_model_is_one_sentence(case: str, model_file: Path) -> None:
    spoil, said = BAD[case]
    spoil(model_file)
    with pytest.raises(CheckpointError, match=said) as error:
        load_model(model_file)
    assert "\n" not in str(error.value) and str(model_file) in str(error.value)


def test_a_model_beside_the_configuration_of_another_is_refused(model_file: Path) -> None:
    assert load_model(model_file, CONFIGS[0]).image_format == GREY
    with pytest.raises(CheckpointError, match="is another model than its run's configuration describes"):
        load_model(model_file, CONFIGS[1])
