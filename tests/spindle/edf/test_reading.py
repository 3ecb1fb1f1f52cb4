"""Reading of hand-made files, each with one property that real files have."""

from datetime import datetime

import edfio
import numpy as np
import pytest

from spindle.edf import is_edf, read_annotations, read_edf, records
from spindle.errors import RecordingError


def ramp(rows: int, samples: int, first: int = 0) -> np.ndarray:
    return first + np.arange(rows * samples).reshape(rows, samples)


def whole(channel) -> np.ndarray:
    return channel.read(0, channel.samples)


def unit_gain(make, **more):
    return make.Signal(physical=("-32768", "32767"), **more)


def test_samples_are_calibrated_by_the_ranges_of_the_header(make):
    digital = np.array([[-2048, 0, 2047]])
    signal = make.Signal(physical=("-500", "300"), range=("-2048", "2047"), digital=digital)
    (channel,) = read_edf(make(make.file_bytes([signal]))).channels
    expected = (digital[0] + 2048) * 800 / 4095 - 500
    np.testing.assert_allclose(whole(channel), expected, rtol=1e-6)
    assert (channel.rate_hz, channel.samples, channel.unit) == (3.0, 3, "uV")


def test_an_inverted_physical_range_inverts_the_signal(make):
    signal = make.Signal(physical=("100", "-100"), range=("-100", "100"), digital=np.array([[-100, 50]]))
    (channel,) = read_edf(make(make.file_bytes([signal]))).channels
    np.testing.assert_allclose(whole(channel), [100, -50])


@pytest.mark.parametrize(
    ("unit", "scale"), [("V", 1e6), ("mV", 1e3), ("uV", 1), ("µV", 1), (b"\xc2\xb5V", 1), (b"\xb5V", 1), ("nV", 1e-3)]
)
def test_voltages_come_in_microvolts_however_the_unit_is_written(make, unit, scale):
    (channel,) = read_edf(make(make.file_bytes([unit_gain(make, unit=unit, digital=ramp(1, 4))]))).channels
    np.testing.assert_allclose(whole(channel), np.arange(4) * scale, rtol=1e-6)
    assert channel.unit == "uV"


def test_other_units_and_latin_1_labels_stay(make):
    (channel,) = read_edf(
        make(make.file_bytes([unit_gain(make, unit="°C", label="Körper", digital=ramp(1, 4))]))
    ).channels
    assert (channel.unit, channel.label) == ("°C", "Körper")


@pytest.mark.parametrize(
    ("samples", "record_s", "rate_hz"),
    [(500, "3", 500 / 3), (399, "2", 199.5), (64, "0.5", 128), (128, "0,5", 256), (12800, "100", 128)],
)
def test_the_rate_follows_from_the_record_length(make, samples, record_s, rate_hz):
    path = make(make.file_bytes([unit_gain(make, digital=ramp(2, samples))], record_s=record_s))
    (channel,) = read_edf(path).channels
    assert channel.rate_hz == pytest.approx(rate_hz, rel=1e-12)
    np.testing.assert_array_equal(whole(channel), np.arange(2 * samples))


def test_channels_of_different_rates_keep_their_own(make):
    signals = [
        unit_gain(make, label="EEG", digital=ramp(5, 8)),
        unit_gain(make, label="Temp", digital=ramp(5, 1, 100)),
        unit_gain(make, label="EMG", digital=ramp(5, 4, 500)),
    ]
    recording = read_edf(make(make.file_bytes(signals)))
    assert recording.labels == ("EEG", "Temp", "EMG")
    assert [channel.rate_hz for channel in recording.channels] == [8, 1, 4]
    for channel, signal in zip(recording.channels, signals, strict=True):
        np.testing.assert_array_equal(whole(channel), signal.digital.ravel())


def test_bdf_samples_have_24_bits_and_a_sign(make):
    digital = np.array([[-8388608, -1, 0, 1, 8388607, 65536, -65537]])
    signal = make.Signal(physical=("-8388608", "8388607"), range=("-8388608", "8388607"), digital=digital)
    (channel,) = read_edf(make(make.file_bytes([signal], bdf=True, kind="24BIT"), "mouse.bdf")).channels
    np.testing.assert_array_equal(whole(channel), digital[0])


@pytest.mark.parametrize("bdf", [False, True])
def test_a_slice_equals_the_same_slice_of_the_whole(make, bdf, monkeypatch):
    monkeypatch.setattr(records, "BLOCK_BYTES", 100)
    other = unit_gain(make, label="other", digital=ramp(40, 3))
    signal = unit_gain(make, digital=ramp(40, 7))
    path = make(make.file_bytes([other, signal], bdf=bdf))
    channel = read_edf(path).channels[1]
    expected = np.arange(280)
    np.testing.assert_array_equal(whole(channel), expected)
    ranges = [(0, 1), (6, 8), (7, 14), (100, 250), (279, 280), (270, 400), (-5, 3), (9, 9), (20, 10), (300, 400)]
    for start, stop in ranges:
        np.testing.assert_array_equal(channel.read(start, stop), expected[max(start, 0) : max(stop, 0)])
    assert channel.read(3, 5).dtype == np.float32


def test_another_reader_sees_the_same_samples(make):
    rng = np.random.default_rng(5)
    signals = [make.Signal(label=f"EEG{n}", digital=rng.integers(-32768, 32768, (6, 5 * n + 3))) for n in range(3)]
    path = make(make.file_bytes([signals[0], make.stamps([f"+{n}" for n in range(6)]), *signals[1:]], kind="EDF+C"))
    theirs = edfio.read_edf(path)
    ours = read_edf(path)
    assert ours.start == theirs.startdatetime
    for mine, their in zip(ours.channels, theirs.signals, strict=True):
        assert mine.label == their.label
        np.testing.assert_allclose(whole(mine), their.data, atol=1e-4)


def test_gaps_of_edf_plus_d_are_nan(make):
    signals = [unit_gain(make, digital=ramp(3, 4)), unit_gain(make, label="slow", digital=ramp(3, 2))]
    onsets = ["+0", "+1", "+4.5"]
    recording = read_edf(make(make.file_bytes([*signals, make.stamps(onsets)], kind="EDF+D")))
    nan = np.nan
    fast, slow = recording.channels
    np.testing.assert_array_equal(whole(fast), [*range(8), *[nan] * 10, *range(8, 12)])
    np.testing.assert_array_equal(whole(slow), [*range(4), *[nan] * 5, 4, 5])
    assert fast.samples == 22
    np.testing.assert_array_equal(fast.read(6, 19), [6, 7, *[nan] * 10, 8])
    np.testing.assert_array_equal(fast.read(10, 14), [nan] * 4)
    np.testing.assert_array_equal(fast.read(18, 20), [8, 9])
    assert recording.notes == ("The recording has 1 gap, together 2.5 s without data.",)


def test_gaps_of_bdf_plus_d_are_nan(make):
    signals = [unit_gain(make, digital=ramp(2, 2)), make.stamps(["+0", "+2"], bdf=True)]
    (channel,) = read_edf(make(make.file_bytes(signals, kind="BDF+D", bdf=True))).channels
    np.testing.assert_array_equal(whole(channel), [0, 1, np.nan, np.nan, 2, 3])


def test_a_file_that_wrongly_calls_itself_continuous_is_placed_by_its_time_stamps(make):
    signals = [unit_gain(make, digital=ramp(2, 2)), make.stamps(["+0", "+2"])]
    recording = read_edf(make(make.file_bytes(signals, kind="EDF+C")))
    np.testing.assert_array_equal(whole(recording.channels[0]), [0, 1, np.nan, np.nan, 2, 3])
    assert any("say otherwise" in note for note in recording.notes)


@pytest.mark.parametrize("onsets", [["+0", "+0", "+0"], ["+0", "", "+2"]])
def test_impossible_time_stamps_of_a_continuous_file_are_noted_and_ignored(make, onsets):
    recording = read_edf(
        make(make.file_bytes([unit_gain(make, digital=ramp(3, 2)), make.stamps(onsets)], kind="EDF+C"))
    )
    np.testing.assert_array_equal(whole(recording.channels[0]), range(6))
    assert any("time stamp" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("onsets", "message"),
    [
        (["+0", "+0.5", "+2"], "record 2 of mouse07.edf starts at 0.5 s, before the one before it ends at 1 s"),
        (["+5", "+1", "+2"], "record 2 of mouse07.edf starts at 1 s"),
        (["+0", "nonsense", "+2"], "record 2 of mouse07.edf has no time stamp"),
        (["+0", "+1", "+99999999999"], "days after"),
    ],
)
def test_records_of_edf_plus_d_without_a_place_are_refused(make, onsets, message):
    path = make(make.file_bytes([unit_gain(make, digital=ramp(3, 2)), make.stamps(onsets)], kind="EDF+D"))
    with pytest.raises(RecordingError, match=message):
        read_edf(path)


def test_edf_plus_d_without_time_stamps_is_refused(make):
    path = make(make.file_bytes([unit_gain(make, digital=ramp(3, 2))], kind="EDF+D"))
    with pytest.raises(RecordingError, match="calls itself EDF\\+D but has no time stamps"):
        read_edf(path)


def test_a_drifting_clock_makes_rare_gaps_and_no_sprinkled_ones(make):
    onsets = [f"+{n * 1.001:.3f}" for n in range(100)]
    signals = [unit_gain(make, digital=ramp(100, 100)), make.stamps(onsets)]
    (channel,) = read_edf(make(make.file_bytes(signals, kind="EDF+D"))).channels
    missing = np.flatnonzero(np.isnan(whole(channel)))
    assert channel.samples == 100 * 100 + len(missing)
    assert np.count_nonzero(np.diff(missing) > 1) == 3


def test_annotations_count_from_the_first_sample(make):
    signals = [
        unit_gain(make, digital=ramp(2, 2)),
        make.stamps(["+0.25", "+1.25"], [b"", b"+1.75\x150.5\x14light on\x14\0"]),
    ]
    recording = read_edf(make(make.file_bytes(signals, kind="EDF+C")))
    (annotation,) = recording.annotations
    assert (annotation.onset_s, annotation.duration_s, annotation.text) == (1.5, 0.5, "light on")
    assert recording.start == datetime(2021, 3, 2, 10, 20, 30, 250000)
    assert recording.channels[0].samples == 4


def test_all_remarks_of_all_annotation_signals_come_in_order(make):
    first = make.stamps(["+0", "+1"], [b"+0.5\x14b\x14c\x14\0", b"broken\0+1.5\x14d\xff\x14\0"])
    second = make.Signal(label="EDF Annotations", raw=[b"+0.25\x14a\x14\0".ljust(20, b"\0"), b"\0" * 20])
    recording = read_edf(make(make.file_bytes([first, unit_gain(make, digital=ramp(2, 2)), second], kind="EDF+C")))
    assert [one.text for one in recording.annotations] == ["a", "b", "c", "d\N{REPLACEMENT CHARACTER}"]
    np.testing.assert_array_equal(whole(recording.channels[0]), range(4))


def test_a_file_of_annotations_only_can_be_read_for_them(make):
    path = make(make.file_bytes([make.stamps(["+0"], [b"+4\x154\x14wake\x14\0"])], kind="EDF+C", record_s="0"))
    assert [one.text for one in read_annotations(path).annotations] == ["wake"]
    with pytest.raises(RecordingError, match="holds annotations but no signals"):
        read_edf(path)


@pytest.mark.parametrize(
    ("date", "time"), [("99.99.99", "00.00.00"), ("", ""), ("02.03.21", "25.00.00"), ("ab.cd.ef", "x")]
)
def test_a_bad_date_does_not_stop_reading(make, date, time):
    recording = read_edf(make(make.file_bytes([make.Signal(digital=ramp(1, 2))], date=date, time=time)))
    assert recording.start is None
    assert recording.notes == ("The header has no valid date; times count from the first sample.",)


@pytest.mark.parametrize(
    ("date", "recording", "start"),
    [
        ("02.03.21", "", datetime(2021, 3, 2, 10, 20, 30)),
        ("02.03.85", "", datetime(1985, 3, 2, 10, 20, 30)),
        (" 2/ 3/21", "", datetime(2021, 3, 2, 10, 20, 30)),
        ("2-3-21", "", datetime(2021, 3, 2, 10, 20, 30)),
        ("02.03.yy", "Startdate 02-MAR-2091 X X X", datetime(2091, 3, 2, 10, 20, 30)),
        ("02.03.21", "Startdate X X X X", datetime(2021, 3, 2, 10, 20, 30)),
    ],
)
def test_dates_are_read_as_recorders_write_them(make, date, recording, start):
    content = make.file_bytes([make.Signal(digital=ramp(1, 2))], date=date, recording=recording)
    assert read_edf(make(content)).start == start


def test_a_duplicate_or_empty_label_is_no_obstacle(make):
    signals = [make.Signal(label=label, digital=ramp(1, 2)) for label in ("EEG", "EEG", "")]
    assert read_edf(make(make.file_bytes(signals))).labels == ("EEG", "EEG", "channel 3")


def test_a_file_the_recorder_did_not_close_is_read_as_far_as_it_goes(make):
    content = make.file_bytes([unit_gain(make, digital=ramp(3, 4))], records="-1")
    for tail in (b"", b"abc"):
        recording = read_edf(make(content + tail))
        np.testing.assert_array_equal(whole(recording.channels[0]), range(12))
        assert "The recorder did not close the file: it holds 3 whole data records" in recording.notes[0]
        assert ("3 bytes" in recording.notes[0]) == bool(tail)


def test_bytes_after_the_promised_records_are_noted(make):
    recording = read_edf(make(make.file_bytes([unit_gain(make, digital=ramp(3, 4))]) + b"abcd"))
    assert recording.channels[0].samples == 12
    assert recording.notes == ("The file goes on for 4 bytes after the 3 data records that its header gives.",)


def test_a_truncated_file_is_refused_with_both_counts(make):
    content = make.file_bytes([make.Signal(digital=ramp(10, 4))])
    with pytest.raises(RecordingError, match="promises 10 data records of 1 s, the file holds 7 and a part of one"):
        read_edf(make(content[:-20]))
    with pytest.raises(RecordingError, match="promises 10 data records of 1 s, the file holds 9;"):
        read_edf(make(content[:-8]))
    with pytest.raises(RecordingError, match="truncated: it ends within its header"):
        read_edf(make(content[:200]))
    with pytest.raises(RecordingError, match="truncated: its header has 512 bytes"):
        read_edf(make(content[:300]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"records": "0"}, "no data records"),
        ({"records": "many"}, "number of data records is 'many'"),
        ({"records": "-7"}, "number of data records is '-7'"),
        ({"records": ""}, "number of data records is ''"),
        ({"record_s": "0"}, "a data record lasts 0 s"),
        ({"record_s": "-1"}, "a data record lasts -1 s"),
        ({"record_s": "nan"}, "duration of a data record is 'nan'"),
        ({"record_s": "1e-300"}, "'EEG' has 4 samples in 1e-300 s"),
    ],
)
def test_a_nonsensical_file_header_is_refused_by_name(make, changes, message):
    with pytest.raises(RecordingError, match=message):
        read_edf(make(make.file_bytes([make.Signal(digital=ramp(3, 4))], **changes)))


@pytest.mark.parametrize("samples", ["0", "-4", "four", "1.5"])
def test_a_nonsensical_number_of_samples_is_refused(make, samples):
    with pytest.raises(RecordingError, match=f"number of samples of 'EEG' is '{samples}'"):
        read_edf(make(make.file_bytes([make.Signal(digital=ramp(3, 4), samples=samples)])))


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"range": ("5", "5")}, "5 both as its digital minimum and as its digital maximum"),
        ({"physical": ("0", "0")}, "0 both as its physical minimum"),
        ({"physical": ("-1", "x")}, "physical maximum of 'bad' is 'x', which is no number"),
        ({"physical": ("-1e308", "1e308")}, "physical range"),
    ],
)
def test_a_channel_without_a_scale_fails_when_it_is_used_and_spoils_no_other(make, ranges, message):
    signals = [make.Signal(label="bad", digital=ramp(1, 2), **ranges), unit_gain(make, digital=ramp(1, 2))]
    bad, good = read_edf(make(make.file_bytes(signals))).channels
    np.testing.assert_array_equal(whole(good), [0, 1])
    with pytest.raises(RecordingError, match=message):
        bad.read(0, 1)


def test_what_is_no_edf_is_refused(make):
    with pytest.raises(RecordingError, match=r"mouse07.edf is empty\."):
        read_edf(make(b""))
    with pytest.raises(RecordingError, match="is not an EDF or BDF file"):
        read_edf(make(b"time,eeg,emg\n" * 100))
    with pytest.raises(RecordingError, match="no data records"):
        read_edf(make(make.file_bytes([make.Signal(digital=np.zeros((0, 4)))])))
    with pytest.raises(RecordingError, match="number of signals is '0'"):
        read_edf(make(make.file_bytes([])))


def test_a_file_that_vanishes_while_it_is_read_is_one_clear_error(make):
    path = make(make.file_bytes([make.Signal(digital=ramp(3, 4))]))
    (channel,) = read_edf(path).channels
    path.unlink()
    with pytest.raises(RecordingError, match=r"mouse07.edf changed or went away"):
        channel.read(0, 4)


def test_the_first_bytes_tell_edf_and_bdf_from_the_rest():
    assert is_edf(b"0       ") and is_edf(b"\xffBIOSEMI")
    assert not is_edf(b"") and not is_edf(b"0,1,2,3,4") and not is_edf(b"PK\3\4")


@pytest.mark.real_data
def test_a_real_file_of_eight_mice_reads_as_another_reader_reads_it(real_data):
    path = real_data / "sleep" / "mouse_faster2_8mice_128hz.edf"
    recording = read_edf(path)
    theirs = edfio.read_edf(path)
    assert len(recording.channels) == 16
    for mine, their in zip(recording.channels, theirs.signals, strict=True):
        assert (mine.label, mine.rate_hz, mine.duration_s) == (their.label, 128, 248)
        np.testing.assert_allclose(whole(mine), their.data, atol=1e-4)
