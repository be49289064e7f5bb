"""difflogic's models (arXiv:2210.08277, github.com/Felix-Petersen/difflogic).

A LogicLayer has weights ``(out_dim, 16)`` over the functions of two inputs, numbered as here: the first input is the
high bit of a table's address, entry 0 the number's most significant bit. Its wiring is a pair of plain attributes,
``indices = (a, b)``, so that a state_dict has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.heads import GroupSum
from bitlogic.interop.assemble import assemble_dense
from bitlogic.interop.walk import Converter, convert


@dataclass(frozen=True)
class DiffLogicFacts:
    """What a difflogic state_dict does not hold."""

    in_dim: int  # of the first layer
    indices: Sequence[tuple[Tensor, Tensor]]  # of each layer: LogicLayer.indices
    num_classes: int  # of the GroupSum
    tau: float = 1.0  # of the GroupSum


def from_difflogic(source: nn.Module | Mapping[str, Tensor], *, facts: DiffLogicFacts | None = None) -> nn.Sequential:
    """The model that gives difflogic's evaluation predictions, on the CPU and in eval mode; it stays trainable.

    It expects bits, as difflogic's data sets give them.

    Args:
        source: a Sequential of LogicLayers, torch's Flatten and a GroupSum, or its state_dict.
        facts: what a state_dict does not hold; for state_dicts only.

    Raises:
        TypeError: a module or an entry that cannot be imported, named with its place.
        ValueError: a state_dict without its facts, or facts for another number of layers.
    """
    if not isinstance(source, nn.Module):
        return _from_state(source, facts)
    if facts is not None:
        raise TypeError("facts are for a state_dict; the model states them itself")

    def layer(module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
        return [_layer(module.in_dim, module.weights, module.indices, float(module.grad_factor))]

    converters: dict[str, Converter] = {
        "LogicLayer": layer,
        "GroupSum": lambda module, place, built: [_group_sum(module)],
    }
    return convert(source, converters, {})


def _group_sum(module: Any) -> GroupSum:
    return GroupSum(module.k, tau=float(module.tau))


def _from_state(state: Mapping[str, Tensor], facts: DiffLogicFacts | None) -> nn.Sequential:
    other = [name for name in state if name.rpartition(".")[2] != "weights"]
    if other:
        raise TypeError(f"the state_dict holds {', '.join(other)}; known: the weights of LogicLayers")
    if facts is None:
        raise ValueError(
            "a difflogic state_dict holds no wiring: give facts=DiffLogicFacts(in_dim=…, indices=[layer.indices, …], "
            "num_classes=…, tau=…)"
        )
    if len(facts.indices) != len(state):
        raise ValueError(f"the state_dict holds {len(state)} layers, the facts indices of {len(facts.indices)}")
    built: list[nn.Module] = []
    in_dim = facts.in_dim
    for weights, indices in zip(state.values(), facts.indices, strict=True):
        built.append(_layer(in_dim, weights, indices, 1.0))
        in_dim = len(weights)
    return nn.Sequential(*built, GroupSum(facts.num_classes, tau=facts.tau)).eval()


def _layer(in_dim: int, weights: Tensor, indices: tuple[Tensor, Tensor], grad_factor: float) -> nn.Module:
    wiring = torch.stack([indices[0], indices[1]])
    return assemble_dense(in_dim, weights.detach(), wiring, "difflogic", grad_factor=grad_factor)
