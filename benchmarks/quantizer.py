"""How long a vector quantizer takes, beside vector-quantize-pytorch and a plain one that calls torch.cdist.

    python -m benchmarks.quantizer [--rounds 21] [--threads 1 2] [--quick]

Every round runs every quantizer once, so that a slow minute of a shared machine does not fall on one of them. Medians
and quartiles go to a dated JSON file, with the ratios to ours; so does the share of vectors for which the others choose
our code from the same codebook. Gradients are those of the input and of a codebook that learns by them; where it learns
by moving averages, their update is part of the run.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.sdn_layer import measure
from latentia.layers.vector_quantizer import VectorQuantizer
from latentia.training.record import run_record

try:
    from vector_quantize_pytorch import VectorQuantize
except ImportError as error:
    raise SystemExit(
        "This benchmark compares with vector-quantize-pytorch, which is not installed: "
        "pip install -c constraints.txt -e '.[benchmarks]'"
    ) from error

OURS = "Latentia"
COMMITMENT = 0.25
DECAY = 0.8
"""The peer's default."""


class CdistQuantizer(nn.Module):
    """A quantizer as a few lines of torch, with a codebook that learns by its gradient."""

    def __init__(self, codebook: Tensor) -> None:
        super().__init__()
        self.codebook = nn.Parameter(codebook.clone())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give vectors, codes and the weighted loss."""
        rows = images.movedim(1, -1)
        codes = torch.cdist(rows.detach().flatten(0, -2), self.codebook.detach()).argmin(-1).view(rows.shape[:-1])
        vectors = functional.embedding(codes, self.codebook).movedim(-1, 1)
        loss = functional.mse_loss(vectors, images.detach())
        loss = loss + COMMITMENT * functional.mse_loss(images, vectors.detach())
        return images + (vectors - images).detach(), codes, loss


class Ours(nn.Module):
    """Our quantizer with what the others return."""

    def __init__(self, codebook: Tensor, **settings: Any) -> None:
        super().__init__()
        self.quantizer = VectorQuantizer(*codebook.shape, **settings)
        with torch.no_grad():
            self.quantizer.codebook.copy_(codebook)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give vectors, codes and the weighted loss."""
        result = self.quantizer(images)
        return result.vectors, result.codes, (result.codebook_loss + COMMITMENT * result.commitment_loss).mean()


def peer(codebook: Tensor, **settings: Any) -> VectorQuantize:
    """Make vector-quantize-pytorch's quantizer; its one weight is that of both losses."""
    count, size = codebook.shape
    layer = VectorQuantize(
        dim=size, codebook_size=count, accept_image_fmap=True, decay=DECAY, commitment_weight=COMMITMENT, **settings
    )
    with torch.no_grad():
        layer.codebook = codebook
    return layer


def quantizers(codebook: Tensor) -> dict[str, dict[str, nn.Module]]:
    """Make all quantizers with one codebook, by the way in which it learns."""
    name = "vector-quantize-pytorch"
    return {
        "gradient": {
            OURS: Ours(codebook),
            name: peer(codebook, learnable_codebook=True, ema_update=False, rotation_trick=False),
            f"{name}, rotation trick": peer(codebook, learnable_codebook=True, ema_update=False),
            "torch.cdist": CdistQuantizer(codebook),
        },
        "moving averages": {
            OURS: Ours(codebook, average_decay=DECAY),
            name: peer(codebook, rotation_trick=False),
            f"{name}, rotation trick (its default)": peer(codebook),
        },
    }


def forward(layer: nn.Module, images: Tensor) -> Callable[[], object]:
    """Make a run of the layer as in evaluation."""
    layer = copy.deepcopy(layer).eval()

    def run() -> None:
        with torch.no_grad():
            layer(images)

    return run


def forward_backward(layer: nn.Module, images: Tensor) -> Callable[[], object]:
    """Make a run of the layer as in training, with the gradients of a codebook that has one and of the input."""
    images = images.detach().requires_grad_()
    inputs = (images, *layer.parameters())
    grads = (torch.randn_like(images), torch.ones(()))

    def run() -> None:
        vectors, _, loss = layer(images)
        torch.autograd.grad((vectors, loss.sum()), inputs, grads)

    return run


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    shapes: Sequence[Sequence[int]] = ((128, 64, 8, 8), (16, 64, 32, 32))
    count: int = 512
    rounds: int = 21
    threads: Sequence[int] = (1, 2)


def benchmark(plan: Plan) -> list[dict[str, Any]]:
    """One row for each shape, number of threads, way of learning and way of running, with the quantizers' times."""
    rows = []
    for shape in plan.shapes:
        # As spread as a codebook at its start, and as a trained encoder's output is around a trained one.
        images = 0.05 * torch.randn(*shape)
        codebook = 0.05 * torch.randn(plan.count, shape[1])
        for threads in plan.threads:
            torch.set_num_threads(threads)
            for learning, layers in quantizers(codebook).items():
                setting = {"shape": list(shape), "threads": threads, "learning": learning}
                agreeing = agreement(layers, images)
                for way, make in (("forward", forward), ("forward and backward", forward_backward)):
                    runs = {name: make(layer, images) for name, layer in layers.items()}
                    figures = summary(measure(runs, rounds=plan.rounds))
                    rows.append({**setting, "runs": way, "agreeing_codes": agreeing, "quantizers": figures})
                    print_row(rows[-1])
    return rows


def agreement(layers: Mapping[str, nn.Module], images: Tensor) -> dict[str, float]:
    """Share of vectors for which each quantizer chooses the code that ours chooses."""
    with torch.no_grad():
        codes = {name: copy.deepcopy(layer).eval()(images)[1] for name, layer in layers.items()}
    return {name: float((of_layer == codes[OURS]).double().mean()) for name, of_layer in codes.items()}


def summary(seconds: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """Median, quartiles and ratio of medians to ours."""
    reference = statistics.median(seconds[OURS])
    rows = {}
    for name, times in seconds.items():
        low, median, high = statistics.quantiles(times, n=4, method="inclusive")
        rows[name] = {"median_s": median, "quartiles_s": [low, high], "ratio": median / reference}
    return rows


def print_row(row: Mapping[str, Any]) -> None:
    """Say it in a line."""
    figures = ", ".join(
        f"{name} {layer['median_s'] * 1e3:.1f} ms ({layer['ratio']:.2f})" for name, layer in row["quantizers"].items()
    )
    shape = "×".join(str(size) for size in row["shape"])
    print(f"{shape}, {row['threads']} threads, {row['learning']}, {row['runs']}: {figures}", flush=True)


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--threads", type=int, nargs="+", default=Plan.threads)
    parser.add_argument("--quick", action="store_true", help="the small shape with a batch of 16, 3 rounds; no file")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    plan = Plan(rounds=options.rounds, threads=options.threads)
    if options.quick:
        plan = Plan(shapes=((16, 64, 8, 8),), rounds=3, threads=options.threads)
    record = run_record(config=asdict(plan), seed=0, data={}, source=Path(__file__))
    record["libraries"]["vector-quantize-pytorch"] = version("vector-quantize-pytorch")
    torch.manual_seed(0)
    result = {"benchmark": "quantizer", **record, "rows": benchmark(plan)}
    if options.quick:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"quantizer-cpu-float32-{date.today().isoformat()}.json"
    target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
