"""Files on their way to the user: under the user's own name for them, and never as pages of ours."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from fastapi.responses import FileResponse, Response, StreamingResponse

from spindle.service.files import FileStore
from spindle.service.problems import not_found

PIECE = 2**20

ALONE = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
"""What a finished page, which carries its scripts within it, may do when it is looked at here: nothing to the service,
because a browser gives it an origin of its own."""


def send_file(files: FileStore, key: str, name: str, media_type: str, *, shown: bool = False) -> Response:
    """Answer with a file, to be saved as `name`, or `shown` in the browser. Errors: Problem 404."""
    headers = {"Content-Disposition": disposition(name, shown=shown)}
    if media_type.startswith("text/html"):
        headers["Content-Security-Policy"] = ALONE
    if files.is_local:
        path = files.folder / key
        if not path.is_file():
            raise not_found("file")
        return FileResponse(path, media_type=media_type, headers=headers)
    if not files.exists(key):
        raise not_found("file")
    return StreamingResponse(_pieces(files, key), media_type=media_type, headers=headers)


def disposition(name: str, *, shown: bool = False) -> str:
    """Write the header that names a file (RFC 6266): plainly, and with all its letters for those who can read that."""
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\/%;' else "_" for letter in name
    )
    return f"{'inline' if shown else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _pieces(files: FileStore, key: str) -> Iterator[bytes]:
    with files.local(key) as path, path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
