"""The rival methods on band powers: halves, evidence, and one command that runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from experiments.band_powers.__main__ import compare, evidence, features, halves, in_pairs, main
from experiments.simulation_fit.samples import Sample

from spindle.baselines import Autoscore, Baseline, EegUse, Examples, Faster, Scoprism
from spindle.baselines.base import best_of

POWER = np.array([[20, 25, 5, 8, 7, 400], [90, 30, 9, 5, 3, 60], [12, 40, 6, 5, 4, 25]], dtype=float)


def mouse(epochs: int = 1200) -> Sample:
    rng = np.random.default_rng(0)
    codes = np.resize(np.repeat(np.array([0, 1, 2, 0, 1], dtype=np.int8), [30, 40, 10, 20, 25]), epochs)
    power = POWER[codes] * np.exp(rng.normal(0, 0.2, size=(epochs, 6)))
    power[7] = 0.0
    return Sample(codes=codes, artifact=np.zeros(epochs, dtype=bool), power={"EEG": power[:, :5], "EMG": power[:, 5:]})


def test_the_halves_are_the_recording_without_what_has_no_power() -> None:
    sample = mouse(101)
    first, second = halves(sample, None)
    assert (len(first.codes), len(second.codes)) == (50, 51)
    np.testing.assert_array_equal(np.flatnonzero(~first.usable), [7])
    assert first.clean[7] == -1 and second.usable.all()
    assert len(halves(sample, 10)[1].codes) == 10


def test_pairs_have_the_mean_of_their_known_epochs() -> None:
    found = in_pairs(np.array([[1.0], [3.0], [np.nan], [5.0], [7.0]]))
    np.testing.assert_array_equal(found[:, 0], [2.0, 2.0, np.nan, 5.0, 7.0])


@pytest.mark.parametrize("kind", [Faster, Scoprism, Autoscore])
def test_each_method_finds_obvious_states_in_the_other_half(kind: type[Baseline]) -> None:
    first, second = halves(mouse(), None)
    result = compare(kind, first, second)
    assert result["before"]["accuracy"] > 0.85
    assert result["after"]["forbidden_transitions"] == 0


@pytest.mark.parametrize("kind", [Scoprism, Autoscore])
def test_evidence_favours_what_the_method_found(kind: type[Baseline]) -> None:
    first, _ = halves(mouse(), None)
    taught = Examples(features=features(first, kind), codes=first.clean)
    method, _ = best_of(kind, [taught], EegUse.FIRST)
    found = method.classify(taught.features)
    log_likelihood = evidence(method, found, taught)
    np.testing.assert_array_equal(np.isnan(log_likelihood).any(axis=1), ~first.usable)
    sure = np.nan_to_num(found).max(axis=1) > 0.99
    np.testing.assert_array_equal(log_likelihood[sure].argmax(axis=1), found[sure].argmax(axis=1))


@pytest.mark.real_data
def test_smoke_scores_both_halves_by_every_method(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTIA_DATA", str(real_data))
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert result["simulated"] is False
    for parts in result["figures"].values():
        for found in parts.values():
            assert found["before"]["accuracy"] > 0.6
            assert found["after"]["forbidden_transitions"] == 0
