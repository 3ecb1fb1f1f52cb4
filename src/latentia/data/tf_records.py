"""Reads images from TFRecord files without TensorFlow: a frame around each record, and in it a protocol buffer.

A frame is the length (8 bytes, little-endian) and its checksum (4), the record, and its checksum (4). The checksums
are not compared: they guard against bad disks, and reading them would take longer than all else. The record is a
`tf.train.Example`: named lists of bytes, floats or whole numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from latentia.errors import DataError


def read_images(path: Path) -> Iterator[UInt8[np.ndarray, "height width channels"]]:
    """Yield the images of a file: `data`, bytes, in the `shape` that stands beside it.

    Errors: DataError where the file is damaged or holds something else.
    """
    try:
        for record in _records(path):
            example = parse_example(record)
            yield np.frombuffer(example.bytes["data"][0], np.uint8).reshape(example.whole_numbers["shape"])
    except (OSError, struct.error, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{path} cannot be read as a TFRecord file of images: {error}") from error


@dataclass(frozen=True)
class Example:
    """The named lists of bytes and of whole numbers in a `tf.train.Example`; those of floats are left out."""

    bytes: dict[str, list[bytes]] = field(default_factory=dict)
    whole_numbers: dict[str, list[int]] = field(default_factory=dict)


def parse_example(record: bytes) -> Example:
    """Read a `tf.train.Example`. Errors: ValueError, IndexError or KeyError where it is none."""
    found = Example()
    for _, features in _fields(record):
        for _, entry in _fields(features):
            parts = dict(_fields(entry))
            for kind, values in _fields(parts[2]):
                if kind == 1:
                    found.bytes[parts[1].decode()] = [value for _, value in _fields(values)]
                elif kind == 3:
                    found.whole_numbers[parts[1].decode()] = list(_whole_numbers(values))
    return found


def _records(path: Path) -> Iterator[bytes]:
    left = path.stat().st_size
    with path.open("rb") as file:
        while left:
            (length,) = struct.unpack_from("<Q", file.read(12))
            left -= length + 16
            if left < 0:  # before a damaged length is read into memory
                raise ValueError("its last record is not complete.")
            yield file.read(length + 4)[:length]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers and contents of a protocol buffer's fields; a single whole number is given as it is written."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        match tag & 7:
            case 0:
                end = _varint(message, place)[1]
            case 1:
                end = place + 8
            case 2:
                length, place = _varint(message, place)
                end = place + length
            case 5:
                end = place + 4
            case other:
                raise ValueError(f"a field is written in the unknown way {other}.")
        if end > len(message):
            raise ValueError("a field is longer than what holds it.")
        yield tag >> 3, message[place:end]
        place = end


def _whole_numbers(values: bytes) -> Iterator[int]:
    """Field 1, again and again or packed into one: both are numbers one after the other."""
    for _, packed in _fields(values):
        place = 0
        while place < len(packed):
            number, place = _varint(packed, place)
            yield number


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A whole number in groups of seven bits, the lowest first; a byte's top bit says that more follow."""
    number = shift = 0
    while True:
        byte = message[place]
        place += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, place
