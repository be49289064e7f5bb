"""What networks of operations compute, by evaluation of every step at every address."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.networks import Networks

Array = npt.NDArray[Any]
ADDRESSES = np.arange(16)


def values_of(networks: Networks) -> Array:
    """int64 ``(rows,)``: the functions of four inputs that the networks give."""
    every = np.arange(len(networks.num_steps))
    steps, width = networks.operands.shape[1:]
    values = np.zeros((len(every), 4 + steps, 16), dtype=np.int64)
    values[:, :4] = ADDRESSES >> np.arange(4)[:, None] & 1
    for step in range(steps):
        index = np.zeros((len(every), 16), dtype=np.int64)
        for place in range(width):
            index |= values[every, networks.operands[:, step, place].astype(np.int64)] << place
        values[:, 4 + step] = networks.tables[:, step, None].astype(np.int64) >> index & 1
    results: Array = values[every, 3 + networks.num_steps.astype(np.int64)] @ (1 << ADDRESSES)
    return results
