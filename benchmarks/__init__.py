"""Benchmarks: code, and dated results as data."""
