"""Scoring, from channels to scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from spindle.agreement import evaluate
from spindle.classifier import EpochClassifier, initialise
from spindle.errors import ChannelError, SettingError
from spindle.hypnogram import STAGES
from spindle.markov import Transitions, posterior, viterbi
from spindle.model_file import ArtifactEvidence, ModelCard, SpindleModel, starter_model
from spindle.recording import Channel, Montage, Recording
from spindle.scoring import load_method, score, score_montage
from spindle.simulation import Animal, Simulated, simulate
from spindle.spectrogram import RowChoice, TimeFrequency


@pytest.fixture(scope="module")
def model() -> SpindleModel:
    """A model that knows nothing: what is tested with it holds for every model."""
    networks = []
    for classes in (3, 2):
        network = EpochClassifier(classes)
        initialise(network, torch.Generator().manual_seed(classes))
        networks.append(network)
    card = ModelCard(name="untrained", created="", commit="", data="none")
    return SpindleModel(stage=networks[0], artifact=networks[1], rows=RowChoice.NARROW, card=card)


@pytest.fixture(scope="module")
def mouse() -> Simulated:
    return simulate(Animal(), seconds=1200, rng=np.random.default_rng(4))


def recording(channels: tuple[Channel, ...], name: str = "mouse") -> Recording:
    return Recording(name=name, channels=channels)


def with_gap(channel: Channel, start_s: int, stop_s: int) -> Channel:
    samples = channel.read(0, channel.samples).copy()
    samples[int(start_s * channel.rate_hz) : int(stop_s * channel.rate_hz)] = np.nan
    return Channel.from_array(channel.label, samples, channel.rate_hz)


def test_scores_cover_every_epoch(mouse: Simulated, model: SpindleModel) -> None:
    scores = score(recording(mouse.channels), model=model)
    assert len(scores.hypnogram) == 300
    np.testing.assert_allclose(scores.stage_probability.sum(axis=1), 1, rtol=1e-4)
    np.testing.assert_allclose(scores.network_probability.sum(axis=1), 1, rtol=1e-4)
    assert ((scores.artifact_probability >= 0) & (scores.artifact_probability <= 1)).all()
    assert scores.eeg_labels == ("EEG1", "EEG2")
    assert scores.overview.spectrogram.shape == (300, 24)


@pytest.mark.parametrize("rows", list(RowChoice))
def test_a_detector_takes_the_artifact_networks_place_with_rows_of_its_own(
    mouse: Simulated, model: SpindleModel, rows: RowChoice
) -> None:
    seen: list[TimeFrequency] = []

    class Detector:
        name = "a detector"

        def find(self, time_frequency: TimeFrequency, advance: Callable[[int], None]) -> ArtifactEvidence:
            seen.append(time_frequency)
            advance(len(time_frequency))
            density = np.arange(len(time_frequency), dtype=float)
            return ArtifactEvidence(probability=density / len(time_frequency), density_nats=density)

    detector = Detector()
    detector.rows = rows  # type: ignore[attr-defined]
    scores = score(recording(mouse.channels), model=replace(model, detector=detector), artifact_threshold=0.25)
    assert [one.rows for one in seen] == [rows]
    np.testing.assert_array_equal(scores.hypnogram.artifact, np.arange(300) > 75)
    np.testing.assert_array_equal(scores.density_nats, np.arange(300))
    assert scores.model_name == "untrained, artifacts by a detector"
    np.testing.assert_array_equal(scores.at_threshold(0.5), np.arange(300) > 150)


def test_a_gap_is_unscored_and_nothing_else_is(mouse: Simulated, model: SpindleModel) -> None:
    channels = (*mouse.channels[:2], with_gap(mouse.channels[2], 402, 410))
    scores = score(recording(channels), model=model)
    unscored = np.flatnonzero(~scores.hypnogram.scored)
    assert unscored.tolist() == [100, 101, 102]
    assert np.isnan(scores.stage_probability[unscored]).all()
    assert np.isnan(scores.artifact_probability[unscored]).all()
    assert not scores.hypnogram.artifact[unscored].any()
    assert any("3 of 300 epochs are unscored" in note for note in scores.notes)


def test_scores_do_not_depend_on_unit_gain(mouse: Simulated, model: SpindleModel) -> None:
    volts = tuple(
        Channel.from_array(channel.label, channel.read(0, channel.samples) * np.float32(1e-6), channel.rate_hz)
        for channel in mouse.channels
    )
    ours, theirs = (score(recording(channels), model=model) for channels in (mouse.channels, volts))
    np.testing.assert_allclose(ours.network_probability, theirs.network_probability, atol=5e-3)


def test_several_animals_are_not_scored_as_one(mouse: Simulated, model: SpindleModel) -> None:
    first, _, emg = mouse.channels
    channels = tuple(
        replace(channel, label=label)
        for animal in ("1", "2")
        for channel, label in ((first, f"EEG{animal}"), (emg, f"EMG{animal}"))
    )
    with pytest.raises(ChannelError, match="several animals"):
        score(recording(channels), model=model)
    assert score(recording(channels), eeg=["EEG2"], emg="EMG2", model=model).emg_label == "EMG2"


def test_one_epoch_is_enough(model: SpindleModel) -> None:
    rng = np.random.default_rng(0)
    eeg, emg = (Channel.from_array(name, rng.standard_normal(512), 128.0) for name in ("EEG", "EMG"))
    scores = score_montage(Montage(eeg=(eeg, eeg), emg=emg), load_method(model), name="short")
    assert len(scores.hypnogram) == 1


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.2, 1.5])
def test_an_impossible_artifact_threshold_is_refused(threshold: float, model: SpindleModel) -> None:
    with pytest.raises(SettingError, match="between 0 and 1"):
        load_method(model, artifact_threshold=threshold)


def test_the_thesis_way_scores_once_with_its_own_transitions(mouse: Simulated, model: SpindleModel) -> None:
    scores = score(recording(mouse.channels), model=model, thesis=True)
    likelihood = np.log(scores.network_probability)
    np.testing.assert_array_equal(scores.hypnogram.codes, viterbi(likelihood, Transitions()))
    np.testing.assert_allclose(scores.stage_probability, posterior(likelihood, Transitions()), atol=1e-4)


def test_the_thesis_way_and_transitions_of_ones_own_exclude_each_other(model: SpindleModel) -> None:
    with pytest.raises(SettingError, match="leave either"):
        load_method(model, Transitions(), thesis=True)


def test_the_starter_model_scores_a_simulated_mouse_as_its_experts_do() -> None:
    """0.9 leaves room for retraining; the experiments have the exact figures."""
    simulated = simulate(Animal(), seconds=2 * 3600, rng=np.random.default_rng(12))
    scores = score(recording(simulated.channels), model=starter_model())
    agreement = evaluate(scores.hypnogram, simulated.experts).main.states
    assert agreement.accuracy > 0.9
    assert all(agreement.state(stage).f1 > 0.85 for stage in STAGES)
