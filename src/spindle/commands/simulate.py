"""`spindle simulate`: recordings with known states, for demonstrations, tests and training."""

from __future__ import annotations

from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say
from spindle.drawing import in_words
from spindle.options import SimulationOptions


def run(options: SimulationOptions) -> int:
    """Simulate recordings: an EDF+ each, with the states that two experts saw in it beside it, NAME_labels.csv.

    Several recordings go to a folder. Those that are there already are kept, so that an interrupted simulation goes
    on where it stopped.
    """
    from spindle.simulation.folders import labels_of, simulate_files

    with progress_bar() as progress:
        files = simulate_files(options, progress)
    if len(files) == 1:
        length = in_words(options.hours * 3600)
        say(f"{files[0]} is a simulated recording of {length}; its states are in {labels_of(files[0])}.")
    else:
        say(f"{files[0].parent} has {len(files)} simulated recordings, each with its labels beside it.")
    return 0
