"""A child whose work is quick: what to do is in the request."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from spindle.errors import RecordingError
from spindle.service.child import Assignment, main


def work(assignment: Assignment) -> list[dict[str, Any]]:
    request = assignment.request
    do = request["do"]
    if do == "mistake":
        raise RecordingError("mouse.edf holds no signal.")
    if do == "die" or (do == "die once" and assignment.attempt == 1):
        os._exit(9)
    if do == "bug":
        raise ZeroDivisionError("division by zero")
    if do == "no memory":
        raise MemoryError
    if do == "no room":
        raise OSError(28, "No space left on device")
    if do == "no file":
        raise FileNotFoundError("it is not there")
    if do == "say":
        print("a library says something")
        assignment.say("The first line.")
        assignment.progress("Half of it", 0.5)
        time.sleep(1.0)
        assignment.say("The last line.")
    if do == "borrow":
        with assignment.store.working_folder() as folder:
            (folder / "recording.edf").write_text("of somebody", encoding="utf-8")
            assignment.progress("Waiting", 0.0)
            time.sleep(60.0)
    # In small pieces: a test that ends the child asks how far it came.
    for part in range(int(10 * request.get("seconds", 0))):
        assignment.progress("Waiting", part / (10 * request["seconds"]))
        time.sleep(0.1)
    with assignment.store.working_folder() as folder:
        (folder / "done.txt").write_text(request["do"], encoding="utf-8")
        assignment.store.put(folder / "done.txt", f"scorings/{assignment.job_id}-{assignment.attempt}/done.txt")
    return [{"table": "models", "name": request["do"], "file": f"models/{assignment.job_id}/m", "card": {}}]


if __name__ == "__main__":
    sys.exit(main({"score": work}))
