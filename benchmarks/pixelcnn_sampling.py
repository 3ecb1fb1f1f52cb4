"""How long a PixelCNN takes to draw maps of codes, with what earlier places computed kept, and without.

    python benchmarks/pixelcnn_sampling.py [--sizes 8 16] [--batch 16] [--layers 10] [--rounds 5] [--threads 2]
    python benchmarks/pixelcnn_sampling.py --quick

Every round draws once in each way, so that a slow minute of a shared machine does not fall on one of them. Both ways
start from the same random numbers and draw the same maps, which is checked. Medians and quartiles go to a dated JSON
file, with how many times faster the cached way is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch

from latentia.models.pixel_cnn import STACKS, Kind, PixelCNN, PixelCNNConfig
from latentia.randomness import seeded
from latentia.training.record import run_record

WAYS = {"cached": True, "whole maps": False}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    sizes: Sequence[int]
    batch: int
    rounds: int
    layers: int = 10
    channels: int = 64
    codes: int = 512


def benchmark(plan: Plan, device: torch.device) -> list[dict[str, Any]]:
    """One row for each kind and size of map."""
    rows = []
    for size in plan.sizes:
        for kind in STACKS:
            config = PixelCNNConfig(kind=kind, layers=plan.layers, channels=plan.channels)
            model = config.build(codes=plan.codes, height=size, width=size).to(device)
            rows.append(row(kind, size, measure(model, batch=plan.batch, rounds=plan.rounds)))
            print_row(rows[-1])
    return rows


def measure(model: PixelCNN, *, batch: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round; the first round of all warms up."""
    device = model.embed.weight.device
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds + 1):
        maps = []
        for way, cached in WAYS.items():
            with seeded(number, device=device):
                started = time.perf_counter()
                maps.append(model.sample(batch, cached=cached).cpu())  # which waits for a graphics card
                if number:
                    seconds[way].append(time.perf_counter() - started)
        check_equal(*maps)
    return seconds


def check_equal(cached: torch.Tensor, whole: torch.Tensor) -> None:
    """Ask for the same codes but for a few that rounding decides, and that decide about those after them."""
    share = float((cached == whole).double().mean())
    if share < 0.9:
        raise SystemExit(f"The two ways drew other maps: {share:.1%} of the codes agree.")


def row(kind: Kind, size: int, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Medians and quartiles, and the ratio of the medians."""
    ways = {}
    for way, times in seconds.items():
        low, median, high = statistics.quantiles(times, n=4, method="inclusive")
        ways[way] = {"median_s": median, "quartiles_s": [low, high]}
    times_faster = ways["whole maps"]["median_s"] / ways["cached"]["median_s"]
    return {"kind": kind, "size": size, "ways": ways, "times_faster": times_faster}


def print_row(row: dict[str, Any]) -> None:
    """Say it in a line."""
    figures = ", ".join(f"{way} {one['median_s'] * 1e3:.0f} ms" for way, one in row["ways"].items())
    print(f"{row['kind']}, {row['size']}×{row['size']}: {figures}, {row['times_faster']:.1f} times faster", flush=True)


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16], help="height and width of the maps")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--quick", action="store_true", help="8×8 alone, a batch of 4, 2 rounds; writes no file")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = Plan(sizes=options.sizes, batch=options.batch, rounds=options.rounds, layers=options.layers)
    if options.quick:
        plan = Plan(sizes=[8], batch=4, rounds=2, layers=options.layers)
    config = {**asdict(plan), "threads": options.threads, "device": str(options.device)}
    record = run_record(config=config, seed=0, data={}, source=Path(__file__))
    torch.manual_seed(0)
    result = {"benchmark": "pixelcnn_sampling", **record, "rows": benchmark(plan, options.device)}
    if options.quick:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    where = f"{options.device.type}-{options.threads}" if options.device.type == "cpu" else options.device.type
    target = options.out / f"pixelcnn_sampling-{where}-{date.today().isoformat()}.json"
    target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
