"""`spindle remote` and its client, against a real server of this machine."""

from __future__ import annotations

import hashlib
import io
import socket
import stat
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from tests.spindle.examples import example_scores
from tests.spindle.service.belongings import MARK, give
from tests.spindle.service.recording_files import edf_bytes

from spindle.cli import main
from spindle.errors import ModelError, RecordingError, RemoteError, SettingError
from spindle.remote import Client, sending
from spindle.remote.memory import ADDRESS, TOKEN, login_file
from spindle.service.app import create_app
from spindle.service.context import Context
from spindle.service.scored import save_scores
from spindle.service.tables import Job, JobState, Scoring

pytestmark = pytest.mark.parametrize("storage", ["sqlite"], indirect=True)


class Served:
    """The service on a port of its own, which can be ended and begun again there."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.port = 0
        self._threads: list[tuple[uvicorn.Server, threading.Thread]] = []
        self.begin()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(create_app(self.context), log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        self._threads.append((server, thread))

    def end(self) -> None:
        for server, thread in self._threads:
            server.should_exit = True
            thread.join()
        self._threads.clear()


@pytest.fixture
def served(context: Context) -> Iterator[Served]:
    found = Served(context)
    yield found
    found.end()


@pytest.fixture
def token(ann: TestClient) -> str:
    return ann.headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def client(served: Served, token: str) -> Iterator[Client]:
    with Client(served.address, token) as found:
        yield found


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of several pieces."""
    content = edf_bytes(tmp_path)
    path = tmp_path / "mouse 07.edf"
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of the machine who has not used it yet."""
    for name in ("XDG_CONFIG_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in (TOKEN, ADDRESS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sending, "PIECE", 10_000)
    return tmp_path / "home"


@pytest.fixture
def signed_in(served: Served, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))
    assert main(["remote", "login", served.address]) == 0


def score_now(context: Context, job_id: str, animal: str = "") -> str:
    """What a worker would do: end a job, with a scoring."""
    scores = example_scores(10)
    with context.database.writing() as session:
        job = session.get_one(Job, job_id)
        job.state, job.share = JobState.DONE, 1.0
        scoring = Scoring(
            owner_id=job.owner_id,
            recording_id=str(job.recording_id),
            job_id=job_id,
            animal=animal,
            model_name="starter",
            epochs=10,
            epoch_s=4.0,
            artifact_threshold=0.5,
            summary={},
        )
        session.add(scoring)
    with context.files.working_folder() as folder:
        save_scores(scores, folder / "scores.npz")
        context.files.put(folder / "scores.npz", f"scorings/{scoring.id}/scores.npz")
    return scoring.id


def offsets(client: Client, path: Path, stop: Callable[[float], None] = lambda share: None) -> list[float]:
    """Upload, and return the shares at which a piece was sent."""
    seen: list[float] = []

    def progress(what: str, share: float, detail: str) -> None:
        if what == "Sending":
            seen.append(share)
            stop(share)

    client.upload(path, progress=progress)
    return seen


def test_a_recording_arrives_whole_and_is_not_sent_twice(client: Client, recording: Path, context: Context) -> None:
    made = client.upload(recording)
    assert made["name"] == "mouse 07.edf"
    assert made["sha256"] == hashlib.sha256(recording.read_bytes()).hexdigest()
    with context.files.local(f"recordings/{made['id']}/recording.edf") as kept:
        assert kept.read_bytes() == recording.read_bytes()
    assert offsets(client, recording) == []
    assert client.upload(recording)["id"] == made["id"]


def test_an_upload_that_was_interrupted_goes_on_in_another_run(served: Served, token: str, recording: Path) -> None:
    def interrupt(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with Client(served.address, token) as first, pytest.raises(KeyboardInterrupt):
        offsets(first, recording, interrupt)
    with Client(served.address, token) as second:
        shares = offsets(second, recording)
        assert shares[0] > 0.3 and shares[-1] == 1.0
        assert len(list(second.recordings())) == 1


def test_an_upload_outlives_a_restart_of_the_service(served: Served, client: Client, recording: Path) -> None:
    restarts: list[threading.Timer] = []

    def restart(share: float) -> None:
        if share > 0.3 and not restarts:
            served.end()
            restarts.append(threading.Timer(0.3, served.begin))
            restarts[0].start()

    shares = offsets(client, recording, restart)
    restarts[0].join()
    assert shares == sorted(shares) and len(set(shares)) > 3
    assert client.recording("mouse 07")["size_bytes"] == recording.stat().st_size


def test_a_service_that_stays_away_is_a_sentence(served: Served, token: str, recording: Path) -> None:
    def end(share: float) -> None:
        if share > 0.3:
            served.end()

    with Client(served.address, token, patience_s=0.0) as impatient:
        with pytest.raises(RemoteError, match="does not answer"):
            offsets(impatient, recording, end)
        with pytest.raises(RemoteError, match="does not answer"):
            impatient.me()


def test_a_file_that_cannot_be_a_recording_is_refused_with_the_reason(client: Client, tmp_path: Path) -> None:
    (tmp_path / "notes.edf").write_text("Mouse 7 slept well. " * 50)
    with pytest.raises(RemoteError, match=r"notes\.edf"):
        client.upload(tmp_path / "notes.edf")
    (tmp_path / "empty.edf").touch()
    with pytest.raises(RecordingError, match="empty"):
        client.upload(tmp_path / "empty.edf")
    with pytest.raises(RecordingError, match="no file"):
        client.upload(tmp_path / "missing.edf")
    assert list(client.recordings()) == []


def test_results_are_downloaded_in_every_format(
    client: Client, recording: Path, context: Context, tmp_path: Path
) -> None:
    made = client.upload(recording)
    job = client.score(made["id"], artifact_threshold=0.4)
    assert (job["state"], job["recording_id"]) == ("queued", made["id"])
    scoring = score_now(context, job["id"], animal="left/one")
    assert client.wait(job["id"])["state"] == "done"
    files = client.download(scoring, tmp_path / "out", formats=("csv", "service", "edf", "bids"), threshold=0.3)
    names = ["scores.csv", "stages.csv", "artifacts.csv", "hypnogram.edf", "events.tsv"]
    assert [path.name for path in files] == [f"mouse_07_left_one_{name}" for name in names]
    assert files[0].read_text().startswith("epoch,start_s,stage") and len(files[1].read_text().splitlines()) == 10
    with pytest.raises(SettingError, match="no format"):
        client.download(scoring, tmp_path / "out", formats=("xml",))


def test_jobs_are_listed_and_cancelled(client: Client, recording: Path) -> None:
    made = client.upload(recording)
    job = client.score(made["id"])
    assert [one["id"] for one in client.jobs(recording_id=made["id"], states=["queued"])] == [job["id"]]
    assert client.cancel(job["id"])["state"] == "cancelled"
    assert client.job(job["id"])["state"] == "cancelled"
    assert list(client.jobs(states=["queued"])) == []


def test_a_recording_is_found_by_name_if_there_is_one(client: Client, recording: Path, tmp_path: Path) -> None:
    made = client.upload(recording)
    for name in ("mouse 07.edf", "mouse 07", made["id"]):
        assert client.recording(name)["id"] == made["id"]
    with pytest.raises(RecordingError, match="no recording mouse 08"):
        client.recording("mouse 08")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mouse 07.edf").write_bytes(edf_bytes(tmp_path, seed=2))
    client.upload(tmp_path / "other" / "mouse 07.edf")
    with pytest.raises(RecordingError, match="2 recordings named mouse 07"):
        client.recording("mouse 07")


def test_cohorts_and_models_are_there_too(client: Client, ann: TestClient, context: Context, tmp_path: Path) -> None:
    ids = give(context, client.me()["id"])
    assert [one["id"] for one in client.cohorts()] == [ids["cohort"]]
    assert [one["id"] for one in client.models()] == ["starter", ids["model"]]
    assert client.model(f"{MARK} model")["id"] == client.model(ids["model"])["id"] == ids["model"]
    with pytest.raises(ModelError, match="no model large"):
        client.model("large")
    archive = client.download_cohort(ids["cohort"], tmp_path / "cohort.zip")
    with zipfile.ZipFile(archive) as found:
        assert any(name.endswith("analysis.html") for name in found.namelist())
    assert client.analyze(ids["cohort"])["kind"] == "analyze"
    client.delete(ids["recording"])
    assert list(client.recordings()) == []


def test_lists_of_several_pages_are_given_whole(
    client: Client, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = client.upload(recording)
    jobs = {client.score(made["id"])["id"] for _ in range(5)}
    monkeypatch.setattr("spindle.remote.connection.PAGE", 2)
    assert {one["id"] for one in client.jobs()} == jobs


def test_the_services_own_sentence_is_what_one_is_told(client: Client, served: Served) -> None:
    with pytest.raises(RemoteError, match=r"^There is no such recording\.$"):
        client.recording("0" * 32)
    with Client(served.address, "spindle_wrong") as stranger, pytest.raises(RemoteError, match="opens nothing"):
        stranger.me()
    with Client(f"{served.address}/static", "x") as lost, pytest.raises(RemoteError):
        lost.me()
    with pytest.raises(SettingError, match="https://"):
        Client("sleep.example.org", "x")


def test_the_token_is_kept_for_its_owner_alone(
    served: Served, token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))
    assert main(["remote", "login", served.address]) == 0
    printed = capsys.readouterr().out
    assert "You are ann" in printed and token not in printed
    assert token in login_file().read_text(encoding="utf-8")
    if sys.platform != "win32":
        assert stat.S_IMODE(login_file().stat().st_mode) == 0o600
    assert main(["remote", "logout"]) == 0
    assert not login_file().exists()
    assert main(["remote", "list"]) == 2
    assert "spindle remote login" in capsys.readouterr().err


def test_a_token_that_opens_nothing_is_not_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TOKEN, "spindle_wrong")
    assert main(["remote", "login", served.address]) == 2
    assert "opens nothing" in capsys.readouterr().err
    assert not login_file().exists()


def test_a_token_is_shown_to_its_own_service_alone(
    signed_in: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ADDRESS, "http://127.0.0.1:1")
    assert main(["remote", "list"]) == 2
    assert "spindle remote login" in capsys.readouterr().err


def test_the_commands_go_from_upload_to_download(
    signed_in: None, recording: Path, context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["remote", *words]) == code
        return capsys.readouterr()

    assert "mouse 07.edf is there" in said("upload", str(recording)).out
    missing = said("upload", str(tmp_path / "no.edf"), str(recording), code=2)
    assert "no.edf" in missing.err and "is there" in missing.out
    assert "not scored" in said("list").out
    job_id = said("score", "mouse 07").out.rstrip().rpartition(" ")[2].rstrip(".")
    assert "queued" in said("jobs").out
    assert "has no scoring yet" in said("download", "mouse 07", "--out", str(tmp_path / "out"), code=2).err
    score_now(context, job_id)
    said("download", "mouse 07", "--out", str(tmp_path / "out"), "--formats", "csv,bids")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mouse_07_events.tsv", "mouse_07_scores.csv"]
    assert "scored" in said("list", "--search", "mouse").out
    assert "ended already" in said("cancel", job_id).out
    assert "no recording rat" in said("score", "rat", code=2).err
    assert "between 0 and 1" in said("download", "mouse 07", "--threshold", "2", code=2).err


def test_a_job_that_failed_is_waited_for_and_said(
    signed_in: None, client: Client, recording: Path, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    client.upload(recording)

    def fail() -> None:
        while not (jobs := list(client.jobs())):
            pass
        with context.database.writing() as session:
            job = session.get_one(Job, jobs[0]["id"])
            job.state, job.problem = JobState.FAILED, "The recording is too short."

    worker = threading.Thread(target=fail)
    worker.start()
    assert main(["remote", "score", "mouse 07", "--wait"]) == 2
    worker.join()
    assert "mouse 07.edf was not scored: The recording is too short." in capsys.readouterr().err


def test_a_busy_service_is_asked_again(served: Served, token: str, context: Context) -> None:
    object.__setattr__(served.context.requests, "per_minute", 120)
    with Client(served.address, token) as hasty:
        assert {hasty.me()["name"] for _ in range(125)} == {"ann"}
