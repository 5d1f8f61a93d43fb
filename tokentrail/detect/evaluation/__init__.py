"""Evaluation: labelled streams of invented worlds, and measures at a budget."""
