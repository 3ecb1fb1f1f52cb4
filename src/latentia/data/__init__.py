"""Data sets of images, fields and sequences, one file each, and batches of them. No data come with the project."""

from latentia.data.batches import ShuffledImages
from latentia.data.bouncing_balls import BouncingBalls
from latentia.data.celeba import CelebA
from latentia.data.celeba_hq import CelebAHQ
from latentia.data.cifar10 import Cifar10
from latentia.data.dsprites import DSprites
from latentia.data.factor_images import FactorImages
from latentia.data.factors import Factors
from latentia.data.fields import DataSet, FieldSet, NpzFields, pixels_of
from latentia.data.image_folder import ImageFolder
from latentia.data.imagenet32 import ImageNet32
from latentia.data.images import DataSource, ImageSet, Source, Split
from latentia.data.kth import KTH
from latentia.data.mnist import Mnist
from latentia.data.npz import NpzImages
from latentia.data.omniglot import Omniglot
from latentia.data.rendered_shapes import RenderedShapes
from latentia.data.rendered_sprites import RenderedSprites
from latentia.data.sequence_sets import SequenceSet, SequenceSource, ShuffledSequences
from latentia.data.shapes3d import Shapes3D
from latentia.data.text import PennTreebank, TextFile
from latentia.data.video import NpzClips
from latentia.data.vocabulary import Vocabulary

__all__ = [
    "KTH",
    "BouncingBalls",
    "CelebA",
    "CelebAHQ",
    "Cifar10",
    "DSprites",
    "DataSet",
    "DataSource",
    "FactorImages",
    "Factors",
    "FieldSet",
    "ImageFolder",
    "ImageNet32",
    "ImageSet",
    "Mnist",
    "NpzClips",
    "NpzFields",
    "NpzImages",
    "Omniglot",
    "PennTreebank",
    "RenderedShapes",
    "RenderedSprites",
    "SequenceSet",
    "SequenceSource",
    "Shapes3D",
    "ShuffledImages",
    "ShuffledSequences",
    "Source",
    "Split",
    "TextFile",
    "Vocabulary",
    "pixels_of",
]
