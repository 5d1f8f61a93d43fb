"""Randomness that a seed repeats: one independent stream for each name."""

import random


def seeded(*name: object) -> random.Random:
    """A generator that depends on nothing but its name: adding a person changes nobody else's life."""
    return random.Random(":".join(str(part) for part in name))  # noqa: S311 - a simulation, no secret comes of it
