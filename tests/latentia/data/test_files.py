from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from hashlib import md5
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from latentia.data.files import Download, check
from latentia.errors import DataError

CONTENT = b"a published file"
CHECKSUM = f"md5:{md5(CONTENT).hexdigest()}"


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web server on this machine that publishes one file."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "published.bin").write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path / "site")))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_downloaded_once(site: str, tmp_path: Path) -> None:
    wanted = Download(file="here.bin", url=f"{site}/published.bin", checksum=CHECKSUM)
    path = wanted.into(tmp_path / "cache")
    assert path.read_bytes() == CONTENT
    (tmp_path / "site" / "published.bin").unlink()
    assert wanted.into(tmp_path / "cache") == path


def test_a_download_with_another_checksum_is_refused_and_not_kept(site: str, tmp_path: Path) -> None:
    wanted = Download(file="here.bin", url=f"{site}/published.bin", checksum=f"md5:{'0' * 32}")
    with pytest.raises(
        DataError, match=r"here.bin from .*/published.bin was to have the checksum md5:000.* and has not"
    ):
        wanted.into(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_is_no_longer_published_is_named(site: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.bin could not be downloaded from .*/gone.bin: 404"):
        Download(file="gone.bin", url=f"{site}/gone.bin", checksum=CHECKSUM).into(tmp_path / "cache")


def test_a_file_is_compared_with_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    check(tmp_path / "a.bin", CHECKSUM)
    with pytest.raises(DataError, match=r"a.bin is not the published file, or is damaged: its md5 is .*, not 0000"):
        check(tmp_path / "a.bin", "md5:0000")
