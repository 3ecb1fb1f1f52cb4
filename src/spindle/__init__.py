"""SPINDLE: from a rodent's EEG and EMG to a hypnogram that can be trusted."""
