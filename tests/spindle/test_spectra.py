"""Spectra per state, against SciPy's Welch with the same window, and against signals whose power is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal as scipy_signal

from spindle.errors import LabelError, SettingError
from spindle.hypnogram import STAGES, Hypnogram, Stage
from spindle.recording import Channel, Montage
from spindle.spectra import BANDS, BIN_HZ, Band, SpectrumSettings, clean_epochs, state_spectra

EPOCHS = 300
RATE_HZ = 128


def noise(seed: int = 0, epochs: int = EPOCHS) -> NDArray[np.float32]:
    """Brown-ish noise on an offset, as EEG amplifiers give."""
    white = np.random.default_rng(seed).normal(size=epochs * 4 * RATE_HZ)
    return (50 * scipy_signal.lfilter([1], [1, -0.9], white) + 700).astype(np.float32)


def montage(*eegs: NDArray[np.float32], rate_hz: float = RATE_HZ) -> Montage:
    channels = [Channel.from_array(f"EEG{place + 1}", eeg, rate_hz) for place, eeg in enumerate(eegs)]
    emg = Channel.from_array("EMG", np.random.default_rng(9).normal(size=len(eegs[0])), rate_hz)
    return Montage(eeg=(channels[0], channels[-1]), emg=emg)


def states(epochs: int = EPOCHS, missing: tuple[Stage, ...] = (), seed: int = 1) -> Hypnogram:
    rng = np.random.default_rng(seed)
    codes = rng.choice([stage.code for stage in STAGES if stage not in missing], epochs).astype(np.int8)
    codes[5:8] = -1
    return Hypnogram(codes=codes, artifact=rng.random(epochs) < 0.2)


def welch(eeg: NDArray[np.float32], settings: SpectrumSettings) -> NDArray[np.float64]:
    epochs = eeg.astype(np.float64).reshape(-1, 4 * RATE_HZ)
    _, power = scipy_signal.welch(epochs, fs=RATE_HZ, window="hamming", nperseg=256, noverlap=128, detrend="constant")
    return np.asarray(power[:, np.round(settings.frequencies_hz / BIN_HZ).astype(int)])


@pytest.mark.parametrize(("lowest", "highest"), [(0.5, 25.0), (2.0, 63.5), (7.5, 7.5)])
def test_spectra_equal_those_of_scipy(lowest: float, highest: float) -> None:
    eeg, hypnogram, settings = noise(), states(), SpectrumSettings(lowest_hz=lowest, highest_hz=highest, bands=())
    (found,) = state_spectra(montage(eeg), hypnogram, settings=settings)
    power = welch(eeg, settings)
    for stage in STAGES:
        mine = (hypnogram.codes == stage.code) & ~hypnogram.artifact
        assert found.epochs[stage.code] == mine.sum()
        np.testing.assert_allclose(found.power[stage.code], power[mine].mean(axis=0), rtol=2e-4)


def test_bands_of_each_epoch_equal_those_of_scipy() -> None:
    eeg, settings = noise(), SpectrumSettings()
    (found,) = state_spectra(montage(eeg), states(), settings=settings)
    power = welch(eeg, settings)
    for place, (low, high) in enumerate([(0.5, 4), (6, 9), (10, 15), (15, 25)]):
        bins = (settings.frequencies_hz >= low) & (settings.frequencies_hz < high)
        np.testing.assert_allclose(found.band_power[place], power[:, bins].sum(axis=1) * 0.5, rtol=2e-4)


def test_bands_of_a_state_are_the_mean_over_its_epochs() -> None:
    hypnogram = states()
    (found,) = state_spectra(montage(noise()), hypnogram)
    for stage in STAGES:
        mine = found.kept & (hypnogram.codes == stage.code)
        np.testing.assert_allclose(found.state_bands()[stage.code], found.band_power[:, mine].mean(axis=1))


@pytest.mark.parametrize("rate_hz", [128.0, 200.0, 512.0])
def test_a_sine_has_its_power_at_its_frequency_whatever_the_rate(rate_hz: float) -> None:
    seconds = np.arange(int(40 * 4 * rate_hz)) / rate_hz
    rng = np.random.default_rng(0)
    eeg = (30 * np.sqrt(2) * np.sin(2 * np.pi * 8 * seconds) + rng.normal(0, 0.1, len(seconds))).astype(np.float32)
    hypnogram = Hypnogram(codes=np.ones(40, dtype=np.int8), artifact=np.zeros(40, dtype=bool))
    (found,) = state_spectra(montage(eeg, rate_hz=rate_hz), hypnogram)
    nrem = found.power[Stage.NREM.code]
    assert found.settings.frequencies_hz[np.argmax(nrem)] == 8.0
    assert found.total[Stage.NREM.code] == pytest.approx(900, rel=0.02)
    assert found.state_bands()[Stage.NREM.code, 1] == pytest.approx(900, rel=0.02)


def test_artifacts_and_unscored_epochs_do_not_touch_the_spectra() -> None:
    eeg, hypnogram = noise(), states()
    loud = eeg.copy().reshape(EPOCHS, -1)
    loud[hypnogram.artifact | ~hypnogram.scored] *= 100
    quiet, noisy = (state_spectra(montage(one.ravel()), hypnogram)[0] for one in (eeg, loud))
    np.testing.assert_array_equal(quiet.power, noisy.power)


def test_a_gap_in_the_signal_is_left_out() -> None:
    eeg, hypnogram = noise(), states()
    broken = eeg.copy()
    broken[40 * 512 : 60 * 512] = np.nan
    (found,) = state_spectra(montage(broken), hypnogram)
    assert np.isfinite(found.power).all()
    assert np.isnan(found.band_power[:, 40:60]).all()
    assert sum(found.epochs) < int((hypnogram.scored & ~hypnogram.artifact).sum())


def test_a_missing_state_has_no_spectrum_and_the_others_do() -> None:
    (found,) = state_spectra(montage(noise()), states(missing=(Stage.REM,)))
    assert found.epochs[Stage.REM.code] == 0
    for values in (found.power, found.relative(), found.relative_to_states(), found.decibels()):
        assert np.isnan(values[Stage.REM.code]).all()
        assert np.isfinite(values[:2]).all()


def test_relative_forms_do_not_change_with_the_amplifier() -> None:
    eeg, hypnogram = noise(), states()
    one, ten = (state_spectra(montage(factor * eeg), hypnogram)[0] for factor in (np.float32(1), np.float32(10)))
    np.testing.assert_allclose(ten.power, 100 * one.power, rtol=1e-4)
    np.testing.assert_allclose(ten.relative(), one.relative(), rtol=1e-4)
    np.testing.assert_allclose(ten.relative_to_states(), one.relative_to_states(), rtol=1e-4)
    np.testing.assert_allclose(ten.relative_decibels(), one.relative_decibels(), atol=1e-3)
    np.testing.assert_allclose(ten.decibels(), one.decibels() + 20, atol=1e-3)


def test_relative_forms_are_normalised() -> None:
    (found,) = state_spectra(montage(noise()), states())
    np.testing.assert_allclose(found.relative().sum(axis=1), 1)
    np.testing.assert_allclose((found.relative_to_states().sum(axis=1) * BIN_HZ).mean(), 1)
    np.testing.assert_allclose(found.relative_decibels().mean(axis=1), 0, atol=1e-9)


def test_two_eegs_give_two_spectra_and_one_eeg_one() -> None:
    first, second = noise(0), noise(1)
    both = state_spectra(montage(first, second), states())
    assert [one.channel for one in both] == ["EEG1", "EEG2"]
    channel = Channel.from_array("EEG1", first, RATE_HZ)
    alone = state_spectra(replace(montage(first, second), eeg=(channel, channel)), states())
    assert [one.channel for one in alone] == ["EEG1"]
    np.testing.assert_array_equal(alone[0].power, both[0].power)


def test_epochs_stay_whose_probability_of_being_clean_is_above_the_limit() -> None:
    hypnogram = Hypnogram(
        codes=np.array([0, 1, 2, 1, -1], dtype=np.int8), artifact=np.array([0, 0, 1, 0, 0], dtype=bool)
    )
    artifact = np.array([0.1, 0.4, 0.6, 0.5, np.nan])
    assert clean_epochs(hypnogram).tolist() == [True, True, False, True, False]
    chosen: dict[str, Any] = {"hypnogram": hypnogram, "artifact_probability": artifact}
    assert clean_epochs(**chosen, clean_above=0.5).tolist() == [True, True, False, False, False]
    assert clean_epochs(**chosen, clean_above=0.7).tolist() == [True, False, False, False, False]
    stage = np.array([[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.1, 0.9, 0], [np.nan] * 3])
    assert clean_epochs(hypnogram, stage_probability=stage, state_above=0.7).tolist() == [0, 1, 0, 1, 0]


def test_a_limit_without_probabilities_is_refused() -> None:
    with pytest.raises(SettingError, match="of artifacts"):
        clean_epochs(states(), clean_above=0.5)
    with pytest.raises(SettingError, match="of states"):
        clean_epochs(states(), state_above=0.5)


def test_scores_of_another_length_are_refused() -> None:
    with pytest.raises(LabelError, match="299 epochs, the recording has 300"):
        state_spectra(montage(noise()), states(299))
    with pytest.raises(LabelError, match="epochs of 10 s"):
        state_spectra(montage(noise()), replace(states(), epoch_s=10.0))


@pytest.mark.parametrize(("lowest", "highest"), [(0.0, 25.0), (0.5, 64.0), (9.0, 8.0)])
def test_frequencies_that_a_frame_does_not_have_are_refused(lowest: float, highest: float) -> None:
    with pytest.raises(SettingError, match="less than 64 Hz"):
        SpectrumSettings(lowest_hz=lowest, highest_hz=highest)


def test_a_band_without_bins_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="'gamma'"):
        SpectrumSettings(bands=(*BANDS, Band(name="gamma", low_hz=30, high_hz=60)))


def test_tables_are_long() -> None:
    (found,) = state_spectra(montage(noise()), states())
    table = found.tidy("m1")
    rows = table[(table.state == "rem") & (table.form == "power")]
    np.testing.assert_array_equal(rows.value, found.power[2])
    np.testing.assert_array_equal(rows.frequency_hz, np.arange(1, 51) / 2)
    bands = found.tidy_bands("m1")
    assert bands.band.tolist() == 3 * ["delta", "theta", "sigma", "beta"]
    np.testing.assert_allclose(bands.power / bands.relative, np.repeat(found.total, 4))
