"""A trained model of segmentation in one safetensors file: weights, what it is made from, the images it is for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from latentia.errors import SettingError
from latentia.models.base import SegmentationModel
from latentia.models.nested_u_net import NestedUNetConfig
from latentia.models.u_net import UNetConfig
from latentia.randomness import seeded
from latentia.runs.model_file import fitting, read_weights, write_weights
from latentia.runs.settings import Choice, plain_choice, read

FORMAT = "latentia-segmentation-1"
NETWORKS = Choice(
    key="kind",
    kinds={"u_net": UNetConfig, "nested_u_net": NestedUNetConfig},
    other_names={
        "unetplusplus": "U-Net++ is kind nested_u_net",
        "sdunet": "SDU-Net is kind u_net with model.sdn",
        "sdnunet": "SDNU-Net is kind nested_u_net with model.sdn",
    },
)
NetworkConfig = UNetConfig | NestedUNetConfig


@dataclass(frozen=True, kw_only=True)
class SegmentationFile:
    """A model, and the height and width of the images that it was trained on."""

    model: SegmentationModel
    size: tuple[int, int]


def save_segmentation(model: SegmentationModel, config: NetworkConfig, size: tuple[int, int], path: Path) -> None:
    """Write a model with the config that built it. Errors: OSError where `path` cannot be written."""
    images = json.dumps({"channels": model.channels, "height": size[0], "width": size[1]})
    write_weights(model, path, FORMAT, {"model": json.dumps(plain_choice(NETWORKS, config)), "images": images})


def load_segmentation(path: Path) -> SegmentationFile:
    """Read a model, on the CPU and in evaluation mode.

    Errors: CheckpointError where the file is missing, damaged, or not a model of segmentation of this version.
    """
    metadata, weights = read_weights(path, FORMAT, "model of segmentation")
    with fitting(path):
        config: NetworkConfig = read(NETWORKS, json.loads(metadata["model"]), "model")
        images = json.loads(metadata["images"])
        channels, height, width = (int(images[name]) for name in ("channels", "height", "width"))
        if min(channels, height, width) < 1:
            raise SettingError("Images have at least one channel and pixel.")
        with seeded(0):  # the first weights, which are replaced, shall not move the caller's random state
            model = config.build(channels)
        model.load_state_dict(weights)
    return SegmentationFile(model=model.eval(), size=(height, width))
