"""DWN's models (arXiv:2410.11112, github.com/alanbacellar/DWN, package torch_dwn).

A LUTLayer reads slot l as bit l of the address: its slots are ours in reverse order, its tables are the same. A bit is
``input > 0``, an output bit ``entry > 0``. GroupSum may first permute its inputs and appends zeros until its classes
divide them; both are worked into the last layer here.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from bitlogic.interop.dwn_layers import fixed_layer, group_sum, learnable_layer
from bitlogic.interop.thresholds import InputGrid, fixed_encoder
from bitlogic.interop.walk import Converter, convert
from bitlogic.layers import LogicDense

_ENTRIES = ("luts", "mapping", "mapping.weights", "_LUTLayer__dummy_mapping")


@dataclass(frozen=True)
class DWNFacts:
    """What a torch_dwn state_dict does not hold."""

    in_dim: int  # of the first layer
    num_classes: int  # of the GroupSum
    tau: float = 1.0  # of the GroupSum
    permutation: Tensor | None = None  # of the GroupSum: GroupSum.randperm


def from_dwn(
    source: nn.Module | Mapping[str, Tensor],
    *,
    thermometer: Any = None,
    inputs: InputGrid | None = None,
    facts: DWNFacts | None = None,
) -> nn.Sequential:
    """The model that gives DWN's evaluation predictions, on the CPU and in eval mode; it stays trainable.

    Args:
        source: a Sequential of LUTLayers, STE and a GroupSum, or its state_dict.
        thermometer: a fitted thermometer of torch_dwn, or its thresholds ``(*features, num_bits)`` or
            ``(num_bits,)``; it becomes an encoder and a Flatten in front. Without one the model expects bits.
        inputs: the integers that hardware reads, with a thermometer; default: 8 bits over 0.0 .. 1.0.
        facts: what a state_dict does not hold; for state_dicts only.

    Raises:
        TypeError: a module or an entry that cannot be imported, named with its place.
        ValueError: a state_dict without its facts, a rank above 6, a last layer with real outputs, or a threshold that
            the grid cannot express.
    """
    front: list[nn.Module] = []
    if thermometer is not None:
        thresholds = thermometer if isinstance(thermometer, Tensor) else thermometer.thresholds
        front = [fixed_encoder(thresholds, -2, inputs or InputGrid(), "the thermometer"), nn.Flatten()]
    elif inputs is not None:
        raise TypeError("inputs describe what a thermometer reads, and there is none")
    if not isinstance(source, nn.Module):
        back = _from_state(source, facts)
    elif facts is not None:
        raise TypeError("facts are for a state_dict; the model states them itself")
    else:
        back = _Reader().read(source)
    return nn.Sequential(*front, *back).eval()


class _Reader:
    """Converts modules in their order, and remembers whether the last LUTLayer left its outputs real."""

    def __init__(self) -> None:
        self.real_outputs = False

    def read(self, source: nn.Module) -> nn.Sequential:
        converters: dict[str, Converter] = {"LUTLayer": self.layer, "STE": self.step, "GroupSum": self.group_sum}
        return convert(source, converters, {})

    def layer(self, module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
        alpha, beta = 0.5 * 0.75 ** (module.n - 1), 1 / 3
        if abs(float(module.alpha) - alpha) > 1e-6 * alpha or abs(float(module.beta) - beta) > 1e-6:
            warnings.warn(
                f"{place} was trained with alpha={float(module.alpha):g}, beta={float(module.beta):g}; further "
                f"training uses {alpha:g} and {beta:g}",
                stacklevel=2,
            )
        # A next layer reads real outputs as bits all the same; a GroupSum would add them up.
        self.real_outputs = not module.ste
        mapping: Any = module.mapping
        if not isinstance(mapping, Tensor):
            return [learnable_layer(module.luts, mapping.weights, connection_temperature=float(mapping.tau))]
        return [fixed_layer(module.input_size, module.luts, mapping)]

    def step(self, module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
        if not built or not isinstance(built[-1], LogicDense):
            raise TypeError(f"{place} does not follow a LUTLayer")
        self.real_outputs = False
        return []

    def group_sum(self, module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
        if self.real_outputs:
            raise ValueError(f"{place} adds up the real outputs of a LUTLayer(ste=False); only bits can be imported")
        return [group_sum(built, module.k, float(module.tau), module.randperm, place)]


def _from_state(state: Mapping[str, Tensor], facts: DWNFacts | None) -> nn.Sequential:
    if facts is None:
        raise ValueError("a state_dict needs facts=DWNFacts(in_dim=…, num_classes=…, tau=…); it holds tensors alone")
    layers: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        suffix = next((suffix for suffix in _ENTRIES if name == suffix or name.endswith(f".{suffix}")), None)
        if suffix is None:
            raise TypeError(f"the state_dict holds {name}; known: {', '.join(_ENTRIES)} of LUTLayers")
        layers.setdefault(name.removesuffix(suffix), {})[suffix] = value
    built: list[nn.Module] = []
    in_dim = facts.in_dim
    for prefix, entries in layers.items():
        if "luts" not in entries or not {"mapping", "mapping.weights"} & set(entries):
            raise TypeError(f"the state_dict holds of {prefix} only {', '.join(entries)}; a LUTLayer has luts, mapping")
        if "mapping.weights" in entries:
            layer = learnable_layer(entries["luts"], entries["mapping.weights"])
        else:
            layer = fixed_layer(in_dim, entries["luts"], entries["mapping"])
        built.append(layer)
        in_dim = layer.out_dim
    head = group_sum(built, facts.num_classes, facts.tau, facts.permutation, "the GroupSum")
    return nn.Sequential(*built, head).eval()
