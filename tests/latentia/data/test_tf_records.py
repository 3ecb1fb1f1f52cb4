from __future__ import annotations

from pathlib import Path

import pytest

from latentia.data.tf_records import parse_example, read_images
from latentia.errors import DataError

# From TensorFlow's guide "TFRecord and tf.train.Example": what it writes for feature0 = False, feature1 = 4,
# feature2 = b"goat" and feature3 = 0.9876.
GUIDE = (
    b"\nR\n\x14\n\x08feature2\x12\x08\n\x06\n\x04goat\n\x11\n\x08feature1\x12\x05\x1a\x03\n\x01\x04"
    b"\n\x14\n\x08feature3\x12\x08\x12\x06\n\x04[\xd3|?\n\x11\n\x08feature0\x12\x05\x1a\x03\n\x01\x00"
)


def test_an_example_that_tensorflow_wrote_is_read() -> None:
    example = parse_example(GUIDE)
    assert example.bytes == {"feature2": [b"goat"]}
    assert example.whole_numbers == {"feature1": [4], "feature0": [0]}


@pytest.mark.parametrize("packed", [b"\x0a\x05\x80\x02\x01\xac\x02", b"\x08\x80\x02\x08\x01\x08\xac\x02"])
def test_whole_numbers_are_read_packed_or_one_by_one(packed: bytes) -> None:
    """256, 1 and 300: protocol buffers allow both ways and readers must take both."""
    values = b"\x1a" + bytes([len(packed)]) + packed
    entry = b"\x0a\x05shape\x12" + bytes([len(values)]) + values
    features = b"\x0a" + bytes([len(entry)]) + entry
    assert parse_example(b"\x0a" + bytes([len(features)]) + features).whole_numbers == {"shape": [256, 1, 300]}


@pytest.mark.parametrize(
    "content",
    [b"text that is no record", b"\x05" + bytes(11) + b"abc", b"\x03" + bytes(11) + b"abc" + bytes(4), bytes(16)],
)
def test_what_is_no_record_of_an_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tfrecords").write_bytes(content)
    with pytest.raises(DataError, match=r"a.tfrecords cannot be read as a TFRecord file of images"):
        list(read_images(tmp_path / "a.tfrecords"))
