"""torchlogix' models (pypi.org/project/torchlogix, read at 0.2.2).

Its slot 0 is the most significant bit of a table's address and its function numbers have entry 0 as their most
significant bit, as here. Its `raw` is `difflogic` here; `warp` and `light` have the same bases. Its GroupSum is
``(sum + beta) / tau``, ours ``sum / tau + beta``.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from bitlogic.interop.thresholds import InputGrid, fixed_encoder
from bitlogic.interop.torchlogix_conv import convert_conv, convert_pooling, convert_residual
from bitlogic.interop.torchlogix_layers import convert_dense
from bitlogic.interop.torchlogix_state import TorchlogixFacts, convert_state, group_sum
from bitlogic.interop.walk import Converter, convert

_WRAPPERS = {"RandomlyConnectedNN": "model", "CNN": "model"}


def from_torchlogix(
    source: nn.Module | Mapping[str, Tensor],
    *,
    inputs: InputGrid | None = None,
    facts: TorchlogixFacts | None = None,
) -> nn.Sequential:
    """The model that gives torchlogix' evaluation predictions, on the CPU and in eval mode.

    The weights stay trainable: raw, warp and light layers become layers of the same parametrization and learnable
    connections stay learnable. Thresholds of a binarization, trained ones too, are frozen at what its evaluation uses.
    Models without one (DummyBinarization) expect bits; on other numbers torchlogix interpolates between table entries
    and these layers do not.

    Args:
        source: a model built of torchlogix' layers in Sequentials, or its state_dict.
        inputs: the integers that hardware reads, where the model has a binarization; default: 8 bits over 0.0 .. 1.0.
        facts: what a state_dict does not hold; for state_dicts only.

    Raises:
        TypeError: a module that cannot be imported, named with its place.
        ValueError: a state_dict without its facts, a threshold that the grid cannot express, tau <= 0, or a rank above
            6.
    """
    grid = inputs or InputGrid()
    if not isinstance(source, nn.Module):
        return convert_state(source, grid, facts)
    if facts is not None:
        raise TypeError("facts are for a state_dict; the model states them itself")

    def binarization(module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
        # get_thresholds, not the buffer: LearnableBinarization keeps its initial thresholds there.
        return [fixed_encoder(module.get_thresholds(), module.feature_dim, grid, place)]

    converters: dict[str, Converter] = {
        "LogicDense": convert_dense,
        "LogicConv2d": convert_conv,
        "LogicConv3d": convert_conv,
        "ResidualLogicBlock": convert_residual,
        "OrPooling2d": convert_pooling,
        "OrPooling3d": convert_pooling,
        "FixedBinarization": binarization,
        "SoftBinarization": binarization,
        "LearnableBinarization": binarization,
        "DummyBinarization": lambda module, place, built: [],
        "GroupSum": _head,
    }
    return convert(source, converters, _WRAPPERS)


def _head(module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
    return [group_sum(module.k, float(module.tau), float(module.beta))]
