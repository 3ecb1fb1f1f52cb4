"""A figure's three files: whole or not at all, and the same bytes for the same content."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from spindle.errors import OutputError
from spindle.figure_files import save_figure

DATA = pd.DataFrame({"state": ["wake", "nrem"], "share": [0.25, np.nan], "epochs": [3, 4]})


def small_figure() -> Figure:
    figure = Figure(figsize=(2.0, 1.0))
    axis = figure.subplots()
    axis.fill_between([0, 1], [0, 1], label="µV")
    axis.legend()
    return figure


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_figure_comes_as_pixels_vectors_and_numbers(tmp_path: Path) -> None:
    written = save_figure(small_figure(), tmp_path / "mouse.07", DATA)
    assert [path.name for path in written] == ["mouse.07.png", "mouse.07.svg", "mouse.07.csv"]
    assert names(tmp_path) == sorted(path.name for path in written)
    with Image.open(written[0]) as image:
        assert image.size == (400, 200)
    assert ElementTree.parse(written[1]).getroot().get("width") == "144pt"
    assert written[2].read_bytes() == b"state,share,epochs\nwake,0.25,3\nnrem,,4\n"


def test_equal_figures_give_equal_files(tmp_path: Path) -> None:
    one, two = (save_figure(small_figure(), tmp_path / name, DATA) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"):
        save_figure(small_figure(), tmp_path / "absent" / "figure", DATA)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".csv"])
def test_nothing_is_written_where_one_of_the_files_cannot_be(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"figure{suffix}").mkdir()
    with pytest.raises(OutputError, match=f"figure{suffix}"):
        save_figure(small_figure(), tmp_path / "figure", DATA)
    assert names(tmp_path) == [f"figure{suffix}"]


def test_older_files_stay_where_drawing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = save_figure(small_figure(), tmp_path / "figure", DATA)
    before = [path.read_bytes() for path in written]

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    other = DATA.assign(epochs=0)
    monkeypatch.setattr(other, "to_csv", full)
    with pytest.raises(OutputError, match="No space left"):
        save_figure(Figure(), tmp_path / "figure", other)
    assert [path.read_bytes() for path in written] == before
    assert len(names(tmp_path)) == 3
