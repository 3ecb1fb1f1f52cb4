"""Learned methods as files: what is written is read back, and what cannot be read is one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spindle.baselines import KINDS, BaselineModel, EegUse, load_baseline, packaged_baseline, save_baseline
from spindle.errors import ModelError, OutputError
from spindle.hypnogram import agreed_codes

from .conftest import Labelled, noise


@pytest.fixture(params=list(KINDS))
def model(request: pytest.FixtureRequest) -> BaselineModel:
    return packaged_baseline(request.param)


def test_the_packaged_models_say_that_they_saw_simulated_animals_only(model: BaselineModel) -> None:
    assert "SIMULATED" in model.card.data
    assert any("no real recording" in note for note in model.card.notes)
    assert {f"mean_f1_{use.value}" for use in EegUse} <= set(model.card.figures)


def test_the_packaged_models_score_an_ordinary_simulated_mouse(model: BaselineModel, judge: Labelled) -> None:
    signals, experts = judge
    reference, found = agreed_codes(experts), model.method.score(signals).argmax(axis=1)
    assert (found == reference)[reference >= 0].mean() > 0.7


def test_a_model_that_is_written_is_read_back_as_it_was(model: BaselineModel, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    save_baseline(model, path)
    read = load_baseline(path, model.method.name)
    assert read.card == model.card and read.method.use is model.method.use
    assert read.method.parameters() == model.method.parameters()
    signals = noise(30)
    np.testing.assert_array_equal(read.method.score(signals), model.method.score(signals))


def test_a_model_of_another_method_is_refused_by_both_names(model: BaselineModel, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    save_baseline(model, path)
    for other in set(KINDS) - {model.method.name}:
        with pytest.raises(ModelError, match=rf"learned for the method {model.method.name}; {other} was asked for"):
            load_baseline(path, other)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "of others": (lambda content: content.update(format="else"), "is not a model of"),
    "without a version": (lambda content: content.pop("version"), "does not say its format version"),
    "newer": (lambda content: content.update(version=99), "has format 99"),
    "without parameters": (lambda content: content["parameters"].clear(), "damaged"),
    "parameters of text": (lambda content: content.update(parameters="many"), "damaged"),
    "unknown use": (lambda content: content.update(eeg_use="third"), "damaged"),
    "without a card": (lambda content: content.pop("card"), "damaged.*lacks 'card'"),
    "a card of text": (lambda content: content.update(card=["none"]), "damaged"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_damaged_model_is_one_sentence(case: str, model: BaselineModel, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    save_baseline(model, path)
    change, said = CHANGES[case]
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match=said) as caught:
        load_baseline(path, model.method.name)
    assert "own.json" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_a_model_must_be_finite_and_in_its_place(kind: str, tmp_path: Path) -> None:
    model = packaged_baseline(kind)
    for name, value in model.method.parameters().items():
        for wrong in ([1.0, 2.0], float("nan"), None, "x", [[float("inf")] * 3] * 3):
            path = tmp_path / "own.json"
            save_baseline(model, path)
            content = json.loads(path.read_text(encoding="utf-8"))
            content["parameters"][name] = wrong
            path.write_text(json.dumps(content), encoding="utf-8")
            with pytest.raises(ModelError, match="damaged"):
                load_baseline(path, kind)
        assert value is not None


@pytest.mark.parametrize("content", [b"", b"no model", b"[1, 2]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_record_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"own\.json is not a model of faster, scoprism, autoscore"):
        load_baseline(tmp_path / "own.json", "faster")


def test_a_model_that_is_not_there_or_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model file"):
        load_baseline(tmp_path / "gone.json", "faster")
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        save_baseline(packaged_baseline("faster"), tmp_path / "taken" / "own.json")
