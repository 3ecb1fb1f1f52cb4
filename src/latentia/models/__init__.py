"""Models: one file, one model; all answer the questions of `latentia.models.base`."""
