"""The 45 rows of the table, and what each budget spends on one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from experiments.common import real_data
from latentia.data import Mnist
from latentia.masks import Masking
from latentia.models.base import Decoders
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAEConfig
from latentia.models.vq_vae import VQVAEConfig
from latentia.runs import Configuration
from latentia.runs.fold import Fold
from latentia.training.multitask import Balancing, MultitaskTraining

FamilyModel = MultitaskGaussianVAEConfig | VQVAEConfig
EXACT, UNIFORM = Masking(places="grid"), Masking(places="uniform", share=0.05)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A model and its size (thesis B 3.4.2)."""

    name: str
    model: FamilyModel
    softadapt_beta: float

    @property
    def quantized(self) -> bool:
        """Whether its latent variables are codes."""
        return isinstance(self.model, VQVAEConfig)


@dataclass(frozen=True, kw_only=True)
class Method:
    """How the reconstruction from the latent variables and that with known pixels are trained together."""

    name: str
    decoders: Decoders = "plain"
    masking: Masking | None = None
    softadapt: bool = False
    then_plain: bool = False
    """Train the second decoder for the first half alone, and go on as a plain model (thesis B 5.4)."""


def _vq(name: str, embeddings: int, size: int, widths: tuple[int, int], residual: int) -> Family:
    model = VQVAEConfig(embeddings=embeddings, embedding_size=size, widths=widths, residual_layers=residual)
    return Family(name=name, model=model, softadapt_beta=5e-3)


FAMILIES = {
    family.name: family
    for family in (
        _vq("VQ-VAE 1", 128, 16, (32, 64), 0),
        _vq("VQ-VAE 2", 128, 32, (128, 256), 2),
        _vq("VQ-VAE 3", 256, 64, (128, 256), 4),
        Family(name="Gaussian 1", model=MultitaskGaussianVAEConfig(latent_size=16), softadapt_beta=1e-4),
        Family(name="Gaussian 2", model=MultitaskGaussianVAEConfig(latent_size=64), softadapt_beta=1e-4),
    )
}
METHODS = {
    method.name: method
    for method in (
        Method(name="base"),
        Method(name="multi exact", decoders="multi", masking=EXACT),
        Method(name="multi exact SoftAdapt", decoders="multi", masking=EXACT, softadapt=True),
        Method(name="multi uniform", decoders="multi", masking=UNIFORM),
        Method(name="multi uniform SoftAdapt", decoders="multi", masking=UNIFORM, softadapt=True),
        Method(name="single Gaussian 40", decoders="single", masking=Masking(places="gaussian", exponent=40.0)),
        Method(name="single Gaussian 60", decoders="single", masking=Masking(places="gaussian", exponent=60.0)),
        Method(name="single uniform 40", decoders="single", masking=Masking(places="uniform", exponent=40.0)),
        Method(name="single uniform 60", decoders="single", masking=Masking(places="uniform", exponent=60.0)),
    )
}
NOTHING_KNOWN = 1e12
"""An exponent of the power law by which no pixel is ever known."""
BEYOND = {
    method.name: method
    for method in (
        Method(name="multi uniform, then plain", decoders="multi", masking=UNIFORM, then_plain=True),
        Method(name="single stratified 40", decoders="single", masking=Masking(places="stratified", exponent=40.0)),
        Method(name="single block 40", decoders="single", masking=Masking(places="block", exponent=40.0)),
        Method(name="single lines 40", decoders="single", masking=Masking(places="lines", exponent=40.0)),
        Method(name="single, nothing known", decoders="single", masking=Masking(exponent=NOTHING_KNOWN)),
    )
}
"""Rows that the thesis has not: what it leaves for the future (5.4), and a single decoder that is never told a pixel,
to see what its fully connected layer does by itself."""
TRAINING_IMAGES = 48_000
"""Of MNIST's 60,000, without a fold of five."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is spent on each row; the same on all rows of a family."""

    trainings: Mapping[str, MultitaskTraining]
    """How long each family is trained, and in which steps: a pass takes them from one minute to ten."""
    folds: int
    """How many of the 5 folds are held out, one after the other."""
    held_out: int | None = None
    """Measure the first so many images of a fold alone."""
    families: tuple[str, ...] = tuple(FAMILIES)
    methods: tuple[str, ...] = tuple(METHODS)
    shrunk: bool = False
    """Small networks, to see that everything runs."""
    beyond: tuple[str, ...] = ("VQ-VAE 1", "Gaussian 1")
    """Families that also have the rows which the thesis has not."""

    def only(self, families: tuple[str, ...], methods: tuple[str, ...]) -> Budget:
        """The same for some of the rows."""
        return replace(self, families=families, methods=methods, beyond=())


BUDGETS = {
    "smoke": Budget(
        trainings=dict.fromkeys(FAMILIES, MultitaskTraining(steps=2, batch=8, evaluate_steps=2)),
        folds=2,
        held_out=16,
        shrunk=True,
    ),
    "hour": Budget(
        trainings={
            # In float32 but for the smallest, which was trained where processors compute in bfloat16: others take ten
            # times as long for it.
            "VQ-VAE 1": MultitaskTraining(
                passes=8, batch=32, evaluate_steps=750, checkpoint_steps=1000, precision="bf16-mixed"
            ),
            "VQ-VAE 2": MultitaskTraining(steps=300, batch=32),
            "VQ-VAE 3": MultitaskTraining(steps=200, batch=32),
            "Gaussian 1": MultitaskTraining(steps=1000, batch=32, evaluate_steps=250),
            "Gaussian 2": MultitaskTraining(steps=500, batch=32, evaluate_steps=250),
        },
        folds=1,
        held_out=2000,
        beyond=("Gaussian 1",),
    ),
    "paper": Budget(trainings=dict.fromkeys(FAMILIES, MultitaskTraining(passes=100)), folds=5, beyond=tuple(FAMILIES)),
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training: a row of the table and a fold."""

    family: str
    method: str
    fold: int

    @property
    def label(self) -> str:
        """A name for files."""
        return f"{self.family}-{self.method}-fold-{self.fold}".lower().replace(" ", "-")

    def configuration(self, budget: Budget, seed: int) -> Configuration:
        """Give the run's configuration. Errors: SettingError where the real data are missing."""
        family, method = FAMILIES[self.family], (METHODS | BEYOND)[self.method]
        training = replace(budget.trainings[self.family], masking=method.masking)
        if method.softadapt:
            balancing = Balancing(kind="loss_weighted", beta=family.softadapt_beta)
            training = replace(training, balancing=balancing)
        if method.then_plain:
            steps = training.steps or (training.passes or 0) * (TRAINING_IMAGES // training.batch)
            training = replace(training, conditioned_steps=steps // 2)
        model = _shrunk(family.model) if budget.shrunk else family.model
        return Configuration(
            data=Mnist(folder=real_data() / "mnist"),
            model=replace(model, decoders=method.decoders),
            training=training,
            fold=Fold(number=self.fold, of=5, most=budget.held_out),
            seed=seed,
        )


def jobs(budget: Budget) -> list[Job]:
    """All trainings: the first fold of every row, then the second one and so on, so that early figures are of all.

    The thesis' rows of a family come before those beyond it.
    """
    rows = [
        (family, method)
        for family in sorted(budget.families, key=_effort)
        for method in (*budget.methods, *(BEYOND if family in budget.beyond else ()))
    ]
    return [
        Job(family=family, method=method, fold=fold) for fold in range(1, budget.folds + 1) for family, method in rows
    ]


def _effort(family: str) -> int:
    """Order families by how long they take, one of either kind first."""
    return ("VQ-VAE 1", "Gaussian 1", "VQ-VAE 2", "Gaussian 2", "VQ-VAE 3").index(family)


def _shrunk(model: FamilyModel) -> FamilyModel:
    if isinstance(model, VQVAEConfig):
        return replace(
            model, embeddings=8, embedding_size=4, widths=(4, 8), residual_layers=min(1, model.residual_layers)
        )
    return replace(model, widths=(4, 8), latent_size=4)
