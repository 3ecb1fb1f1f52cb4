"""`spindle serve` as a whole: processes that die are there again, and none outlives it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from spindle.commands import service_libraries
from spindle.errors import SettingError
from spindle.service.settings import WebOptions
from spindle.service.supervisor import address_of, with_port

from .serving import Served


def test_the_service_answers_and_gives_the_first_account_by_its_link(served: Served) -> None:
    assert served.ask("/health").json() == {"status": "ok"}
    assert served.ask(served.link.removeprefix(served.address)).status_code == 200


def test_a_process_that_is_killed_is_there_again(served: Served) -> None:
    served.ask("/health")
    for module in ("web", "worker"):
        killed = served.named(module)
        killed.kill()
        psutil.wait_procs([killed], timeout=10)
        assert served.named(module).pid != killed.pid
    assert served.ask("/health").status_code == 200
    assert served.process.poll() is None


@pytest.mark.parametrize("storage", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_service(served: Served, number: int) -> None:
    served.ask("/health")
    served.named("worker"), served.named("child")
    family = served.family()
    assert len(family) >= 3
    served.process.send_signal(number)
    code = served.process.wait(40)
    assert code == (-number if number == signal.SIGKILL else 0)
    assert psutil.wait_procs(family, timeout=30)[1] == []


@pytest.mark.parametrize("storage", ["sqlite"], indirect=True)
def test_nothing_but_the_web_program_listens(served: Served) -> None:
    served.ask("/health")
    served.named("child")
    listening = {
        place.laddr.port
        for one in (psutil.Process(served.process.pid), *served.family())
        for place in one.net_connections()
        if place.status == psutil.CONN_LISTEN
    }
    assert listening == {int(served.address.rpartition(":")[2])}


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match=rf"Port {port} of 127\.0\.0\.1 cannot be used: .*; name another"):
            with_port(WebOptions(port=port))


def test_a_database_that_does_not_answer_is_said_without_its_password(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    done = subprocess.run(
        (sys.executable, "-m", "spindle", "worker", "--data", str(tmp_path), "--database",
         f"postgresql://ann:secret@127.0.0.1:{port}/mice"),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot be used" in done.stderr and f":{port}/mice" in done.stderr
    assert "secret" not in done.stderr and "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        (sys.executable, "-m", "spindle", "serve", "--port", "0", "--data", str(tmp_path / "file" / "data")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot be made a folder for data" in done.stderr and "Traceback" not in done.stderr


def test_missing_libraries_are_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_libraries, "NEEDED", ("sqlalchemy", "no_such_library"))
    with pytest.raises(SettingError, match=r'more packages \(no_such_library\): pip install "latentia\[service\]"'):
        service_libraries.check_service()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8765"),
        ("0.0.0.0", "http://127.0.0.1:8765"),
        ("::1", "http://[::1]:8765"),
        ("::", "http://[::1]:8765"),
        ("mice.example.org", "http://mice.example.org:8765"),
    ],
)
def test_the_address_is_one_that_a_browser_on_this_machine_reaches(host: str, address: str) -> None:
    assert address_of(WebOptions(host=host, port=8765)) == address


def test_the_commands_are_imported_without_torch_and_without_the_services_libraries() -> None:
    program = (
        "import sys, spindle.commands.serve, spindle.commands.worker\n"
        "found = {'torch', 'sqlalchemy', 'dbos', 'fastapi', 'filelock'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(found)) or 0)"
    )
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
