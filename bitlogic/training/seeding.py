"""Random numbers that depend on nothing but the seed and what they are for."""

import numpy as np
import torch

_PURPOSES = ("weights", "noise", "order", "augmentation", "validation", "measured")


def generator_for(purpose: str, seed: int, number: int = 0) -> torch.Generator:
    """A CPU generator for one purpose and one number of it: an epoch, a step, a process."""
    return torch.Generator().manual_seed(seed_for(purpose, seed, number))


def seed_for(purpose: str, seed: int, number: int = 0) -> int:
    """A seed that differs for every purpose, seed and number; ValueError for an unknown purpose."""
    sequence = np.random.SeedSequence([seed, _PURPOSES.index(purpose), number])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
