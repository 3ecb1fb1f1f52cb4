"""Broken files give a recording that can be read or one SpindleError; no other exception and no warning."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spindle.edf import read_annotations, read_edf
from spindle.errors import SpindleError

KINDS = [("", False), ("EDF+C", False), ("EDF+D", False), ("24BIT", True), ("BDF+D", True)]
FIELD_STARTS = [0, 8, 88, 168, 176, 184, 192, 236, 244]
WORDS = [
    b"-1",
    b"0",
    b"1",
    b"nan",
    b"inf",
    b"1e9",
    b"-5",
    b"x",
    b"99999999",
    b"\xff\xfe",
    b"\0\0\0\0",
    b"0.001",
    b"1_0",
]


def sound(maker, kind: str, bdf: bool) -> bytes:
    """A file of 6 records without fault; in the discontinuous kinds with a gap."""
    rng = np.random.default_rng(1)
    signals = [
        maker.Signal(label="EEG", digital=rng.integers(-3000, 3000, (6, 8))),
        maker.Signal(label="EMG", digital=rng.integers(-3000, 3000, (6, 4))),
    ]
    onsets = ["+0", "+1", "+2", "+5", "+6", "+7"] if kind.endswith("D") else [f"+{n}" for n in range(6)]
    if kind.endswith(("C", "D")):
        signals.append(maker.stamps(onsets, [b"+1.5\x154\x14wake\x14\0"], bdf=bdf))
    return maker.file_bytes(signals, kind=kind, bdf=bdf)


def try_to_read(path) -> None:
    """Open the file and read a piece of everything."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (read_edf, read_annotations):
            try:
                recording = read(path)
                for channel in recording.channels:
                    assert channel.samples > 0 and 0 < channel.rate_hz < np.inf
                    middle = channel.samples // 2
                    for start, stop in [(0, 50), (middle, middle + 50), (channel.samples - 50, channel.samples)]:
                        piece = channel.read(start, stop)
                        assert len(piece) == min(stop, channel.samples) - max(start, 0)
                        assert not np.isinf(piece).any()
            except SpindleError as error:
                # One sentence, and nothing in it that a terminal would not show.
                message = str(error)
                assert path.name in message and "\n" not in message and message.isprintable()


@pytest.mark.parametrize(("kind", "bdf"), KINDS)
def test_the_sound_file_is_sound(make, kind, bdf):
    recording = read_edf(make(sound(make, kind, bdf)))
    assert recording.labels == ("EEG", "EMG")
    assert recording.channels[0].duration_s == (8 if kind.endswith("D") else 6)


@settings(max_examples=400)
@given(
    kind=st.sampled_from(KINDS),
    changes=st.lists(st.tuples(st.integers(0, 1100), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
)
def test_random_bytes_anywhere_leave_no_traceback(make_anywhere, kind, changes):
    content = bytearray(sound(make_anywhere, *kind))
    for position, noise in changes:
        content[position : position + len(noise)] = noise
    try_to_read(make_anywhere(bytes(content)))


@settings(max_examples=400)
@given(
    kind=st.sampled_from(KINDS),
    changes=st.lists(st.tuples(st.integers(0, 39), st.sampled_from(WORDS)), min_size=1, max_size=3),
)
def test_nonsense_in_whole_fields_leaves_no_traceback(make_anywhere, kind, changes):
    content = bytearray(sound(make_anywhere, *kind))
    count = int(content[252:256])
    widths = [16, 80, 8, 8, 8, 8, 8, 80, 8, 32]
    starts = [256 + count * sum(widths[:n]) + k * width for n, width in enumerate(widths) for k in range(count)]
    fields = [(start, 8) for start in FIELD_STARTS + starts] + [(252, 4)]
    for number, word in changes:
        start, width = fields[number % len(fields)]
        content[start : start + width] = word.ljust(width)[:width]
    try_to_read(make_anywhere(bytes(content)))


@settings(max_examples=200)
@given(kind=st.sampled_from(KINDS), first=st.integers(0, 130), second=st.integers(0, 130))
def test_swapped_pieces_of_the_header_leave_no_traceback(make_anywhere, kind, first, second):
    content = bytearray(sound(make_anywhere, *kind))
    one, other = slice(8 * first, 8 * first + 8), slice(8 * second, 8 * second + 8)
    content[one], content[other] = content[other], content[one]
    try_to_read(make_anywhere(bytes(content)))


@settings(max_examples=200)
@given(kind=st.sampled_from(KINDS), length=st.integers(0, 1300), tail=st.binary(max_size=40))
def test_files_cut_anywhere_leave_no_traceback(make_anywhere, kind, length, tail):
    try_to_read(make_anywhere(sound(make_anywhere, *kind)[:length] + tail))


@given(kind=st.sampled_from(KINDS), cut=st.integers(1, 150))
def test_a_file_that_lost_its_end_is_never_read_as_if_it_were_whole(make_anywhere, kind, cut):
    path = make_anywhere(sound(make_anywhere, *kind)[:-cut])
    with pytest.raises(SpindleError, match=r"truncated|no data records"):
        read_edf(path)


@given(content=st.binary(max_size=2000), bdf=st.booleans())
def test_anything_behind_the_first_eight_bytes_leaves_no_traceback(make_anywhere, content, bdf):
    try_to_read(make_anywhere((b"\xffBIOSEMI" if bdf else b"0       ") + content))
