"""One door for all files: dispatch by content, and clear words for what is no recording."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindle.edf import write_edf
from spindle.errors import RecordingError, SpindleError
from spindle.reading import read_recording
from spindle.recording import Channel

EEG = np.random.default_rng(0).normal(0, 50, 1280)


def write(path, kind: str):
    if kind == "edf":
        write_edf(path, [Channel.from_array(name, EEG, 128.0) for name in ("eeg", "emg")])
    elif kind == "npz":
        with path.open("wb") as file:
            np.savez(file, eeg=EEG, emg=EEG, fs=128)
    elif kind == "csv":
        pd.DataFrame({"time_s": np.arange(1280) / 128, "eeg": EEG, "emg": EEG}).to_csv(path, index=False)
    else:
        pd.DataFrame({"time_s": np.arange(1280) / 128, "eeg": EEG, "emg": EEG}).to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("edf", "mouse.edf"),
        ("edf", "mouse.rec"),
        ("edf", "mouse.csv"),
        ("edf", "mouse"),
        ("npz", "mouse.npz"),
        ("npz", "mouse.dat"),
        ("csv", "mouse.CSV"),
        ("csv", "mouse.txt"),
        ("parquet", "mouse.parquet"),
        ("parquet", "mouse.bin"),
    ],
)
def test_content_goes_before_the_suffix(tmp_path, kind, name):
    recording = read_recording(write(tmp_path / name, kind))
    assert recording.labels == ("eeg", "emg")
    assert (recording.name, recording.path) == ("mouse", tmp_path / name)
    for channel in recording.channels:
        assert channel.rate_hz == 128
        np.testing.assert_allclose(channel.read(0, 1280), EEG, atol=0.01)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.edf", b"", r"m\.edf is empty"),
        ("m.edf", b"not an edf at all" * 100, r"m\.edf is not an EDF or BDF file"),
        ("m.bdf", b"not an edf at all" * 100, r"m\.bdf is not an EDF or BDF file"),
        ("m.npz", b"not an npz at all", r"m\.npz is not an NPZ file"),
        ("m.xlsx", b"PK\3\4 some workbook", r"m\.xlsx is not an NPZ file"),
        ("m.parquet", b"not parquet at all", r"m\.parquet is not a Parquet file"),
        ("m.pq", b"PAR1 cut", r"m\.pq is not a Parquet file"),
        ("m.csv", b"\0\1\2\3 binary", r"m\.csv is not a CSV file"),
        ("m.doc", b"\0\1\2\3 binary", r"m\.doc is of no format that can be read"),
    ],
)
def test_what_is_no_recording_is_one_clear_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordingError, match=message):
        read_recording(tmp_path / name)


def test_missing_files_and_folders_are_clear_errors(tmp_path):
    with pytest.raises(RecordingError, match=r"There is no file .*nowhere\.edf"):
        read_recording(tmp_path / "nowhere.edf")
    with pytest.raises(RecordingError, match="is a folder, not a recording"):
        read_recording(tmp_path)
    (tmp_path / "m.mff").mkdir()
    with pytest.raises(RecordingError, match=r"m\.mff is of no format"):
        read_recording(tmp_path / "m.mff")


def test_a_rate_for_a_file_that_says_its_own_is_said_to_be_unused(tmp_path):
    recording = read_recording(write(tmp_path / "mouse.edf", "edf"), rate_hz=200.0)
    assert recording.channels[0].rate_hz == 128
    assert "The rate of 200 Hz that was given is not used: mouse.edf says its own." in recording.notes


def test_a_rate_reaches_files_that_do_not_say_theirs(tmp_path):
    (tmp_path / "m.csv").write_text("eeg,emg\n1,2\n3,4\n")
    np.savez(tmp_path / "m.npz", eeg=EEG)
    pd.DataFrame({"eeg": EEG}).to_parquet(tmp_path / "m.parquet")
    for name in ("m.csv", "m.npz", "m.parquet"):
        assert read_recording(tmp_path / name, rate_hz=99.5).channels[0].rate_hz == 99.5


@given(
    name=st.sampled_from(["m.edf", "m.npz", "m.csv", "m.parquet", "m"]),
    start=st.sampled_from([b"", b"0       ", b"\xffBIOSEMI", b"PK\3\4", b"PAR1", b"eeg,emg\n"]),
    content=st.binary(max_size=600),
)
def test_any_bytes_under_any_name_leave_no_traceback(tmp_path_factory, name, start, content):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(start + content)
    with pytest.MonkeyPatch.context() as patch:
        # Its parsers have tests of their own, and take long to say no.
        patch.setitem(sys.modules, "mne", None)
        try:
            recording = read_recording(path, rate_hz=128.0)
        except SpindleError as error:
            assert name in str(error) and "\n" not in str(error)
        else:
            assert all(channel.samples > 0 for channel in recording.channels)
