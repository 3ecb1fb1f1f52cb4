"""Redo what semi-conditional VAEs were made for: a flow around a cylinder from few sensors (thesis B, 2.3)."""
