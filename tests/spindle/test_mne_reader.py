"""Formats that only MNE-Python reads."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from spindle.errors import RecordingError
from spindle.mne_reader import read_mne

mne = pytest.importorskip("mne")

SIGNALS = np.random.default_rng(3).normal(0, 50, (3, 2000))


def save(path, *, rate_hz: float = 250.0, first: int = 0, annotations=None, date=None):
    info = mne.create_info(["EEG1", "EMG", "count"], rate_hz, ["eeg", "emg", "misc"])
    with info._unlock():
        info["chs"][2]["unit"] = mne.io.constants.FIFF.FIFF_UNIT_NONE
    info.set_meas_date(date)
    scale = np.array([[1e-6], [1e-6], [1]])
    raw = mne.io.RawArray(SIGNALS * scale, info, first_samp=first, verbose="ERROR")
    if annotations is not None:
        raw.set_annotations(annotations)
    raw.save(path, fmt="double", verbose="ERROR")
    return path


def test_volts_come_in_microvolts_and_other_units_stay(tmp_path):
    recording = read_mne(save(tmp_path / "m_raw.fif"))
    assert (recording.name, recording.labels, recording.start) == ("m_raw", ("EEG1", "EMG", "count"), None)
    assert [channel.unit for channel in recording.channels] == ["uV", "uV", ""]
    for channel, signal in zip(recording.channels, SIGNALS, strict=True):
        assert (channel.rate_hz, channel.samples) == (250, 2000)
        np.testing.assert_allclose(channel.read(0, 2000), signal, rtol=1e-6)
        np.testing.assert_allclose(channel.read(1990, 3000), signal[1990:], rtol=1e-6)
        assert len(channel.read(5, 5)) == len(channel.read(9, 2)) == 0


@pytest.mark.parametrize("date", [None, datetime(2022, 3, 4, 5, 6, 7, tzinfo=UTC)])
def test_annotations_count_from_the_first_sample_and_skips_are_nan(tmp_path, date):
    offset = 0.0 if date is None else 100 / 250
    annotations = mne.Annotations([offset + 1, offset + 4], [2, 1], ["BAD_ACQ_SKIP", "light"], orig_time=date)
    recording = read_mne(save(tmp_path / "m_raw.fif", first=100, annotations=annotations, date=date))
    onsets = {one.text: one.onset_s for one in recording.annotations}
    assert onsets == {"BAD_ACQ_SKIP": pytest.approx(1), "light": pytest.approx(4)}
    signal = recording.channels[0].read(0, 2000)
    assert np.isnan(signal[250:750]).all()
    assert np.isfinite(signal[:250]).all() and np.isfinite(signal[750:]).all()
    np.testing.assert_array_equal(recording.channels[0].read(700, 800), signal[700:800])
    assert recording.start == (None if date is None else datetime(2022, 3, 4, 5, 6, 7))


@pytest.mark.filterwarnings("error")
def test_warnings_become_notes(tmp_path):
    recording = read_mne(save(tmp_path / "badly_named.fif"))
    assert any("badly_named.fif" in note for note in recording.notes)


def test_what_mne_cannot_read_is_one_clear_error(tmp_path):
    for name in ("m.xyz", "m.fif", "m.vhdr", "m.set", "m.gdf"):
        (tmp_path / name).write_bytes(b"nonsense" * 100)
        with pytest.raises(
            RecordingError, match=rf"{name} is of no format that can be read; MNE-Python says: "
        ) as caught:
            read_mne(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_without_mne_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mne", None)
    with pytest.raises(RecordingError, match=r'm\.vhdr is not .* pip install "latentia\[mne\]"'):
        read_mne(tmp_path / "m.vhdr")
