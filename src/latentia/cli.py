"""The command line `latentia`; a command is a file of `latentia.commands`."""

from __future__ import annotations

from collections.abc import Sequence

from latentia.command_line.program import Program

COMMANDS = {
    "train": "train a model of images, sentences or clips by a configuration",
    "cross-validate": "train a model once for each fold, and give means and standard deviations",
    "prior": "learn a prior over the codes of a trained VQ-VAE, so that it can be sampled",
    "evaluate": "measure a trained model: its likelihood, use of its latent variables, reconstructions",
    "sample": "draw images, sentences or clips at several temperatures",
    "interpolate": "go from one image, sentence or clip to another",
    "neighbourhood": "draw images around one, with some of its layers kept",
    "traverse": "move one latent dimension at a time, and draw what it stands for",
    "disentanglement": "measure how well latent dimensions stand for known factors",
    "reconstruct": "encode images, sentences or clips and decode them again",
    "train-segmentation": "train a U-Net or one of its relatives on images with masks",
    "evaluate-segmentation": "measure how well a trained U-Net's masks agree with given ones",
    "segment": "mark what a trained U-Net looks for, in images and volumes",
    "impute": "fill in images of which some pixels are known, and say how sure that is",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `latentia` with these words, or with the command line's own; return the exit code."""
    program = Program(
        name="latentia",
        summary="Deep generative models of images and sequences with latent variables: train, evaluate, explore.",
        commands=COMMANDS,
        package="latentia.commands",
    )
    return program.main(argv)
