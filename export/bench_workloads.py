"""The networks that `bitlogic bench training` measures, as torchlogix models and as ours."""

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.export.bench import Target
from bitlogic.heads import GroupSum
from bitlogic.layers import LogicConv2d, LogicDense

OURS = "bitlogic"
OURS_WITHOUT_COMPILER = "bitlogic-no-compiler"
PEER = "torchlogix"
PEER_COMPILED = "torchlogix-compile"


@dataclass(frozen=True)
class Workload:
    """One network; `widths` are the dense layers' from the inputs on, or a convolution's (side, kernels)."""

    name: str
    title: str
    parametrization: str  # torchlogix' name, which is an alias here
    lut_rank: int
    widths: tuple[int, ...]
    num_candidates: int | None = None  # None: fixed connections
    tree_depth: int | None = None  # None: dense
    batch: int = 512

    @property
    def num_classes(self) -> int:
        """Ten, or a convolution's kernels."""
        return 10 if self.tree_depth is None else self.widths[1]

    @property
    def tau(self) -> float:
        """About 0.55 * sqrt(LUTs of a class)."""
        width = self.widths[-1] / 10 if self.tree_depth is None else self.widths[0] ** 2
        return float(round(0.55 * width**0.5, 1))

    def scaled(self, divisor: int) -> "Workload":
        """A smaller network of the same kind, for trying things out."""
        if divisor == 1:
            return self
        if self.tree_depth is not None:
            return replace(self, widths=(max(6, self.widths[0] // divisor), max(2, self.widths[1] // divisor)))
        inputs, *widths = self.widths
        small = [max(10, width // divisor // 10 * 10) for width in widths]
        return replace(self, widths=(max(36, inputs // divisor), *small), batch=max(32, self.batch // divisor))

    def inputs(self) -> tuple[Tensor, Tensor]:
        """A batch of random bits as float32, and labels."""
        generator = torch.Generator().manual_seed(1)
        shape = (1, self.widths[0], self.widths[0]) if self.tree_depth is not None else (self.widths[0],)
        bits = torch.rand(self.batch, *shape, generator=generator) > 0.5
        return bits.float(), torch.randint(self.num_classes, (self.batch,), generator=generator)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("a", "raw, rank 2, fixed, 784-8000-8000", "raw", 2, (784, 8000, 8000)),
        Workload("b", "light, rank 4, fixed, 6272-2000-2000", "light", 4, (6272, 2000, 2000)),
        Workload("c", "light, rank 4, learnable from 8, 6272-2000-2000", "light", 4, (6272, 2000, 2000), 8),
        Workload("d", "warp, rank 4, fixed, 6272-2000-2000", "warp", 4, (6272, 2000, 2000)),
        Workload("e", "light, rank 6, fixed, 6272-2000-2000", "light", 6, (6272, 2000, 2000)),
        Workload("f", "raw, convolution of 16 kernels, depth 2, on 28 x 28", "raw", 2, (28, 16), tree_depth=2),
    )
}

_TIMES = {"a": (10, 16), "b": (25, 40), "c": (30, 80), "d": (9, 15), "e": (25, 45), "f": (10, 18)}
_MEMORY = {"a": (3, 5), "b": (10, 18), "c": (15, 25), "d": (4, 6), "e": (15, 50), "f": (3, 4)}
_WITHOUT = {"a": (3, None), "b": (5, 10), "c": (10, 20), "d": (2.5, None), "e": (10, None), "f": (3, None)}
TARGETS: dict[tuple[str, str, str], Target] = {
    **{(name, OURS, "step time"): Target(must, aim, PEER) for name, (must, aim) in _TIMES.items()},
    **{(name, OURS, "peak memory"): Target(must, aim, PEER) for name, (must, aim) in _MEMORY.items()},
    **{(name, OURS_WITHOUT_COMPILER, "step time"): Target(must, aim, PEER) for name, (must, aim) in _WITHOUT.items()},
    ("start-up", OURS, "cold"): Target(15, 8),
    ("start-up", OURS, "cached"): Target(5, 3),
}


def own_model(workload: Workload) -> nn.Sequential:
    """The network of our layers, ready to train."""
    torch.manual_seed(0)
    head = GroupSum(workload.num_classes, tau=workload.tau)
    if workload.tree_depth is not None:
        side, kernels = workload.widths
        conv = LogicConv2d(
            side, 1, kernels, workload.tree_depth, 3, padding=1, parametrization=workload.parametrization
        )
        return nn.Sequential(conv, nn.Flatten(), head)
    options: dict[str, Any] = {"parametrization": workload.parametrization, "lut_rank": workload.lut_rank}
    if workload.num_candidates is not None:
        options |= {"connections": "learnable", "num_candidates": workload.num_candidates}
    pairs = zip(workload.widths, workload.widths[1:], strict=False)
    return nn.Sequential(*(LogicDense(width, next_width, **options) for width, next_width in pairs), head)


def peer_model(workload: Workload, peer: ModuleType) -> nn.Sequential:
    """The same of torchlogix' layers; `peer` is `torchlogix.layers`."""
    torch.manual_seed(0)
    head = peer.GroupSum(workload.num_classes, tau=workload.tau)
    if workload.tree_depth is not None:
        side, kernels = workload.widths
        conv = peer.LogicConv2d(
            side, 1, kernels, workload.tree_depth, 3, padding=1, parametrization=workload.parametrization
        )
        return nn.Sequential(conv, nn.Flatten(), head)
    options: dict[str, Any] = {"parametrization": workload.parametrization, "lut_rank": workload.lut_rank}
    if workload.num_candidates is not None:
        candidates = {"num_candidates": workload.num_candidates}
        options |= {"connections": "learnable", "connections_kwargs": candidates}
    pairs = zip(workload.widths, workload.widths[1:], strict=False)
    return nn.Sequential(*(peer.LogicDense(width, next_width, **options) for width, next_width in pairs), head)


def adam(model: nn.Module) -> torch.optim.Adam:
    """The optimiser of every contender."""
    return torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
