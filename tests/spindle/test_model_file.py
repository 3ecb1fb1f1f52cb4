from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Generator

import spindle.model_file
from spindle.classifier import EpochClassifier, initialise
from spindle.errors import ModelError, OutputError
from spindle.markov import Transitions
from spindle.model_file import ModelCard, SpindleModel, load_model, never_artifact, save_model, starter_model
from spindle.spectrogram import RowChoice

CARD = ModelCard(
    name="two mice of our own",
    created="2024-05-06T07:08:09+00:00",
    commit="0123abc",
    data="2 labelled recordings",
    figures={"stage_held_out_f1_rem": 0.1 + 0.2},
    notes=("The labels held no artifacts.", "Ümlaut"),
)


def network(classes: int, seed: int) -> EpochClassifier:
    made = EpochClassifier(classes)
    initialise(made, Generator().manual_seed(seed))
    return made.eval()


@pytest.fixture(scope="module")
def model() -> SpindleModel:
    return SpindleModel(stage=network(3, 1), artifact=network(2, 2), rows=RowChoice.WIDE, card=CARD)


@pytest.fixture(scope="module")
def saved(model: SpindleModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "mine.safetensors"
    save_model(model, path)
    return path


def rewritten(saved: Path, path: Path, *, tensors: dict[str, torch.Tensor] | None = None, **metadata: str) -> Path:
    """A copy of a model file with parts replaced."""
    with safe_open(saved, framework="pt") as opened:
        before = opened.metadata()
    save_file({**load_file(saved), **(tensors or {})}, path, {**before, **metadata})
    return path


def test_a_model_saved_in_full_comes_back_to_the_bit(model: SpindleModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "full.safetensors", half=False)
    back = load_model(tmp_path / "full.safetensors")
    for before, after in ((model.stage, back.stage), (model.artifact, back.artifact)):
        for name, value in before.state_dict().items():
            assert torch.equal(value, after.state_dict()[name]), name
    assert (back.rows, back.card) == (model.rows, model.card)


def test_learned_transitions_come_back(model: SpindleModel, tmp_path: Path) -> None:
    matrix = np.array([[0.97, 0.03, 0.0], [0.03, 0.96, 0.01], [0.06, 0.0, 0.94]])
    learned = Transitions(matrix=matrix, initial=np.array([0.5, 0.4, 0.1]))
    save_model(replace(model, transitions=learned), tmp_path / "learned.safetensors")
    back = load_model(tmp_path / "learned.safetensors").transitions
    np.testing.assert_array_equal(back.matrix, matrix)
    np.testing.assert_array_equal(back.initial, learned.initial)


def test_half_precision_rounds_weights_and_nothing_else(model: SpindleModel, saved: Path) -> None:
    back = load_model(saved)
    for name, value in model.stage.state_dict().items():
        assert torch.equal(value.half().float(), back.stage.state_dict()[name]), name
    assert (back.rows, back.card) == (model.rows, model.card)


def test_half_precision_keeps_probabilities(model: SpindleModel, saved: Path) -> None:
    images = torch.randn(20, 3, 160, 24, generator=Generator().manual_seed(0))
    with torch.inference_mode():
        before, after = (net(images).softmax(dim=1) for net in (model.stage, load_model(saved).stage))
    np.testing.assert_allclose(after.numpy(), before.numpy(), atol=2e-3)


def test_both_networks_fit_into_32_megabytes(saved: Path) -> None:
    assert saved.stat().st_size < 32e6


def test_a_loaded_model_can_be_trained_further(saved: Path) -> None:
    net = load_model(saved).stage.train()
    net(torch.zeros(1, 3, 160, 24)).sum().backward()
    assert all(parameter.dtype == torch.float32 and parameter.grad is not None for parameter in net.parameters())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"There is no model file .*gone\.safetensors"):
        load_model(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"EDF, or anything else" * 9, b"\xff" * 100])
def test_a_file_of_another_format_is_no_model(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mouse07.edf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"mouse07\.edf is not a SPINDLE model"):
        load_model(path)


def test_a_truncated_model_is_no_model(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    path.write_bytes(saved.read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match=r"half\.safetensors is not a SPINDLE model"):
        load_model(path)


def test_another_programs_safetensors_is_no_model(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "llama.safetensors")
    with pytest.raises(ModelError, match=r"llama\.safetensors is a safetensors file, but not a SPINDLE model"):
        load_model(tmp_path / "llama.safetensors")


def test_a_newer_format_asks_for_an_update(saved: Path, tmp_path: Path) -> None:
    path = rewritten(saved, tmp_path / "new.safetensors", version="2")
    with pytest.raises(ModelError, match=r"model format 2; this version of SPINDLE reads up to 1\. Update it\."):
        load_model(path)


@pytest.mark.parametrize(
    "metadata",
    [
        {"version": "one"},
        {"rows": "diagonal"},
        {"card": "{"},
        {"card": "[]"},
        {"card": "{}"},
        {"card": json.dumps({"name": "", "created": "", "commit": "", "data": "", "figures": {"a": "b"}, "notes": []})},
    ],
)
def test_a_damaged_description_is_said(metadata: dict[str, str], saved: Path, tmp_path: Path) -> None:
    path = rewritten(saved, tmp_path / "odd.safetensors", **metadata)
    with pytest.raises(ModelError, match=r"odd\.safetensors is a damaged SPINDLE model"):
        load_model(path)


def test_layers_of_another_size_are_named_with_both_shapes(saved: Path, tmp_path: Path) -> None:
    path = rewritten(saved, tmp_path / "odd.safetensors", tensors={"stage.output.weight": torch.zeros(4, 1000)})
    with pytest.raises(ModelError, match=r"'stage\.output\.weight' .* \(4, 1000\); .* \(3, 1000\)"):
        load_model(path)


def test_a_missing_layer_is_named(saved: Path, tmp_path: Path) -> None:
    with safe_open(saved, framework="pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(saved)
    del tensors["artifact.hidden_2.bias"]
    save_file(tensors, tmp_path / "odd.safetensors", metadata)
    with pytest.raises(ModelError, match=r"lacks 'artifact\.hidden_2\.bias'"):
        load_model(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float, saved: Path, tmp_path: Path) -> None:
    spoiled = load_file(saved)["stage.hidden_1.bias"]
    spoiled[17] = value
    path = rewritten(saved, tmp_path / "odd.safetensors", tensors={"stage.hidden_1.bias": spoiled})
    with pytest.raises(ModelError, match=r"'stage\.hidden_1\.bias' in odd\.safetensors .* not finite"):
        load_model(path)


def test_a_folder_that_is_not_there_is_an_output_error(model: SpindleModel, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be written to .*nowhere"):
        save_model(model, tmp_path / "nowhere" / "mine.safetensors")
    assert not any(tmp_path.iterdir())


def test_the_network_without_artifacts_calls_every_epoch_clean() -> None:
    with torch.inference_mode():
        images = 5 * torch.randn(8, 3, 160, 24, generator=Generator().manual_seed(0))
        assert (never_artifact()(images).softmax(dim=1)[:, 1] < 1e-9).all()


def test_an_installation_without_starter_model_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spindle.model_file, "STARTER", "models/gone.safetensors")
    with pytest.raises(ModelError, match="holds no starter model"):
        starter_model()
