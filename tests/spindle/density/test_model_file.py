from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tests.spindle.density.epochs import untrained

from spindle.density import DensityModel, load_density, save_density
from spindle.errors import ModelError, OutputError
from spindle.spectrogram import RowChoice


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_density(untrained(RowChoice.WIDE), tmp_path / "density.safetensors")
    return tmp_path / "density.safetensors"


def change(path: Path, **metadata: str) -> None:
    with safe_open(path, framework="pt") as opened:
        written = dict(opened.metadata())
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    save_file(tensors, path, {**written, **metadata})


def test_a_density_comes_back_as_it_was(path: Path) -> None:
    before, after = untrained(RowChoice.WIDE), load_density(path)
    assert isinstance(after, DensityModel)
    assert (after.config, after.rows, after.calibrations, after.card) == (
        before.config,
        before.rows,
        before.calibrations,
        before.card,
    )
    for (name, weight), (other, loaded) in zip(
        before.network.state_dict().items(), after.network.state_dict().items(), strict=True
    ):
        assert name == other and torch.equal(weight, loaded)
    assert not after.network.training


def test_loading_leaves_the_random_state(path: Path) -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    load_density(path)
    assert torch.equal(torch.rand(1), wanted)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"format": "spindle-model"}, "not a SPINDLE density"),
        ({"format": "spindle-density-2"}, "wanted spindle-density-1, got spindle-density-2"),
        ({"model": "{"}, "damaged SPINDLE density"),
        ({"model": json.dumps({"layers": [1, 1]})}, "damaged SPINDLE density"),
        ({"rows": "odd"}, "damaged SPINDLE density"),
        ({"card": "{}"}, "damaged SPINDLE density"),
        ({"calibrations": "[{}]"}, "damaged SPINDLE density"),
        ({"calibrations": "[]"}, "not one threshold for each of its layers"),
        ({"reach": "4.0"}, "cuts power off at ±4; this version of SPINDLE does at ±6"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(path: Path, metadata: dict[str, str], said: str) -> None:
    change(path, **metadata)
    with pytest.raises(ModelError, match=said) as caught:
        load_density(path)
    assert "density.safetensors" in str(caught.value)


def test_what_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nothing of the sort")
    with pytest.raises(ModelError, match="cannot be read as a SPINDLE density"):
        load_density(tmp_path / "a.safetensors")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written to"):
        save_density(untrained(), tmp_path / "gone" / "a.safetensors")
    assert not list(tmp_path.iterdir())
