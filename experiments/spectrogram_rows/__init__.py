"""Which 24 rows of the spectrogram serve best: 0.5–12 Hz as they are, or 0.5–24 Hz in pairs."""
