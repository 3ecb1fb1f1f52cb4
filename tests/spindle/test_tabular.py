"""NPZ, CSV and Parquet: what users' scripts write, and what of it is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindle import tabular
from spindle.errors import RecordingError, SpindleError
from spindle.tabular import read_csv, read_npz, read_parquet

EEG = np.random.default_rng(0).normal(0, 50, 1000)
EMG = np.random.default_rng(1).normal(0, 20, 1000)


def whole(channel) -> np.ndarray:
    return channel.read(0, channel.samples)


def check(recording, rate_hz: float, **signals: np.ndarray) -> None:
    assert recording.labels == tuple(signals)
    for channel, signal in zip(recording.channels, signals.values(), strict=True):
        assert (channel.rate_hz, channel.samples, channel.unit) == (rate_hz, len(signal), "uV")
        np.testing.assert_allclose(whole(channel), signal, rtol=1e-6)
        np.testing.assert_array_equal(channel.read(10, 20), whole(channel)[10:20])
        assert whole(channel).dtype == np.float32


def text(path, content: str):
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["rate_hz", "fs", "sampling_rate", "FS"])
def test_an_npz_says_its_rate(tmp_path, name):
    np.savez(tmp_path / "m.npz", eeg1=EEG, eeg2=EEG / 2, emg=EMG, **{name: 199.5})
    recording = read_npz(tmp_path / "m.npz")
    check(recording, 199.5, eeg1=EEG, eeg2=EEG / 2, emg=EMG)
    assert recording.notes == (tabular.UNIT_NOTE,)


def test_other_arrays_of_an_npz_do_not_matter(tmp_path):
    np.savez(tmp_path / "m.npz", eeg=EEG, emg=EMG, labels=np.array(["wake"] * 3), stage=np.zeros(7), fs=[128])
    check(read_npz(tmp_path / "m.npz"), 128, eeg=EEG, emg=EMG)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64, np.int64, np.uint8])
def test_epochs_by_samples_are_one_signal(tmp_path, dtype):
    epochs = np.arange(250).reshape(5, 50).astype(dtype)
    np.savez(tmp_path / "m.npz", eeg=np.asfortranarray(epochs), emg=epochs[:, ::-1])
    check(read_npz(tmp_path / "m.npz", rate_hz=100.0), 100, eeg=np.arange(250), emg=epochs[:, ::-1].ravel())


def test_values_that_are_not_finite_are_missing(tmp_path):
    np.savez(tmp_path / "m.npz", eeg=[1.0, np.inf, np.nan, -np.inf, 1e300], emg=np.zeros(5), fs=128)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(whole(read_npz(tmp_path / "m.npz").channels[0]), [1, *[np.nan] * 4])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": EEG, "fs": 128}, r"no signals named eeg, eeg1, eeg2 … or emg; it has a, fs\."),
        ({"eeg": EEG, "emg": EMG}, "does not say at what rate it was sampled; give it with --rate"),
        ({"eeg": EEG, "emg": EMG[:-1], "fs": 128}, r"differ in length \(eeg 1000, emg 999 samples\)"),
        ({"eeg": EEG, "fs": 0}, "'fs' of m.npz is 0, which is no sampling rate"),
        ({"eeg": EEG, "fs": [128, 128]}, "no sampling rate"),
        ({"eeg": EEG, "fs": "fast"}, "no sampling rate"),
        ({"eeg": EEG, "fs": np.nan}, "no sampling rate"),
        ({"eeg": np.array(["a", "b"]), "fs": 128}, "Array 'eeg' of m.npz holds <U1, not numbers"),
        ({"eeg": EEG + 1j, "fs": 128}, "holds complex128, not numbers"),
        ({"eeg": EEG.reshape(2, 500), "fs": 128}, "2 × 500, which may be two channels"),
        ({"eeg": EEG.reshape(10, 10, 10), "fs": 128}, "has 3 dimensions"),
        ({"eeg": np.float64(1), "fs": 128}, "has 0 dimensions"),
        ({"eeg": np.zeros(0), "fs": 128}, "have no samples"),
        ({"eeg": np.array([{}]), "fs": 128}, "is not an NPZ file that can be read"),
    ],
)
def test_an_npz_that_cannot_be_scored_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(RecordingError, match=message):
        read_npz(tmp_path / "m.npz")


def test_two_rates_that_contradict_each_other_are_refused(tmp_path):
    np.savez(tmp_path / "m.npz", eeg=EEG, fs=128)
    with pytest.raises(RecordingError, match="sampled at 128 Hz, but 200 Hz were given"):
        read_npz(tmp_path / "m.npz", rate_hz=200.0)
    with pytest.raises(RecordingError, match="rate of -1 Hz"):
        read_npz(tmp_path / "m.npz", rate_hz=-1.0)


@given(content=st.binary(max_size=300), cut=st.integers(0, 2000), at=st.integers(0, 2000))
def test_a_damaged_npz_leaves_no_traceback(tmp_path_factory, content, cut, at):
    path = tmp_path_factory.mktemp("npz") / "m.npz"
    np.savez_compressed(path, eeg=np.arange(50.0), fs=128)
    sound = path.read_bytes()
    path.write_bytes((sound[:at] + content + sound[at + len(content) :])[: cut or None])
    try:
        recording = read_npz(path)
    except SpindleError as error:
        assert path.name in str(error) and "\n" not in str(error)
    else:
        assert all(len(whole(channel)) == channel.samples for channel in recording.channels)


def table(separator: str = ",", decimal: str = ".", rows: int = 1000) -> str:
    pairs = zip(EEG[:rows], EMG[:rows], strict=True)
    lines = [separator.join(f"{value:.17g}".replace(".", decimal) for value in pair) for pair in pairs]
    return "\n".join([separator.join(["eeg", "emg"]), *lines]) + "\n"


@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), (";", "."), ("\t", ".")])
def test_csv_of_any_country_is_read(tmp_path, monkeypatch, separator, decimal):
    monkeypatch.setattr(tabular, "_ROWS", 300)
    path = text(tmp_path / "m.csv", table(separator, decimal))
    check(read_csv(path, rate_hz=128.0), 128, eeg=EEG, emg=EMG)


def test_a_byte_order_mark_quotes_spaces_and_row_numbers_are_no_obstacle(tmp_path):
    path = text(tmp_path / "m.csv", '\ufeff,"eeg", emg\r\n0, 1.5, 2\r\n1, 2.5, 3\r\n')
    recording = read_csv(path, rate_hz=128.0)
    assert recording.labels == ("column 1", "eeg", "emg")
    np.testing.assert_array_equal(whole(recording.channels[1]), [1.5, 2.5])


def test_empty_cells_are_missing(tmp_path):
    path = text(tmp_path / "m.csv", "eeg,emg\n1,2\n,3\nNaN,inf\n4,\n")
    eeg, emg = read_csv(path, rate_hz=128.0).channels
    np.testing.assert_array_equal(whole(eeg), [1, np.nan, np.nan, 4])
    np.testing.assert_array_equal(whole(emg), [2, 3, np.nan, np.nan])


@pytest.mark.parametrize(("rate_hz", "decimals"), [(128, 3), (512, 3), (200, 3), (500 / 3, 9), (199.998, 6)])
def test_a_regular_time_column_gives_the_rate(tmp_path, rate_hz, decimals):
    times = [f"{100 + n / rate_hz:.{decimals}f}" for n in range(100_000)]
    path = tmp_path / "m.csv"
    pd.DataFrame({"time_s": times, "eeg": np.arange(100_000)}).to_csv(path, index=False)
    (channel,) = read_csv(path).channels
    assert channel.label == "eeg"
    assert channel.rate_hz == (rate_hz if isinstance(rate_hz, int) else pytest.approx(rate_hz, rel=1e-6))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("eeg,emg\n1,2\n3,x\n", "row 2 of column 'emg' holds 'x', which is no number"),
        ("eeg,emg\n1,2\n", "does not say at what rate"),
        ("1,2\n3,4\n", "needs a first row with the names of its columns"),
        ("eeg,eeg\n1,2\n", "names that differ; it has eeg, eeg"),
        ("eeg,emg\n", "no signals named|no samples"),
        ("eeg,emg\n1,2,3\n", "is not a CSV file that can be read"),
        (
            "time_s,eeg\n0,1\n0.1,1\n0.2,1\n9.3,1\n9.4,1\n9.5,1\n",
            r"row 4 comes 9\.1 s after the row before it, most others",
        ),
        ("time_s,eeg\n0,1\n-1,1\n", "does not run forwards"),
        ("time_s,eeg\n0,1\n", "does not run forwards"),
        ("time_s,eeg\n0,1\n,1\n0.2,1\n0.3,1\n", "is not regular"),
        ("time_s,eeg\n10:00,1\n10:01,1\n", "row 1 of column 'time_s' holds '10:00'"),
    ],
)
def test_a_csv_that_cannot_be_scored_is_refused(tmp_path, content, message):
    with pytest.raises(RecordingError, match=message):
        read_csv(text(tmp_path / "m.csv", content))


def test_a_text_column_beside_the_signals_is_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(tabular, "_ROWS", 2)
    path = text(tmp_path / "m.csv", "eeg,emg,remark\n1,2,3\n1,2,4\n1,2,moved\n1,2,5\n")
    recording = read_csv(path, rate_hz=128.0)
    assert recording.labels == ("eeg", "emg")
    assert "Column 'remark' is left out: row 3 of column 'remark' holds 'moved', which is no number." in recording.notes


@given(content=st.binary(max_size=200) | st.text(alphabet="eg,;.\n0123456789nan\"'-", max_size=200).map(str.encode))
def test_any_text_as_csv_leaves_no_traceback(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "m.csv"
    path.write_bytes(b"eeg,emg\n" + content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            recording = read_csv(path, rate_hz=128.0)
        except SpindleError as error:
            assert path.name in str(error)
        else:
            assert all(len(whole(channel)) == channel.samples > 0 for channel in recording.channels)


def parquet(path, columns: dict[str, object], metadata: dict[str, str] | None = None, rows: int = 300):
    data = pa.table(columns).replace_schema_metadata(metadata)
    pq.write_table(data, path, row_group_size=rows)
    return path


def test_parquet_is_read_by_row_groups(tmp_path):
    path = parquet(tmp_path / "m.parquet", {"eeg1": EEG, "eeg2": EEG * 2, "emg": EMG}, {"rate_hz": "200"})
    recording = read_parquet(path)
    check(recording, 200, eeg1=EEG, eeg2=EEG * 2, emg=EMG)
    for start, stop in [(0, 1), (299, 301), (250, 950), (900, 2000), (-3, 4), (5, 5), (7, 2)]:
        np.testing.assert_allclose(
            recording.channels[0].read(start, stop), EEG[max(start, 0) : max(stop, 0)], rtol=1e-6
        )


def test_parquet_takes_its_rate_from_a_time_column_and_missing_cells_are_missing(tmp_path):
    columns = {
        "time_s": np.arange(4) / 128,
        "eeg": pa.array([1, None, 3, 4]),
        "emg": [1.0, np.inf, np.nan, 2],
        "t": list("abcd"),
    }
    recording = read_parquet(parquet(tmp_path / "m.parquet", columns))
    assert recording.labels == ("eeg", "emg")
    assert recording.channels[0].rate_hz == 128
    np.testing.assert_array_equal(whole(recording.channels[0]), [1, np.nan, 3, 4])
    np.testing.assert_array_equal(whole(recording.channels[1]), [1, np.nan, np.nan, 2])


@pytest.mark.parametrize(
    ("columns", "metadata", "message"),
    [
        ({"eeg": EEG}, None, "does not say at what rate"),
        ({"eeg": EEG}, {"fs": "fast"}, "'fs' of m.parquet is fast"),
        ({"eeg": ["a"]}, {"fs": "128"}, "Column 'eeg' of m.parquet holds string, not numbers"),
        ({"name": ["a"]}, {"fs": "128"}, "no signals named eeg.*; it has name"),
        ({"eeg": pa.array([], pa.float32())}, {"fs": "128"}, "m.parquet has no rows"),
        ({"time_s": ["a", "b"], "eeg": [1, 2]}, None, "is not a Parquet file that can be read"),
    ],
)
def test_a_parquet_file_that_cannot_be_scored_is_refused(tmp_path, columns, metadata, message):
    with pytest.raises(RecordingError, match=message):
        read_parquet(parquet(tmp_path / "m.parquet", columns, metadata))


def test_a_damaged_parquet_file_is_refused(tmp_path):
    path = parquet(tmp_path / "m.parquet", {"eeg": EEG, "emg": EMG}, {"rate_hz": "200"})
    sound = path.read_bytes()
    channel = read_parquet(path).channels[0]
    path.write_bytes(sound[:100] + b"\0" * 4000 + sound[4100:])
    with pytest.raises(RecordingError, match=r"Column 'eeg' of m\.parquet cannot be read"):
        channel.read(0, 10)
    path.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(RecordingError, match="is not a Parquet file that can be read"):
        read_parquet(path)


@pytest.mark.real_data
def test_real_arrays_are_read_and_several_runs_in_one_file_refused(real_data):
    recording = read_npz(real_data / "sleep" / "mouse_lishen_128hz_f4.npz")
    assert [(one.label, one.rate_hz, one.samples) for one in recording.channels] == [
        ("eeg", 128, 222954),
        ("emg", 128, 222954),
    ]
    with pytest.raises(
        RecordingError, match=r"differ in length .* a file holds one recording, so give each run its own"
    ):
        read_npz(real_data / "sleep" / "mouse_unlabelled_200hz_4s_i16.npz")
