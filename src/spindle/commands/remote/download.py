"""`spindle remote download`: results, here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import complain, say
from latentia.folders import check_output_folder
from spindle.commands.remote.shared import client
from spindle.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Results."""

    recordings: tuple[str, ...] = argument("RECORDING", "name or id of a recording that was scored")
    out: Path = option(Path(), "folder for the files", metavar="FOLDER")
    formats: str = option("csv", "formats, separated by commas: csv, service, edf, bids, report", metavar="FORMATS")
    threshold: float | None = option(
        None, "artifact threshold (default: where it was left on the service)", metavar="PROBABILITY"
    )
    original: bool = option(False, "leave out the corrections that were made by hand")

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SettingError(f"The artifact threshold must lie between 0 and 1, not at {self.threshold:g}.")


def run(arguments: Arguments) -> int:
    """Get the results of recordings, each as its latest scoring has them, with the corrections that were made."""
    check_output_folder(arguments.out)
    formats = [one.strip() for one in arguments.formats.split(",") if one.strip()]
    missing = 0
    with client() as service, progress_bar() as bar:
        for number, name in enumerate(arguments.recordings):
            recording = service.recording(name)
            bar("Downloading", number / len(arguments.recordings), recording["name"])
            latest: dict[str, str] = {}
            for scoring in service.scorings(recording["id"]):
                latest.setdefault(scoring["animal"], scoring["id"])
            if not latest:
                missing += 1
                complain(f"{recording['name']} has no scoring yet: spindle remote score.", program="spindle")
            for scoring_id in latest.values():
                for path in service.download(
                    scoring_id,
                    arguments.out,
                    formats=formats,
                    threshold=arguments.threshold,
                    original=arguments.original,
                ):
                    say(str(path))
    return 2 if missing else 0
