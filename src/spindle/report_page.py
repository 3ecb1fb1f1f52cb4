"""A scoring as one web page that needs nothing else: no network, no folder beside it, no program but a browser."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from bokeh.embed import components
from bokeh.model import Model
from bokeh.resources import Resources
from jinja2 import Environment, StrictUndefined

from latentia.files import atomic_path
from spindle.drawing import COLOURS, LABELS, UNSCORED_COLOUR, clock, elapsed, in_full, in_print, in_words, mean_spectra
from spindle.errors import OutputError
from spindle.hypnogram import STAGES, Stage
from spindle.report_charts import TIME_TEXT, shares_chart, spectra_chart, start_ms
from spindle.report_panels import recording_panels
from spindle.report_timeline import MOST_COLUMNS
from spindle.scores import Scores
from spindle.summary import (
    LOOK_BELOW,
    Summary,
    counted,
    in_plain_words,
    least_certain,
    shares_over_time,
    state_probability,
    summarise,
)

OTHER_THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
"""Artifact thresholds that the page counts besides the one in use (the thesis compares 0.5 and 0.7)."""
MOST_GAPS = 10
"""Unscored stretches listed one by one; the longest are chosen."""
LEAST_WRITTEN = 0.08
"""A state with a smaller share has no room for its name in the bar of shares."""
SPANS_S = {"12 h": 43200, "4 h": 14400, "1 h": 3600, "10 min": 600, "2 min": 120}
"""Lengths that the page's buttons show."""


def write_report(scores: Scores, path: Path) -> None:
    """Write one animal's report as a single HTML page, which opens without a network.

    It is written whole or not at all. Errors: `OutputError` where `path` cannot be written or nothing was scored
    because the recording has no epoch.
    """
    page = report_page(scores)
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"The report cannot be written to {path}: {error.strerror or error}.") from error


def report_page(scores: Scores) -> str:
    """Compose the page of `write_report` as a string."""
    if len(scores.hypnogram) == 0:
        raise OutputError(f"There is no report on {scores.title}: it is shorter than one epoch.")
    summary = summarise(scores)
    shares = shares_over_time(scores, _stretch_s(summary.duration_s))
    charts: dict[str, Model] = {"panels": recording_panels(scores), "shares": shares_chart(scores, shares)}
    if spectra := mean_spectra(scores):
        charts["spectra"] = spectra_chart(scores, spectra)
    script, boxes = components(charts, wrap_script=False)
    template = files("spindle").joinpath("report_template.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        title=scores.title,
        findings=in_plain_words(scores),
        facts=_facts(scores, summary),
        states=_states(summary),
        thresholds=_artifacts_at(scores, summary),
        gaps=_gaps(scores, summary),
        more_gaps=max(len(summary.gaps) - MOST_GAPS, 0),
        doubtful=_doubtful(scores),
        notes=scores.notes,
        stretch=in_words(_stretch_s(summary.duration_s)),
        threshold=scores.artifact_threshold,
        uncertain=summary.uncertain,
        look_below=LOOK_BELOW,
        unscored_colour=UNSCORED_COLOUR,
        pooled=-(-summary.epochs // MOST_COLUMNS),
        spans={name: length for name, length in SPANS_S.items() if length < summary.duration_s},
        epoch_s=summary.epoch_s,
        clocked=scores.start is not None,
        start_ms=start_ms(scores),
        time_text=TIME_TEXT,
        units=(in_print(scores.overview.eeg_unit), in_print(scores.overview.emg_unit)),
        labels=[LABELS[stage] for stage in STAGES],
        boxes=boxes,
        script=script,
        bokeh=Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw,
    )


def _stretch_s(duration_s: float) -> float:
    """Length of one bar of the shares: an hour, or less where the recording has few of them."""
    return next((length for length in (3600.0, 600.0, 60.0) if duration_s >= 2 * length), 60.0)


def _facts(scores: Scores, summary: Summary) -> dict[str, str]:
    """What the page says first, term by term."""
    first, second = scores.eeg_labels
    return {
        "Recording": scores.name,
        **({"Animal": scores.animal} if scores.animal else {}),
        "Start": in_full(scores.start) if scores.start else "not known",
        "Length": f"{in_words(summary.duration_s)} = {counted(summary.epochs)} of {summary.epoch_s:g} s",
        "EEG": first if first == second else f"{first} and {second}",
        "EMG": scores.emg_label,
        "Model": scores.model_name,
        "Artifact threshold": f"{scores.artifact_threshold:g}",
    }


def _states(summary: Summary) -> list[dict[str, str | bool]]:
    """One row of text per state."""
    return [
        {
            "label": LABELS[state.stage],
            "colour": COLOURS[state.stage],
            "ink": "#1a1a1a" if state.stage is Stage.WAKE else "#ffffff",
            "percent": f"{100 * state.fraction:.1f}",
            "fits": state.fraction >= LEAST_WRITTEN,
            "time": in_words(state.duration_s) if state.epochs else "–",
            "bouts": f"{state.bouts:,}",
            "mean_bout": in_words(state.mean_bout_s) if state.bouts else "–",
            "longest_bout": in_words(state.longest_bout_s) if state.bouts else "–",
            "probability": f"{state.mean_probability:.3f}" if state.epochs else "–",
        }
        for state in summary.states
    ]


def _artifacts_at(scores: Scores, summary: Summary) -> list[str]:
    """How many artifacts there would be at other thresholds."""
    counts = {other: int(scores.at_threshold(other).sum()) for other in OTHER_THRESHOLDS}
    return [f"{count:,} above {other:g} ({100 * summary.share(count):.1f} %)" for other, count in counts.items()]


def _when(scores: Scores, epoch: int) -> str:
    """Time of day of an epoch, and time since the start."""
    seconds = epoch * scores.hypnogram.epoch_s
    return f"{clock(scores.start, seconds)} ({elapsed(seconds)})" if scores.start else elapsed(seconds)


def _gaps(scores: Scores, summary: Summary) -> list[str]:
    """The longest stretches without a score, in order of time."""
    longest = sorted(summary.gaps, key=len, reverse=True)[:MOST_GAPS]
    return [
        f"{_when(scores, gap.start)}, for {in_words(len(gap) * summary.epoch_s)}"
        for gap in sorted(longest, key=lambda gap: gap.start)
    ]


def _doubtful(scores: Scores) -> list[dict[str, object]]:
    """The least certain epochs, one row each."""
    probability = state_probability(scores)
    return [
        {
            "epoch": epoch,
            "when": _when(scores, epoch),
            "label": LABELS[Stage.of_code(int(scores.hypnogram.codes[epoch]))],
            "artifact": bool(scores.hypnogram.artifact[epoch]),
            "probability": f"{probability[epoch]:.2f}",
            "each": [f"{scores.stage_probability[epoch, stage.code]:.2f}" for stage in STAGES],
            "middle_s": (epoch + 0.5) * scores.hypnogram.epoch_s,
        }
        for epoch in least_certain(scores).tolist()
    ]
