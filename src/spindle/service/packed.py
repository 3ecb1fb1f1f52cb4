"""Arrays for a page in one answer: a record of words, then the numbers as they are in memory.

Bytes 0–3 are the length of the record, an unsigned integer with the lowest byte first; the record is JSON in UTF-8,
padded with spaces. Its `arrays` give each array's `type`, `shape` and `offset`, counted from the end of the record;
every offset is a multiple of 8, so that a browser reads the arrays where they lie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEDIA_TYPE = "application/octet-stream"
_ALIGN = 8


def packed(words: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Join a record and arrays; `arrays` is added to the record."""
    places: dict[str, dict[str, Any]] = {}
    pieces: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        numbers = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
        places[name] = {"type": array.dtype.name, "shape": list(array.shape), "offset": offset}
        piece = numbers.tobytes()
        pieces.append(piece + bytes(-len(piece) % _ALIGN))
        offset += len(pieces[-1])
    record = json.dumps({**words, "arrays": places}, allow_nan=False).encode()
    record += b" " * (-(len(record) + 4) % _ALIGN)
    return b"".join((len(record).to_bytes(4, "little"), record, *pieces))


def unpacked(answer: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read such an answer, as scripts do."""
    start = 4 + int.from_bytes(answer[:4], "little")
    words: dict[str, Any] = json.loads(answer[4:start])
    arrays = {}
    for name, place in words.pop("arrays").items():
        kind, count = np.dtype(place["type"]).newbyteorder("<"), int(np.prod(place["shape"], dtype=np.int64))
        numbers = np.frombuffer(answer, dtype=kind, count=count, offset=start + place["offset"])
        arrays[name] = numbers.reshape(place["shape"])
    return words, arrays
