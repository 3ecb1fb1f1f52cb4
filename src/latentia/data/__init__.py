"""Data sets of images and fields, one file each, and the batches made of them. No data come with the project."""

from latentia.data.batches import ShuffledImages
from latentia.data.celeba import CelebA
from latentia.data.celeba_hq import CelebAHQ
from latentia.data.cifar10 import Cifar10
from latentia.data.fields import DataSet, FieldSet, NpzFields, pixels_of
from latentia.data.image_folder import ImageFolder
from latentia.data.imagenet32 import ImageNet32
from latentia.data.images import DataSource, ImageSet, Source, Split
from latentia.data.mnist import Mnist
from latentia.data.npz import NpzImages
from latentia.data.omniglot import Omniglot

__all__ = [
    "CelebA",
    "CelebAHQ",
    "Cifar10",
    "DataSet",
    "DataSource",
    "FieldSet",
    "ImageFolder",
    "ImageNet32",
    "ImageSet",
    "Mnist",
    "NpzFields",
    "NpzImages",
    "Omniglot",
    "ShuffledImages",
    "Source",
    "Split",
    "pixels_of",
]
