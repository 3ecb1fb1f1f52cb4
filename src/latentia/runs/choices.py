"""What a configuration can name: data sets, models and objectives, in closed mappings, and what goes with what.

There is no way to name code.
"""

from __future__ import annotations

from typing import get_args

from latentia.data import (
    KTH,
    BouncingBalls,
    CelebA,
    CelebAHQ,
    Cifar10,
    DataSource,
    DSprites,
    ImageFolder,
    ImageNet32,
    Mnist,
    NpzClips,
    NpzFields,
    NpzImages,
    Omniglot,
    PennTreebank,
    RenderedShapes,
    RenderedSprites,
    Shapes3D,
    TextFile,
)
from latentia.models.beta_vae import BetaVAEConfig
from latentia.models.gaussian_vae import GaussianVAEConfig
from latentia.models.ladder_vae import LadderVAEConfig
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAEConfig
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.models.vq_vae import VQVAEConfig
from latentia.runs.settings import Choice
from latentia.sequences import VideoFormat, WordFormat
from latentia.training.density import DensityTraining
from latentia.training.multitask import MultitaskTraining
from latentia.training.sequence import SequenceTraining

ImageData = DataSource | NpzFields
TextData = PennTreebank | TextFile
SequenceData = PennTreebank | TextFile | BouncingBalls | NpzClips | KTH
DATA_SETS = Choice(
    key="set",
    kinds={
        "cifar10": Cifar10,
        "imagenet32": ImageNet32,
        "celeba": CelebA,
        "celeba_hq": CelebAHQ,
        "mnist": Mnist,
        "omniglot": Omniglot,
        "shapes3d": Shapes3D,
        "dsprites": DSprites,
        "rendered_shapes": RenderedShapes,
        "rendered_sprites": RenderedSprites,
        "image_folder": ImageFolder,
        "npz": NpzImages,
        "npz_fields": NpzFields,
        "penn_treebank": PennTreebank,
        "text": TextFile,
        "bouncing_balls": BouncingBalls,
        "npz_clips": NpzClips,
        "kth": KTH,
    },
    other_names={
        "ptb": "the Penn Treebank is penn_treebank",
        "textfile": "a text file is text",
        "3dshapes": "3D-Shapes is shapes3d",
    },
)

SDN_VAE, IAF_VAE = "SDN-VAE is kind ladder_vae with model.sdn", "IAF-VAE+ is kind ladder_vae without model.sdn"
VAE_RNN = "VAE-RNN is kind recurrent_vae; model.forcing says how teacher forcing is regulated"
ImageModelConfig = LadderVAEConfig | GaussianVAEConfig | BetaVAEConfig | MultitaskGaussianVAEConfig | VQVAEConfig
MultitaskConfig = MultitaskGaussianVAEConfig | VQVAEConfig
ModelConfig = ImageModelConfig | RecurrentVAEConfig
MODELS = Choice(
    key="kind",
    kinds={
        "ladder_vae": LadderVAEConfig,
        "gaussian_vae": GaussianVAEConfig,
        "beta_vae": BetaVAEConfig,
        "multitask_gaussian_vae": MultitaskGaussianVAEConfig,
        "vq_vae": VQVAEConfig,
        "recurrent_vae": RecurrentVAEConfig,
    },
    other_names={
        "sdnvae": SDN_VAE,
        "sdn": SDN_VAE,
        "iafvae": IAF_VAE,
        "iaf": IAF_VAE,
        "scvae": "a semi-conditional VAE is kind multitask_gaussian_vae or vq_vae with model.decoders multi or single",
        "vanillavae": "a VAE without hierarchy is kind gaussian_vae, or beta_vae for images of 64×64",
        "vaernn": VAE_RNN,
        "rnnvae": VAE_RNN,
    },
)

BOUND, TASKS, SEQUENCES = "bound", "tasks", "sequences"
TRAININGS = Choice(
    key="objective",
    kinds={BOUND: DensityTraining, TASKS: MultitaskTraining, SEQUENCES: SequenceTraining},
    default=BOUND,
)
Training = DensityTraining | MultitaskTraining | SequenceTraining

FORMATS = Choice(key="of", kinds={"words": WordFormat, "frames": VideoFormat})
"""What the steps of a sequence are, in a model file."""


def objective_of(model: type) -> str:
    """Name the objective that models of a configuration class are trained by."""
    if issubclass(model, RecurrentVAEConfig):
        return SEQUENCES
    return TASKS if issubclass(model, get_args(MultitaskConfig)) else BOUND


def things_of(data: ImageData | SequenceData) -> str:
    """Name what a data set holds."""
    if isinstance(data, TextData):
        return "sentences"
    return "clips" if isinstance(data, SequenceData) else "images"
