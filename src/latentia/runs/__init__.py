"""Runs: a configuration in, a folder with a trained model, its record and its history out."""
