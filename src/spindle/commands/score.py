"""`spindle score`: recordings in, hypnograms and reports out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.options import argument
from latentia.command_line.progress import Bar, progress_bar
from latentia.command_line.screen import complain, say, sentence_of, title
from latentia.errors import LatentiaError
from latentia.folders import check_output_folder, make_folder
from spindle.errors import OutputError, SettingError
from spindle.montage import choose_montages
from spindle.options import ChannelOptions, MethodOptions, ResultOptions
from spindle.outputs import Format, write_outputs
from spindle.reading import read_recording
from spindle.recording import Montage, Recording
from spindle.scores import Scores
from spindle.summary import in_plain_words, rem_in_words

if TYPE_CHECKING:
    from spindle.scoring import AnyMethod

STARTER_NOTE = (
    "The starter model has seen simulated animals only. One that you train on two labelled animals of your own would "
    "do better: spindle train --help."
)

OTHER_METHOD_NOTE = (
    "What {method} goes by was learned from simulated animals only. It can learn from labelled animals of your own: "
    "spindle train --method {method} --help."
)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Recordings."""

    recordings: tuple[Path, ...] = argument("RECORDING", "EDF, BDF, NPZ, CSV, Parquet, or what MNE-Python reads")


def run(arguments: Arguments, channels: ChannelOptions, method: MethodOptions, results: ResultOptions) -> int:
    """Score recordings: wake, NREM, REM and artifacts for every 4 seconds, with probabilities and a report.

    Without --eeg and --emg the channels are read from their labels, where exactly one reading makes sense. A file
    with several animals gives results for each. What goes wrong with one recording does not stop the next.
    """
    _check_names(arguments.recordings)
    check_output_folder(results.out)
    batch = _Batch(channels, method, results)
    with progress_bar() as batch.show:
        for path in arguments.recordings:
            batch.score(path)
    if batch.scored and method.model is None:
        say(STARTER_NOTE if method.method == "spindle" else OTHER_METHOD_NOTE.format(method=method.method))
    if batch.failed and len(arguments.recordings) > 1:
        complain(f"{batch.failed} of {len(arguments.recordings)} recordings could not be scored.", program="spindle")
    return 2 if batch.failed else 0


class _Batch:
    """Scores one file after the other with one model, and counts."""

    show: Bar

    def __init__(self, channels: ChannelOptions, method: MethodOptions, results: ResultOptions) -> None:
        self.channels = channels
        self.options = method
        self.results = results
        self.method: AnyMethod | None = None
        self.scored = 0
        self.failed = 0

    def score(self, path: Path) -> None:
        """Score all animals of a file; what is wrong with one is said, and the others go on."""
        try:
            recording = read_recording(path, rate_hz=self.channels.rate_hz)
            montages = choose_montages(
                recording, eeg=self.channels.eeg, emg=self.channels.emg, by_position=self.channels.by_position
            )
            _check_labels_stay(path, self.results)
        except (LatentiaError, OSError) as error:
            self.fail(path, error)
            return
        # After the first recording could be opened, so that a wrong name is said at once, without waiting for torch;
        # outside of "try", because without a model there is no next recording either.
        method = self.method = self.method or _load(self.options)
        before = self.failed
        for montage in montages:
            try:
                self.score_animal(path, recording, montage, method)
            except (LatentiaError, OSError) as error:
                self.fail(path, error, montage.animal)
        self.failed = min(self.failed, before + 1)

    def score_animal(self, path: Path, recording: Recording, montage: Montage, method: AnyMethod) -> None:
        from spindle.scoring import score_montage

        scores = score_montage(
            montage, method, name=recording.name, start=recording.start, notes=recording.notes, progress=self.show
        )
        self.show("Writing results", 0.0)
        stem = f"{path.stem}_{montage.animal}" if montage.animal else path.stem
        tell(scores, write_results(scores, self.results, stem))
        self.scored += 1

    def fail(self, path: Path, error: Exception, animal: str = "") -> None:
        """Say what went wrong, with the recording's name where the sentence lacks it."""
        self.failed += 1
        sentence = sentence_of(error)
        where = f"{path.name}, animal {animal}" if animal else path.name
        complain(sentence if path.name in sentence else f"{where}: {sentence}", program="spindle")


def write_results(scores: Scores, results: ResultOptions, stem: str) -> list[Path]:
    """Write what was asked for; the report, if any, comes first in the list."""
    make_folder(results.out)
    files = write_outputs(scores, results.out, results.formats, stem)
    if results.figure:
        from spindle.figures import draw_scoring

        figure = results.out / f"{stem}_figure.png"
        draw_scoring(scores, figure)
        files.append(figure)
    if results.report:
        from spindle.report_page import write_report

        report = results.out / f"{stem}_report.html"
        write_report(scores, report)
        files.insert(0, report)
    return files


def tell(scores: Scores, files: list[Path]) -> None:
    """Say what was found, what was assumed, and where the results are."""
    title(scores.title)
    for sentence in (*scores.notes, *in_plain_words(scores), rem_in_words(scores)):
        say(sentence, indent=2)
    if files and files[0].suffix == ".html":
        say(f"The report is {files[0]}; open it in a browser.", indent=2)
        files = files[1:]
    if files:
        say(f"For other programs, in {files[0].parent}: {', '.join(path.name for path in files)}.", indent=2)


def _load(options: MethodOptions) -> AnyMethod:
    from spindle.scoring import load_method

    return load_method(**asdict(options))


def _check_names(recordings: tuple[Path, ...]) -> None:
    """Refuse recordings whose results would have the same names."""
    seen: dict[str, Path] = {}
    for path in recordings:
        other = seen.setdefault(path.stem.casefold(), path)
        if other is not path:
            raise SettingError(f"{other} and {path} would give results of the same name; score them one by one.")


def _check_labels_stay(path: Path, results: ResultOptions) -> None:
    """Refuse to replace an expert's events.tsv, which BIDS puts where this result would go."""
    events = results.out / f"{path.stem}_events.tsv"
    ours = [results.out / f"{path.stem}{suffix}" for suffix in ("_scores.csv", "_report.html", "_hypnogram.edf")]
    if Format.BIDS in results.formats and events.exists() and not any(one.exists() for one in ours):
        raise OutputError(f"{events} exists and may be an expert's; name another folder with --out.")
