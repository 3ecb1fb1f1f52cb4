from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Generator, nn
from torch.optim import SGD, Adam, Optimizer

from latentia.errors import CheckpointError
from latentia.training import Extras, load_checkpoint, save_checkpoint

NOTHING = Extras(tensors={}, facts={})


def model(seed: int, width: int = 3) -> nn.Module:
    module = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(width, 1))
    generator = Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module


def train(module: nn.Module, optimizer: Optimizer, steps: int, seed: int = 0) -> None:
    generator = Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        module(torch.randn(5, 2, generator=generator)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: Adam(parameters, lr=0.1, betas=(0.8, 0.9), fused=True),
        lambda parameters: Adam(parameters, lr=0.1, amsgrad=True, foreach=False),
        lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    ],
    ids=["fused Adam", "amsgrad", "momentum"],
)
def test_training_goes_on_after_loading_as_if_nothing_had_happened(make, tmp_path: Path) -> None:
    first = model(1)
    first_optimizer = make(first.parameters())
    train(first, first_optimizer, steps=3)
    save_checkpoint(tmp_path / "c.safetensors", module=first, optimizer=first_optimizer, extras=NOTHING)
    train(first, first_optimizer, steps=3, seed=1)

    second = model(2)
    second_optimizer = make(second.parameters())
    load_checkpoint(tmp_path / "c.safetensors", module=second, optimizer=second_optimizer)
    train(second, second_optimizer, steps=3, seed=1)

    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_extra_tensors_and_facts_come_back_as_they_were(tmp_path: Path) -> None:
    module = model(0)
    extras = Extras(
        tensors={"best": torch.arange(4.0), "rng": Generator().manual_seed(3).get_state()},
        facts={"step": 7, "loss": 0.1 + 0.2, "numpy": {"state": 2**127 - 1}, "best": None},
    )
    save_checkpoint(tmp_path / "c.safetensors", module=module, optimizer=Adam(module.parameters()), extras=extras)

    back = load_checkpoint(tmp_path / "c.safetensors", module=module, optimizer=Adam(module.parameters()))

    assert back.facts == extras.facts
    assert back.tensors.keys() == extras.tensors.keys()
    assert all(torch.equal(back.tensors[name], extras.tensors[name]) for name in extras.tensors)


def test_tied_weights_are_saved(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    module[1].weight = module[0].weight

    save_checkpoint(tmp_path / "c.safetensors", module=module, optimizer=Adam(module.parameters()), extras=NOTHING)
    value = module[0].weight.detach().clone()
    with torch.no_grad():
        module[0].weight.zero_()
    load_checkpoint(tmp_path / "c.safetensors", module=module, optimizer=Adam(module.parameters()))

    assert torch.equal(module[1].weight, value)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    module = model(0)
    with pytest.raises(CheckpointError, match=r"There is no checkpoint .*gone\.safetensors"):
        load_checkpoint(tmp_path / "gone.safetensors", module=module, optimizer=Adam(module.parameters()))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    module = model(0)
    path = tmp_path / "c.safetensors"
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        load_checkpoint(path, module=module, optimizer=Adam(module.parameters()))


@pytest.mark.parametrize("kept", [0, 9, 500, -1])
def test_a_damaged_checkpoint_is_called_so(kept: int, tmp_path: Path) -> None:
    module, path = model(0), tmp_path / "c.safetensors"
    save_checkpoint(path, module=module, optimizer=Adam(module.parameters()), extras=NOTHING)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"^The checkpoint .*c\.safetensors is damaged \(.*\)\.$"):
        load_checkpoint(path, module=module, optimizer=Adam(module.parameters()))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    narrow, wide = model(0), model(0, width=4)
    save_checkpoint(tmp_path / "c.safetensors", module=narrow, optimizer=Adam(narrow.parameters()), extras=NOTHING)
    with pytest.raises(CheckpointError, match="is not of this model"):
        load_checkpoint(tmp_path / "c.safetensors", module=wide, optimizer=Adam(wide.parameters()))


def test_a_checkpoint_of_an_optimizer_with_other_groups_is_refused(tmp_path: Path) -> None:
    module = model(0)
    save_checkpoint(tmp_path / "c.safetensors", module=module, optimizer=Adam(module.parameters()), extras=NOTHING)
    two_groups = Adam([{"params": module[0].parameters()}, {"params": module[2].parameters()}])
    with pytest.raises(CheckpointError, match="is not of this model"):
        load_checkpoint(tmp_path / "c.safetensors", module=module, optimizer=two_groups)


def save_for_ever(path: Path) -> None:
    """Save checkpoints whose parts all hold the same number, until killed."""
    module = nn.Linear(300, 300)
    optimizer = SGD(module.parameters(), lr=0.1)
    for number in range(10**9):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(number)
        extras = Extras(tensors={"best": torch.full((1000,), float(number))}, facts={"step": number})
        save_checkpoint(path, module=module, optimizer=optimizer, extras=extras)
        sys.stdout.write(json.dumps(number) + "\n")
        sys.stdout.flush()


@pytest.mark.parametrize("saves", [1, 4, 9])
def test_parts_fit_together_after_a_kill_at_any_instant(saves: int, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    with subprocess.Popen([sys.executable, __file__, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(saves):
            child.stdout.readline()
        child.kill()

    module = nn.Linear(300, 300)
    back = load_checkpoint(path, module=module, optimizer=SGD(module.parameters(), lr=0.1))

    number = back.facts["step"]
    assert number >= saves - 1
    assert all((parameter == number).all() for parameter in module.parameters())
    assert (back.tensors["best"] == number).all()


if __name__ == "__main__":
    save_for_ever(Path(sys.argv[1]))
