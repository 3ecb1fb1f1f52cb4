"""Data sets of images, one file each, and the batches made of them. No data come with the project."""

from latentia.data.batches import ShuffledImages, every_image
from latentia.data.cifar10 import Cifar10
from latentia.data.images import DataSource, ImageSet, Source, Split

__all__ = ["Cifar10", "DataSource", "ImageSet", "ShuffledImages", "Source", "Split", "every_image"]
