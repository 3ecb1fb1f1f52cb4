"""Writing: what comes back through this and other readers, and what is refused."""

from datetime import datetime

import edfio
import mne
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindle.edf import read_annotations, read_edf, write_annotations, write_edf, writing
from spindle.errors import OutputError, RecordingError
from spindle.recording import Annotation, Channel


def channel(signal, rate_hz=128.0, label="EEG", unit="uV") -> Channel:
    return Channel.from_array(label, np.asarray(signal), rate_hz, unit)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 100, samples)


def whole(one) -> np.ndarray:
    return one.read(0, one.samples)


@pytest.mark.parametrize("rate_hz", [128.0, 200.0, 512.0, 500 / 3, 199.5, 64.1, 199.998, 244.140625])
def test_what_is_written_is_read_back_within_one_quantisation_step(tmp_path, rate_hz):
    signal = noise(int(rate_hz * 30))
    write_edf(tmp_path / "a.edf", [channel(signal, rate_hz)])
    (read,) = read_edf(tmp_path / "a.edf").channels
    step = (signal.max() - signal.min()) / 65535
    assert read.rate_hz == pytest.approx(rate_hz, rel=1e-6)
    assert len(signal) <= read.samples < len(signal) + 60 * rate_hz
    # The header's 8 characters widen the range by less than 1 in 1000.
    np.testing.assert_allclose(read.read(0, len(signal)), signal, atol=1.001 * step, rtol=0)


@given(
    values=st.lists(st.floats(-9999998, 9999998, width=32), min_size=1, max_size=300),
    rates=st.lists(st.sampled_from([1.0, 4.0, 10.0, 12.5]), min_size=1, max_size=3),
)
def test_any_finite_samples_survive_the_round_trip(tmp_path_factory, values, rates):
    path = tmp_path_factory.mktemp("round") / "a.edf"
    duration_s = len(values) / 12.5
    signals = [np.resize(values, max(1, int(duration_s * rate))) for rate in rates]
    channels = [channel(signal, rate, f"c{n}") for n, (signal, rate) in enumerate(zip(signals, rates, strict=True))]
    try:
        write_edf(path, channels)
    except RecordingError as error:
        assert "less than other channels" in str(error)
        return
    for read, signal, rate_hz in zip(read_edf(path).channels, signals, rates, strict=True):
        step = max(float(np.ptp(signal)), 1.0) * 1.2 / 65535
        assert read.rate_hz == pytest.approx(rate_hz)
        # float32 itself is coarser than a step where a narrow range lies far from zero.
        np.testing.assert_allclose(read.read(0, len(signal)), signal, atol=step, rtol=3e-7)


def test_channels_of_different_rates_and_units_go_into_one_file(tmp_path):
    channels = [channel(noise(5 * 512), 512.0, "EEG"), channel(noise(5), 1.0, "Temp", "degC")]
    write_edf(tmp_path / "a.edf", channels)
    eeg, temp = read_edf(tmp_path / "a.edf").channels
    assert (eeg.samples, eeg.unit, temp.samples, temp.unit) == (2560, "uV", 5, "degC")


def test_other_readers_agree(tmp_path):
    path = tmp_path / "a.edf"
    signals = [noise(10 * 200, seed) for seed in range(2)]
    start = datetime(2024, 2, 29, 7, 0, 1, 500000)
    remarks = [
        Annotation(onset_s=2.5, duration_s=4.0, text="Schlaf µ"),
        Annotation(onset_s=0.0, duration_s=0.0, text="on"),
    ]
    write_edf(path, [channel(s, 200.0, f"EEG{n}") for n, s in enumerate(signals)], start=start, annotations=remarks)
    ours = read_edf(path)
    theirs = edfio.read_edf(path)
    assert ours.start == theirs.startdatetime == start
    assert ours.notes == ()
    assert [(one.onset_s, one.duration_s, one.text) for one in ours.annotations] == [(0, 0, "on"), (2.5, 4, "Schlaf µ")]
    assert [tuple(one) for one in theirs.annotations] == [(0, None, "on"), (2.5, 4, "Schlaf µ")]
    assert theirs.is_continuous
    raw = mne.io.read_raw_edf(path, verbose="ERROR")
    assert raw.info["sfreq"] == 200
    for mine, their, third, signal in zip(ours.channels, theirs.signals, raw.get_data(), signals, strict=True):
        np.testing.assert_allclose(whole(mine), their.data, atol=1e-4)
        np.testing.assert_allclose(whole(mine), third * 1e6, atol=1e-4)
        np.testing.assert_allclose(whole(mine), signal, atol=0.02)


def test_a_file_is_the_same_whether_it_is_written_in_one_piece_or_many(tmp_path, monkeypatch):
    channels = [channel(noise(1000)), channel(noise(2000, 1), 256.0, "EMG")]
    write_edf(tmp_path / "a.edf", channels)
    monkeypatch.setattr(writing, "CHUNK_SAMPLES", 300)
    write_edf(tmp_path / "b.edf", channels)
    assert (tmp_path / "a.edf").read_bytes() == (tmp_path / "b.edf").read_bytes()


def test_memory_does_not_grow_with_length(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "CHUNK_SAMPLES", 2**16)
    asked = []

    def read(start: int, stop: int) -> np.ndarray:
        asked.append(stop - start)
        return np.zeros(stop - start, dtype=np.float32)

    day = Channel(label="EEG", unit="uV", rate_hz=64.0, samples=6 * 3600 * 64, read=read)
    write_edf(tmp_path / "day.edf", [day], physical_range=(-1.0, 1.0))
    assert sum(asked) == day.samples
    assert max(asked) <= writing.CHUNK_SAMPLES


def test_a_given_physical_range_clips(tmp_path):
    write_edf(tmp_path / "a.edf", [channel([-500.0, -5.0, 5.0, 500.0], 4.0)], physical_range=(-10.0, 10.0))
    np.testing.assert_allclose(whole(read_edf(tmp_path / "a.edf").channels[0]), [-10, -5, 5, 10], atol=1e-3)


def test_the_last_record_is_filled_with_the_last_sample(tmp_path):
    write_edf(tmp_path / "a.edf", [channel([1.0, 2.0, 3.0], 2.0)])
    np.testing.assert_allclose(whole(read_edf(tmp_path / "a.edf").channels[0]), [1, 2, 3, 3], atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("physical_range", [None, (-1.0, 1.0)])
def test_what_edf_cannot_hold_is_refused_and_no_file_is_left(tmp_path, value, physical_range):
    (tmp_path / "a.edf").write_text("old")
    with pytest.raises(RecordingError, match="'EEG' holds values that are not finite"):
        write_edf(tmp_path / "a.edf", [channel([0.0, value, 1.0], 1.0)], physical_range=physical_range)
    assert [path.name for path in tmp_path.iterdir()] == ["a.edf"]
    assert (tmp_path / "a.edf").read_text() == "old"


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([], "no samples"),
        ([channel([], 1.0)], "no samples"),
        ([channel(noise(128), label="a label that is too long")], "exceeds maximum field length"),
        ([channel([0, 1e12])], "'EEG' reaches 1e\\+12 uV"),
        ([channel(noise(100), 100.001), channel(noise(100), 99.997)], "no record length holds whole samples"),
        ([channel(noise(1280)), channel(noise(128), label="EMG")], "'EMG' lasts 1 s, which is less than other"),
    ],
)
def test_channels_that_do_not_fit_edf_are_refused(tmp_path, channels, message):
    with pytest.raises(RecordingError, match=message):
        write_edf(tmp_path / "a.edf", channels)
    assert not list(tmp_path.iterdir())


def test_a_date_that_edf_does_not_have_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="1985"):
        write_edf(tmp_path / "a.edf", [channel(noise(128))], start=datetime(1970, 1, 1))


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path):
    path = tmp_path / "nowhere" / "a.edf"
    with pytest.raises(OutputError, match=r"a\.edf cannot be written"):
        write_edf(path, [channel(noise(128))])
    with pytest.raises(OutputError, match=r"a\.edf cannot be written"):
        write_annotations(path, [Annotation(onset_s=0.0, duration_s=4.0, text="wake")])


@pytest.mark.parametrize("start", [None, datetime(2024, 5, 6, 7, 8, 9, 250000)])
def test_annotations_only_files_come_back_and_other_readers_agree(tmp_path, start):
    path = tmp_path / "a.edf"
    remarks = tuple(Annotation(onset_s=4.0 * n, duration_s=4.0, text=f"stage {n % 3}") for n in range(2000))
    write_annotations(path, remarks, start=start)
    recording = read_annotations(path)
    assert recording.annotations == remarks
    assert recording.channels == ()
    if start is not None:
        assert recording.start == start
    assert [(one.onset, one.duration, one.text) for one in edfio.read_edf(path).annotations] == [
        (one.onset_s, one.duration_s, one.text) for one in remarks
    ]
    theirs = mne.read_annotations(path)
    assert list(theirs.description) == [one.text for one in remarks]
    np.testing.assert_allclose(theirs.duration, 4)


def test_control_characters_in_a_remark_cannot_break_the_file(tmp_path):
    remarks = [Annotation(onset_s=1.0, duration_s=0.0, text="a\x14b\0c\nd")]
    write_edf(tmp_path / "a.edf", [channel(noise(512))], annotations=remarks)
    write_annotations(tmp_path / "b.edf", remarks)
    for name in ("a.edf", "b.edf"):
        assert [one.text for one in read_annotations(tmp_path / name).annotations] == ["a b c d"]


def test_nothing_to_write_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="no annotations to write"):
        write_annotations(tmp_path / "a.edf", [])
