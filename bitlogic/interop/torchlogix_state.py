"""A torchlogix state_dict without its model."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from bitlogic.heads import GroupSum
from bitlogic.interop.assemble import assemble_dense, assemble_learnable
from bitlogic.interop.thresholds import InputGrid, fixed_encoder
from bitlogic.interop.torchlogix_layers import own_candidates, own_weight
from bitlogic.layers import LogicDense

_SUFFIXES = ("connections.indices", "connections.weights", "connections._export_indices", "_export_lut_ids")


@dataclass(frozen=True)
class TorchlogixFacts:
    """What a torchlogix state_dict does not hold."""

    num_classes: int  # of the GroupSum
    tau: float  # of the GroupSum
    beta: float = 0.0  # of the GroupSum
    in_dim: int | None = None  # of the first layer, unless its connections hold every input
    parametrization: str | None = None  # "light" or "warp", one for all layers; raw layers show themselves
    feature_dim: int | None = None  # of the binarization, where one has more than one threshold a value


def convert_state(state: Mapping[str, Tensor], grid: InputGrid, facts: TorchlogixFacts | None) -> nn.Sequential:
    """The model of a state_dict of binarization (if any), dense layers and GroupSum.

    Raises:
        TypeError: entries of a layer that is not dense.
        ValueError: a fact that is not given.
    """
    if facts is None:
        raise ValueError("a state_dict needs facts=TorchlogixFacts(num_classes=…, tau=…); it holds tensors alone")
    built: list[nn.Module] = []
    in_dim = facts.in_dim
    for prefix, entries in _by_module(state).items():
        place = f"module {prefix}" if prefix else "the state_dict"
        if set(entries) == {"thresholds"}:
            built += [_encoder(entries["thresholds"], grid, facts, place), nn.Flatten()]
        elif {"weight", "connections.indices"} <= set(entries):
            layer = _dense(entries, in_dim, facts, place)
            in_dim = layer.out_dim
            built.append(layer)
        else:
            raise TypeError(
                f"{place} holds {', '.join(entries)}: no dense layer and no fixed binarization; load the state_dict "
                "into its torchlogix model and pass that"
            )
    return nn.Sequential(*built, group_sum(facts.num_classes, facts.tau, facts.beta)).eval()


def group_sum(num_classes: int, tau: float, beta: float) -> GroupSum:
    """Ours, ``sum / tau + beta``, for torchlogix' ``(sum + beta) / tau``; ValueError for a tau that is not positive."""
    return GroupSum(num_classes, tau=tau, beta=beta / tau if tau else beta)


def _by_module(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The entries of each layer under its name, in the order of the state_dict."""
    modules: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        suffix = next((s for s in _SUFFIXES if name == s or name.endswith("." + s)), name.rpartition(".")[2])
        prefix = name[: len(name) - len(suffix)].rstrip(".")
        modules.setdefault(prefix, {})[suffix] = value
    return modules


def _encoder(thresholds: Tensor, grid: InputGrid, facts: TorchlogixFacts, place: str) -> nn.Module:
    if facts.feature_dim is None and thresholds.shape[-1] > 1:
        raise ValueError(
            f"{place} has {thresholds.shape[-1]} thresholds a value: give feature_dim, the axis that they widen "
            "(torchlogix' default is -2)"
        )
    return fixed_encoder(thresholds, -2 if facts.feature_dim is None else facts.feature_dim, grid, place)


def _dense(entries: Mapping[str, Tensor], in_dim: int | None, facts: TorchlogixFacts, place: str) -> LogicDense:
    indices = entries["connections.indices"]
    rank = indices.shape[-2]
    parametrization = _parametrization(entries["weight"], rank, facts, place)
    weight = own_weight(entries["weight"], parametrization)
    if indices.ndim == 2:
        if in_dim is None:
            raise ValueError(f"{place}: give in_dim, the number of inputs of the first layer")
        return assemble_dense(in_dim, weight, indices, parametrization)
    if in_dim is None:
        in_dim = _whole(indices, place)
    candidates = own_candidates(indices, in_dim)
    return assemble_learnable(in_dim, weight, entries["connections.weights"], candidates, parametrization)


def _whole(indices: Tensor, place: str) -> int:
    if own_candidates(indices, len(indices)) is not None:
        raise ValueError(f"{place}: give in_dim, the number of inputs of the first layer")
    return len(indices)


def _parametrization(weight: Tensor, rank: int, facts: TorchlogixFacts, place: str) -> str:
    if rank == 2 and weight.shape[-1] == 16:
        return "difflogic"
    if facts.parametrization not in ("light", "warp"):
        raise ValueError(
            f"{place} is light or warp, which have weights of the same shape: give parametrization, got "
            f"{facts.parametrization!r}"
        )
    return facts.parametrization
