"""The figure of a scoring: files of the right kind and size, with something in every panel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from spindle.drawing import COLOURS
from spindle.errors import OutputError, SettingError
from spindle.figures import draw_scoring, scoring_figure
from spindle.hypnogram import Hypnogram, Stage
from spindle.scores import Scores

from .examples import example_scores, one_state_scores

PANELS = ("spectrogram", "emg", "hypnogram", "probabilities")


def pixels_of_panel(figure: Figure, panel: str) -> NDArray[np.uint8]:
    """What is painted inside one panel's frame."""
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
    box = figure.axes[PANELS.index(panel)].get_window_extent()
    top = image.shape[0] - int(box.y1)
    return image[top + 3 : top + int(box.height) - 3, int(box.x0) + 3 : int(box.x1) - 3]


def holds_colour(pixels: NDArray[np.uint8], colour: str) -> bool:
    wanted = np.round(np.array(to_rgb(colour)) * 255)
    return bool((np.abs(pixels.astype(int) - wanted).max(axis=-1) <= 2).any())


@pytest.mark.parametrize("panel", PANELS)
def test_no_panel_is_blank(panel: str) -> None:
    pixels = pixels_of_panel(scoring_figure(example_scores(900)), panel)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 2


def test_a_png_has_its_size_in_pixels(tmp_path: Path) -> None:
    draw_scoring(example_scores(300), tmp_path / "mouse.png")
    with Image.open(tmp_path / "mouse.png") as image:
        assert image.size == (2000, 1280)


def test_an_svg_has_its_size_in_points(tmp_path: Path) -> None:
    draw_scoring(example_scores(300), tmp_path / "mouse.svg")
    root = ElementTree.parse(tmp_path / "mouse.svg").getroot()
    assert (root.get("width"), root.get("height")) == ("720pt", "460.8pt")


def test_a_pdf_is_one(tmp_path: Path) -> None:
    draw_scoring(example_scores(300), tmp_path / "mouse.pdf")
    content = (tmp_path / "mouse.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_equal_scorings_give_equal_files(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        draw_scoring(example_scores(60), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


@pytest.mark.parametrize("stage", [Stage.WAKE, Stage.NREM, Stage.REM])
def test_each_state_is_drawn_in_its_colour_alone(stage: Stage) -> None:
    pixels = pixels_of_panel(scoring_figure(one_state_scores(stage)), "hypnogram")
    assert {each for each, colour in COLOURS.items() if holds_colour(pixels, colour)} == {stage}


def test_a_single_artifact_in_a_day_leaves_a_trace() -> None:
    flags = np.zeros(21600, dtype=bool)
    flags[7777] = True
    day = one_state_scores(Stage.NREM, 21600)
    marked = one_state_scores(Stage.NREM, 21600, hypnogram=Hypnogram(codes=day.hypnogram.codes, artifact=flags))
    clean, dirty = (pixels_of_panel(scoring_figure(scores), "hypnogram") for scores in (day, marked))
    assert (clean != dirty).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: one_state_scores(Stage.UNSCORED),
        lambda: one_state_scores(Stage.WAKE, 1),
        lambda: example_scores(100, start=None),
        lambda: example_scores(100, name="$x_{ $ <mouse> & {0}%s", animal="\\frac"),
        lambda: example_scores(100, name="a" * 300),
    ],
    ids=["unscored", "one epoch", "no start", "odd name", "long name"],
)
def test_odd_scorings_are_drawn_without_a_warning(
    tmp_path: Path, make: Callable[[], Scores], recwarn: pytest.WarningsRecorder
) -> None:
    draw_scoring(make(), tmp_path / "odd.png")
    assert [str(warning.message) for warning in recwarn] == []
    assert (tmp_path / "odd.png").stat().st_size > 10_000


def test_a_part_shows_only_its_hours() -> None:
    figure = scoring_figure(example_scores(1800), hours=(0.5, 1.5))
    assert figure.axes[3].get_xlim() == (1800.0, 5400.0)


def test_ticks_stand_at_round_times_of_day() -> None:
    assert tick_labels(example_scores(1800)) == ["08:00", "08:30", "09:00", "09:30", "10:00"]


def test_ticks_count_from_the_start_where_the_clock_is_not_known() -> None:
    assert tick_labels(example_scores(1800, start=None)) == ["0:00", "0:30", "1:00", "1:30", "2:00"]


def tick_labels(scores: Scores) -> list[str]:
    axis = scoring_figure(scores).axes[3].xaxis
    low, high = axis.get_view_interval()
    places = [place for place in axis.get_majorticklocs() if low <= place <= high]
    return axis.get_major_formatter().format_ticks(places)


@pytest.mark.parametrize("hours", [(3.0, 4.0), (1.0, 1.0), (-2.0, -1.0)])
def test_hours_outside_the_recording_are_refused(hours: tuple[float, float]) -> None:
    with pytest.raises(SettingError, match="has 2 h; there is nothing to draw from"):
        scoring_figure(example_scores(1800), hours=hours)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"\.png, \.svg, \.pdf; got mouse\.bmp"):
        draw_scoring(example_scores(30), tmp_path / "mouse.bmp")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="The figure cannot be written to"):
        draw_scoring(example_scores(30), tmp_path / "nowhere" / "mouse.png")


def test_drawing_leaves_pyplot_alone() -> None:
    code = "import sys, spindle.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
