"""`Client`: what a web service of SPINDLE can do, as functions.

Things are dictionaries, as the service's API answers them; see docs/how-to/script-the-service.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from types import TracebackType

import httpx

from latentia.files import atomic_path
from latentia.folders import make_folder
from spindle.errors import ModelError, RecordingError, RemoteError, SettingError
from spindle.remote.connection import PATIENCE_S, Connection, Json, check
from spindle.remote.sending import send, sha256_of

FILES = {
    "csv": ("scores.csv",),
    "service": ("stages.csv", "artifacts.csv"),
    "edf": ("hypnogram.edf",),
    "bids": ("events.tsv",),
    "report": ("report.html",),
}
"""What can be downloaded of a scoring; the first four are the formats of `spindle.outputs`."""

FINAL = frozenset({"done", "failed", "cancelled"})
POLL_S = 1.0

Progress = Callable[[str, float, str], None]
"""Called with what is being done, the share of it that is done, 0 to 1, and a detail."""


def _silent(what: str, share: float, detail: str) -> None:
    return None


class Client:
    """One account of one service. Every function raises RemoteError with the service's sentence where it refuses.

    `patience_s` is how long the service may be out of reach, as while it starts again.
    """

    def __init__(self, address: str, token: str, *, patience_s: float = PATIENCE_S) -> None:
        self._connection = Connection(address, token, patience_s=patience_s)
        self._ask = self._connection.ask

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def me(self) -> Json:
        """Tell whose token this is."""
        return dict(self._ask("GET", "/me"))

    def recordings(self, search: str | None = None) -> Iterator[Json]:
        """Give one's recordings, newest first; `search` is part of their names."""
        return self._connection.pages("/recordings", **({} if search is None else {"search": search}))

    def recording(self, name: str) -> Json:
        """Find a recording by its id or its name. Errors: RecordingError where there is none, or several."""
        if re.fullmatch("[0-9a-f]{32}", name):
            return dict(self._ask("GET", f"/recordings/{name}"))
        found = [one for one in self.recordings(PurePath(name).name) if name in (one["name"], _stem(one["name"]))]
        if not found:
            raise RecordingError(f"There is no recording {name} on {self._connection.address}.")
        if len(found) > 1:
            raise RecordingError(f"There are {len(found)} recordings named {name}; name one by its id.")
        return found[0]

    def upload(self, path: Path, *, progress: Progress = _silent) -> Json:
        """Send a recording, or the rest of one that was interrupted, and return it as the service has it.

        What the service has already is not sent again. Errors: RecordingError, OSError, RemoteError.
        """
        if not path.is_file():
            raise RecordingError(f"There is no file {path}.")
        sha256 = sha256_of(path, progress)
        for known in self.recordings():
            if known["sha256"] == sha256:
                return known
        return self.recording(send(self._connection, path, sha256, progress))

    def delete(self, recording_id: str) -> None:
        """Delete a recording with all that came of it. There is no way back."""
        self._ask("DELETE", f"/recordings/{recording_id}")

    def score(self, recording_id: str, *, model: str = "starter", artifact_threshold: float = 0.5) -> Json:
        """Have a recording scored, and return the job. `model` is `starter` or the id of one of one's own."""
        wanted = {"model": model, "artifact_threshold": artifact_threshold}
        return dict(self._ask("POST", f"/recordings/{recording_id}/score", json=wanted))

    def jobs(self, *, recording_id: str | None = None, states: Sequence[str] = ()) -> Iterator[Json]:
        """Give one's jobs, newest first."""
        wanted = {"recording": recording_id, "state": list(states) or None}
        return self._connection.pages("/jobs", **{name: value for name, value in wanted.items() if value is not None})

    def job(self, job_id: str) -> Json:
        """Tell where a job stands."""
        return dict(self._ask("GET", f"/jobs/{job_id}"))

    def log(self, job_id: str) -> list[str]:
        """Return what a job has said."""
        return [line["text"] for line in self._ask("GET", f"/jobs/{job_id}/log")]

    def cancel(self, job_id: str) -> Json:
        """Stop a job."""
        return dict(self._ask("POST", f"/jobs/{job_id}/cancel"))

    def wait(self, job_id: str, *, progress: Progress = _silent, poll_s: float = POLL_S) -> Json:
        """Wait until a job has ended, however it did, and return it."""
        while True:
            job = self.job(job_id)
            progress(job["title"], job["share"], job["doing"])
            if job["state"] in FINAL:
                return job
            time.sleep(poll_s)

    def scorings(self, recording_id: str | None = None) -> Iterator[Json]:
        """Give one's scorings, newest first, of one recording or of all."""
        return self._connection.pages("/scorings", **({} if recording_id is None else {"recording": recording_id}))

    def download(
        self,
        scoring_id: str,
        folder: Path,
        *,
        formats: Sequence[str] = ("csv",),
        threshold: float | None = None,
        original: bool = False,
    ) -> list[Path]:
        """Write a scoring's files into a folder, named after its recording, and return their paths.

        `formats` are of csv, service, edf, bids and report; `threshold` is the artifact threshold, the scoring's own if
        left out; `original` leaves corrections out. Errors: SettingError, OutputError, OSError, RemoteError.
        """
        unknown = [one for one in formats if one not in FILES]
        if unknown:
            raise SettingError(f"'{unknown[0]}' is no format; there are {', '.join(FILES)}.")
        scoring = self._ask("GET", f"/scorings/{scoring_id}")
        name = self.recording(scoring["recording_id"])["name"]
        stem = _safe("_".join(filter(None, (_stem(name), scoring["animal"]))))
        make_folder(folder)
        wanted = {"version": "original" if original else "corrected", "threshold": threshold}
        params = {name: value for name, value in wanted.items() if value is not None}
        kinds = [kind for one in dict.fromkeys(formats) for kind in FILES[one]]
        return [
            self._fetch(f"/scorings/{scoring_id}/files/{kind}", folder / f"{stem}_{kind}", params) for kind in kinds
        ]

    def cohorts(self) -> Iterator[Json]:
        """Give one's cohorts, newest first."""
        return self._connection.pages("/cohorts")

    def analyze(self, cohort_id: str) -> Json:
        """Have a cohort analysed, and return the job."""
        return dict(self._ask("POST", f"/cohorts/{cohort_id}/analyze"))

    def download_cohort(self, cohort_id: str, path: Path) -> Path:
        """Write all tables and figures of a cohort as one ZIP file."""
        return self._fetch(f"/cohorts/{cohort_id}/archive.zip", path, {})

    def models(self) -> list[Json]:
        """List the starter model and one's own."""
        return list(self._ask("GET", "/models"))

    def model(self, name: str) -> Json:
        """Find a model by its id or its name. Errors: ModelError where there is none, or several."""
        models = self.models()
        found = [one for one in models if name == one["id"]] or [one for one in models if name == one["name"]]
        if not found:
            raise ModelError(f"There is no model {name} on {self._connection.address}.")
        if len(found) > 1:
            raise ModelError(f"There are {len(found)} models named {name}; name one by its id.")
        return found[0]

    def _fetch(self, address: str, path: Path, params: Mapping[str, str | float]) -> Path:
        """Write what is answered to a file, whole or not at all."""
        try:
            with self._connection.http.stream("GET", address, params=params) as answer:
                check(answer, self._connection.address)
                with atomic_path(path) as temporary, temporary.open("wb") as file:
                    for block in answer.iter_bytes():
                        file.write(block)
        except httpx.TransportError as error:
            raise RemoteError(f"{path.name} did not arrive: {self._connection.unreachable(error)}") from None
        return path


def _stem(name: str) -> str:
    return PurePath(name).stem


def _safe(name: str) -> str:
    """Make a name that is one of a file on every system, whatever the service says."""
    return re.sub(r"[^\w.-]+", "_", name).strip(".") or "recording"
