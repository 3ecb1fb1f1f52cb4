"""How long a spatial dependency layer takes, beside the convolutions it replaces and a loop over GRU cells.

    python benchmarks/sdn_layer.py [--scales 4 8 16 32] [--batch 32] [--rounds 11] [--threads 2] [--quick]
    python benchmarks/sdn_layer.py --device cuda --batch 128 [--bf16]

Every round runs every layer once, forward alone and forward with backward, so that a slow minute of a shared machine
does not fall on one of them. Medians and quartiles go to a dated JSON file, with the ratios to the 3×3 convolution of
the same memory format: torch's convolutions are faster with channels last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentia.layers.spatial_dependency import Direction, SpatialDependency
from latentia.training.record import run_record

CHANNELS = 200
"""Of Tables A.2 and A.3."""
REFERENCE = "3×3 convolution"
FORMATS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


class GRUCellSweep(nn.Module):
    """The correction of one direction, line by line through torch's GRU cell, without writing into tensors in place.

    The cell's input are the three neighbours, its hidden state the own feature: then a GRU's algebra is Algorithm 1's.
    """

    def __init__(self, features: int, *, reverse: bool) -> None:
        super().__init__()
        self.cell = nn.GRUCell(3 * features, features)
        self.reverse = reverse

    def forward(self, features: Tensor) -> Tensor:
        """Sweep over (lines, batch, positions, features)."""
        lines = list(features.unbind())
        previous = torch.zeros_like(lines[0])
        corrected = []
        for line in reversed(lines) if self.reverse else lines:
            padded = functional.pad(previous, (0, 0, 1, 1))
            neighbours = torch.cat([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], -1)
            previous = self.cell(neighbours.flatten(0, 1), line.flatten(0, 1)).view_as(line)
            corrected.append(previous)
        return torch.stack(corrected[::-1] if self.reverse else corrected)


def spatial_dependency(directions: int, channels: int = CHANNELS) -> SpatialDependency:
    """Make the layer of Tables A.2 and A.3, with 1×1 projections."""
    return SpatialDependency(channels, channels, features=channels, directions=list(Direction)[:directions])


def gru_cell_version(directions: int, channels: int = CHANNELS) -> SpatialDependency:
    """Make the same layer with its sweeps exchanged for loops over GRU cells."""
    layer = spatial_dependency(directions, channels)
    sweeps = [GRUCellSweep(channels, reverse=direction.reverse) for direction in layer.directions]
    layer.corrections = nn.ModuleList(sweeps)
    return layer


def published_layers(channels: int = CHANNELS) -> dict[str, nn.Module]:
    """Make the four layers of Tables A.2 and A.3."""
    return {
        REFERENCE: nn.Conv2d(channels, channels, 3, padding=1),
        "5×5 convolution": nn.Conv2d(channels, channels, 5, padding=2),
        "SDN, 1 direction": spatial_dependency(1, channels),
        "SDN, 2 directions": spatial_dependency(2, channels),
    }


def measure(work: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Do everything once to warm up and then in turn; seconds of each run."""
    cuda = torch.cuda.is_available()
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for place in range(rounds + 1):
        for name, run in work.items():
            if cuda:
                torch.cuda.synchronize()
            started = time.perf_counter()
            run()
            if cuda:
                torch.cuda.synchronize()
            if place:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def forward(layer: nn.Module, images: Tensor) -> Callable[[], object]:
    """Make a run of the layer as in sampling and evaluation."""

    def run() -> None:
        with torch.no_grad():
            layer(images)

    return run


def forward_backward(layer: nn.Module, images: Tensor) -> Callable[[], object]:
    """Make a run of the layer as in training, with the gradients of all parameters and of the input."""
    images = images.detach().requires_grad_()
    inputs = (images, *layer.parameters())
    grad = torch.randn_like(images)

    def run() -> None:
        torch.autograd.grad(layer(images), inputs, grad)

    return run


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    scales: Sequence[int]
    batch: int
    rounds: int
    channels: int = CHANNELS
    bf16: bool = False
    """Under autocast, as in mixed precision."""


def benchmark(plan: Plan, device: torch.device) -> list[dict[str, Any]]:
    """One row for each scale, memory format and way of running, with the layers' times."""
    rows = []
    for scale in plan.scales:
        for name, memory_format in FORMATS.items():
            layers = published_layers(plan.channels) | {
                f"GRU cells, {count} direction{'s' * (count > 1)}": gru_cell_version(count, plan.channels)
                for count in (1, 2)
            }
            layers = {key: layer.to(device).to(memory_format=memory_format) for key, layer in layers.items()}
            images = torch.randn(plan.batch, plan.channels, scale, scale, device=device)
            images = images.contiguous(memory_format=memory_format)
            for way, make in (("forward", forward), ("forward and backward", forward_backward)):
                with torch.autocast(device.type, torch.bfloat16, enabled=plan.bf16):
                    seconds = measure({key: make(layer, images) for key, layer in layers.items()}, rounds=plan.rounds)
                rows.append({"scale": scale, "memory_format": name, "runs": way, "layers": summary(seconds)})
                print_row(rows[-1])
    return rows


def summary(seconds: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """Median, quartiles and ratio of medians to the 3×3 convolution."""
    reference = statistics.median(seconds[REFERENCE])
    rows = {}
    for name, times in seconds.items():
        low, median, high = statistics.quantiles(times, n=4, method="inclusive")
        rows[name] = {"median_s": median, "quartiles_s": [low, high], "ratio": median / reference}
    return rows


def print_row(row: Mapping[str, Any]) -> None:
    """Say it in a line."""
    figures = ", ".join(
        f"{name} {layer['median_s'] * 1e3:.1f} ms ({layer['ratio']:.2f})" for name, layer in row["layers"].items()
    )
    print(f"scale {row['scale']}, {row['memory_format']}, {row['runs']}: {figures}", flush=True)


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scales", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--batch", type=int, default=32, help="default: 32, that of Table A.1 for one device")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--bf16", action="store_true", help="in mixed precision, bf16, instead of float32")
    parser.add_argument("--quick", action="store_true", help="a batch of 8, 3 rounds, up to scale 16; writes no file")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = Plan(scales=options.scales, batch=options.batch, rounds=options.rounds, bf16=options.bf16)
    if options.quick:
        plan = Plan(scales=[4, 8, 16], batch=8, rounds=3, bf16=options.bf16)
    config = {**asdict(plan), "threads": options.threads, "device": str(options.device)}
    record = run_record(config=config, seed=0, data={}, source=Path(__file__))
    torch.manual_seed(0)
    result = {"benchmark": "sdn_layer", **record, "rows": benchmark(plan, options.device)}
    if options.quick:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    precision = "bf16" if options.bf16 else "float32"
    target = options.out / f"sdn_layer-{options.device.type}-{precision}-{date.today().isoformat()}.json"
    target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
