"""The report: one page that fetches nothing, says the right numbers and takes no name for markup."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.models import BoxZoomTool, ColumnDataSource, PlainText
from bokeh.models.annotations import Title
from bokeh.models.glyphs import Image, VAreaStep

from spindle.drawing import shades
from spindle.errors import OutputError
from spindle.hypnogram import STAGES, Hypnogram, Stage
from spindle.report_charts import shares_chart
from spindle.report_page import report_page, write_report
from spindle.report_panels import TILE_EPOCHS, hypnogram_panel, recording_panels, spectrogram_panel, stage_panel
from spindle.report_timeline import MOST_COLUMNS, Timeline
from spindle.scores import Scores
from spindle.summary import shares_over_time, state_probability

from .examples import example_scores, one_state_scores

FETCHING = {"src", "href", "srcset", "data", "action", "formaction", "poster", "background", "cite", "ping"}


class Page(HTMLParser):
    """A page's elements with their attributes, its visible text, and its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        {"script": self.scripts, "style": self.styles}.get(self._inside, self.texts).append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def all_artifacts() -> Scores:
    scores = one_state_scores(Stage.WAKE, 50)
    return replace(scores, hypnogram=scores.hypnogram.with_artifact(np.ones(50, dtype=bool)))


@pytest.fixture(scope="module")
def usual() -> Page:
    """The page of an ordinary scoring."""
    return Page(report_page(example_scores(60)))


ODD_SCORINGS: dict[str, Callable[[], Scores]] = {
    "wake only": lambda: one_state_scores(Stage.WAKE),
    "no REM": lambda: example_scores(120),
    "REM only": lambda: one_state_scores(Stage.REM),
    "unscored": lambda: one_state_scores(Stage.UNSCORED),
    "one epoch": lambda: one_state_scores(Stage.NREM, 1),
    "one unscored epoch": lambda: one_state_scores(Stage.UNSCORED, 1),
    "no start": lambda: example_scores(120, start=None),
    "no notes": lambda: example_scores(120, notes=()),
    "one EEG": lambda: example_scores(120, eeg_labels=("EEG", "EEG")),
    "several animals": lambda: example_scores(120, animal="3"),
    "all artifacts": all_artifacts,
    "longer than a screen": lambda: example_scores(MOST_COLUMNS + 1),
}


@pytest.mark.parametrize("make", ODD_SCORINGS.values(), ids=ODD_SCORINGS.keys())
def test_every_scoring_gives_a_sound_page(make: Callable[[], Scores], caplog: pytest.LogCaptureFixture) -> None:
    scores = make()
    with caplog.at_level(logging.WARNING):
        page = Page(report_page(scores))
    assert caplog.messages == []  # Bokeh logs what it finds wrong with a chart
    assert f"Sleep scoring of {scores.title}" in page.text
    assert ("html", {"lang": "en"}) in page.tags
    assert "None" not in page.text.replace("None of its", "")
    assert not re.search(r"\b(nan|inf)\b", page.text)


def test_nothing_on_the_page_is_fetched(usual: Page) -> None:
    fetched = [(tag, attrs) for tag, attrs in usual.tags if FETCHING & attrs.keys()]
    assert fetched == []
    assert not {tag for tag, _ in usual.tags} & {"link", "iframe", "object", "embed", "base", "img"}
    assert not re.search(r"@import|url\(", "".join(usual.styles))


def test_the_page_forbids_itself_every_connection(usual: Page) -> None:
    policies = [attrs["content"] for tag, attrs in usual.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    rules = dict(rule.strip().split(" ", 1) for rule in str(policies[0]).split(";"))
    assert rules.pop("default-src") == "'none'"
    sources = {source for allowed in rules.values() for source in allowed.split()}
    assert sources == {"'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}
    order = [tag for tag, _ in usual.tags]
    assert order.index("meta") < order.index("script")


def test_the_page_states_shares_counts_and_bouts() -> None:
    scores = example_scores(2000)
    text = Page(report_page(scores)).text
    codes, flags = scores.hypnogram.codes, scores.hypnogram.artifact
    scored = int((codes >= 0).sum())
    groups = [code for code, _ in groupby(codes.tolist())]
    for stage, name in ((Stage.WAKE, "Wake"), (Stage.NREM, "NREM"), (Stage.REM, "REM")):
        percent = f"{100 * (codes == stage.code).sum() / scored:.1f} %"
        row = re.search(rf"{name} {re.escape(percent)} (?:\d+ (?:h|min|s) )+(\d+) ", text)
        assert row, f"no row of {name} with {percent}"
        assert int(row[1]) == groups.count(stage.code)
    assert f"{scored:,} of its 2,000 epochs of 4 s were scored; {2000 - scored} " in text
    assert f"{int(flags.sum())} epochs, {100 * flags.sum() / scored:.1f} %, are marked as artifacts" in text


def test_the_page_counts_artifacts_at_other_thresholds() -> None:
    scores = example_scores(500)
    text = Page(report_page(scores)).text
    for threshold in (0.3, 0.7):
        assert f"{int(np.nansum(scores.artifact_probability > threshold))} above {threshold:g} (" in text


def test_the_page_lists_the_least_certain_epochs_in_order() -> None:
    scores = example_scores(900)
    page = Page(report_page(scores))
    shown = [float(str(attrs["data-middle"])) for _, attrs in page.tags if "data-middle" in attrs]
    epochs = np.array([round(middle / 4 - 0.5) for middle in shown])
    probability = state_probability(scores)
    assert len(epochs) == 20
    np.testing.assert_array_equal(probability[epochs], np.sort(probability)[:20])


def test_the_page_lists_where_nothing_was_scored() -> None:
    text = Page(report_page(example_scores(1800))).text
    assert "09:00:00 (1:00:00), for 2 min" in text


def test_of_many_gaps_the_longest_are_listed_and_the_others_counted() -> None:
    codes = np.zeros(100, dtype=np.int8)
    codes[::8] = -1
    codes[49:52] = -1
    scores = example_scores(100, hypnogram=Hypnogram(codes=codes, artifact=np.zeros(100, dtype=bool)), start=None)
    text = Page(report_page(scores)).text
    assert "0:03:12, for 16 s" in text
    assert "and in 3 shorter ones" in text


def test_dragging_across_a_panel_zooms() -> None:
    panel = stage_panel(Timeline(example_scores(60)))
    assert isinstance(panel.toolbar.active_drag, BoxZoomTool)


def test_every_note_and_the_model_are_on_the_page() -> None:
    scores = example_scores(60, notes=("The first note.", "The second note."), model_name="our own mice")
    text = Page(report_page(scores)).text
    assert all(part in text for part in ("The first note.", "The second note.", "our own mice"))


MARKUP = "</script><script>alert('1')</script><img src=x onerror=\"alert(2)\">&amp;{{ 7 * 7 }}${8 * 8}"


@pytest.mark.parametrize("field", ["name", "animal", "emg_label", "model_name", "notes", "eeg_labels", "units"])
def test_no_name_is_taken_for_markup(field: str, usual: Page) -> None:
    plain = example_scores(60)
    values: dict[str, Any] = {"notes": (MARKUP,), "eeg_labels": (MARKUP, MARKUP)}
    if field == "units":
        scores = replace(plain, overview=replace(plain.overview, eeg_unit=MARKUP, emg_unit=MARKUP))
    else:
        scores = replace(plain, **{field: values.get(field, MARKUP)})
    page = Page(report_page(scores))
    assert page.count("script") == usual.count("script")
    assert page.count("img") == 0
    assert MARKUP not in "".join(page.scripts)
    assert field == "units" or re.sub(r"\s+", " ", MARKUP) in page.text


def test_labels_are_plain_text_to_bokeh_too() -> None:
    formula = "$$\\frac{1}{2}$$"
    scores = example_scores(60, eeg_labels=(formula, "EEG2"), emg_label=formula)
    titles = [title.text for title in recording_panels(scores).select({"type": Title})]
    assert all(isinstance(title, PlainText) for title in titles)
    assert sum(formula in title.text for title in titles) == 3


def test_the_report_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "mouse07.html"
    path.write_text("an older report", encoding="utf-8")
    write_report(example_scores(60), path)
    content = path.read_text(encoding="utf-8")
    assert content.startswith("<!DOCTYPE html>")
    assert content.rstrip().endswith("</html>")
    assert [each.name for each in tmp_path.iterdir()] == ["mouse07.html"]


def test_a_failed_report_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mouse07.html"
    path.write_text("an older report", encoding="utf-8")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OutputError, match=r"cannot be written to .*mouse07.html: No space left on device\."):
        write_report(example_scores(60), path)
    monkeypatch.undo()
    assert path.read_text(encoding="utf-8") == "an older report"
    assert [each.name for each in tmp_path.iterdir()] == ["mouse07.html"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="The report cannot be written to"):
        write_report(example_scores(60), tmp_path / "nowhere" / "mouse07.html")


def test_a_recording_without_an_epoch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is shorter than one epoch"):
        write_report(one_state_scores(Stage.WAKE, 0), tmp_path / "mouse07.html")
    assert list(tmp_path.iterdir()) == []


def test_a_day_stays_below_ten_megabytes(tmp_path: Path) -> None:
    write_report(example_scores(21600), tmp_path / "day.html")
    assert (tmp_path / "day.html").stat().st_size < 10e6


def test_every_epoch_can_be_read_under_the_mouse() -> None:
    scores = example_scores(2500)
    table = Timeline(scores).epochs.data
    np.testing.assert_array_equal(table["code"], scores.hypnogram.codes)
    np.testing.assert_array_equal(table["artifact"], scores.hypnogram.artifact)
    for stage in STAGES:
        np.testing.assert_allclose(table[f"p_{stage}"], scores.stage_probability[:, stage.code], rtol=1e-6)
    np.testing.assert_allclose(table["emg_rms"], scores.overview.emg_rms, rtol=1e-6)


def test_the_blocks_of_the_hypnogram_are_its_epochs() -> None:
    scores = example_scores(500)
    timeline = Timeline(scores)
    painted = np.full(500, -1)
    blocks = [each for each in hypnogram_panel(timeline).renderers if each.glyph.__class__.__name__ == "Quad"]
    for stage, block in zip(STAGES, blocks, strict=False):
        for left, right in zip(block.data_source.data["left"], block.data_source.data["right"], strict=True):
            start, stop = (round((edge - timeline.start) / 4000) for edge in (left, right))
            assert (painted[start:stop] == -1).all()
            painted[start:stop] = stage.code
    np.testing.assert_array_equal(painted, scores.hypnogram.codes)


def test_the_stacked_probabilities_fill_the_panel_where_an_epoch_is_scored() -> None:
    scores = example_scores(500)
    areas = [each for each in stage_panel(Timeline(scores)).renderers if isinstance(each.glyph, VAreaStep)]
    sources = [area.data_source.data for area in areas]
    np.testing.assert_allclose(sources[0]["y1"], 0.0)
    for below, above in pairwise(sources):
        np.testing.assert_allclose(below["y2"], above["y1"])
    np.testing.assert_allclose(sources[-1]["y2"][:-1], scores.hypnogram.scored.astype(float), atol=1e-6)


def test_single_epochs_are_drawn_only_when_they_are_few_enough() -> None:
    timeline = Timeline(example_scores(MOST_COLUMNS + 1))
    timeline.stack([stage_panel(timeline)])
    coarse, fine = timeline.renderers
    assert [each.visible for each in coarse] == [True] * 3
    assert [each.visible for each in fine] == [False] * 3
    assert len(timeline.levels[0]) <= MOST_COLUMNS
    assert len(timeline.levels[1]) == MOST_COLUMNS + 1


def test_a_short_recording_is_always_drawn_in_single_epochs() -> None:
    timeline = Timeline(example_scores(MOST_COLUMNS))
    timeline.stack([stage_panel(timeline)])
    assert [len(level) for level in timeline.levels] == [MOST_COLUMNS]
    assert all(each.visible for each in timeline.renderers[0])


def test_spectrogram_tiles_join_without_a_seam() -> None:
    timeline = Timeline(example_scores(2 * TILE_EPOCHS + 10))
    images = [each for each in spectrogram_panel(timeline).renderers if isinstance(each.glyph, Image)]
    data = images[-1].data_source.data
    assert [tile.shape for tile in data["image"]] == [(24, TILE_EPOCHS), (24, TILE_EPOCHS), (24, 10)]
    np.testing.assert_allclose(data["x"][1:], (data["x"] + data["dw"])[:-1])
    assert data["x"][0] == timeline.start
    assert data["x"][-1] + data["dw"][-1] == timeline.stop


def test_shades_rise_with_power_and_keep_zero_for_what_is_missing() -> None:
    shown = shades(np.array([[-50.0, 0.0, 5.0, 10.0, 99.0, np.nan]]), (0.0, 10.0))
    assert shown.T.tolist() == [[1, 1, 128, 255, 255, 0]]


def test_the_bars_of_the_shares_reach_a_hundred_percent() -> None:
    scores = example_scores(2000)
    shares = shares_over_time(scores, 600.0)
    sources = [each.data for each in shares_chart(scores, shares).select({"type": ColumnDataSource})]
    highest = np.max([source["top"] for source in sources], axis=0)
    np.testing.assert_allclose(highest, 100.0)


def test_the_time_axis_is_the_recorders_clock() -> None:
    scores = example_scores(900)
    start = np.datetime64(int(Timeline(scores).start), "ms")
    assert start == np.datetime64("2024-03-04T08:00:00")
    assert Timeline(example_scores(900, start=None)).start == 0.0


def test_other_epoch_lengths_are_told_and_drawn() -> None:
    scores = example_scores(90)
    longer = replace(
        scores,
        hypnogram=Hypnogram(codes=scores.hypnogram.codes, artifact=scores.hypnogram.artifact, epoch_s=10.0),
    )
    assert "15 min = 90 epochs of 10 s" in Page(report_page(longer)).text
    assert Timeline(longer).stop - Timeline(longer).start == 900_000


def test_the_charts_data_are_valid_json() -> None:
    scripts = Page(report_page(example_scores(60, name=MARKUP))).scripts
    found = [match[1] for script in scripts if (match := re.search(r"const docs_json = '(.*)';", script))]
    assert len(found) == 1
    text = found[0].replace("\\\\", "\\")
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&#x27;", "'"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, character)
    assert len(json.loads(text)) == 1
