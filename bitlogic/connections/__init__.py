"""Connections: which inputs a layer's LUTs read."""

from typing import Any

import torch

from bitlogic.connections.base import Connections as Connections
from bitlogic.connections.fixed import FixedDenseConnections as FixedDenseConnections
from bitlogic.connections.learnable import LearnableDenseConnections as LearnableDenseConnections
from bitlogic.keywords import look_up, own_keywords

CONNECTIONS: dict[str, type[Connections]] = {
    "fixed": FixedDenseConnections,
    "learnable": LearnableDenseConnections,
}
CONNECTION_ALIASES = {"random": "fixed"}


def setup_connections(
    kind: str,
    in_dim: int,
    out_dim: int,
    lut_rank: int,
    device: torch.device | str | None = None,
    **options: Any,
) -> Connections:
    """The connections of that kind; options that only another kind takes are ignored, an unknown one is a TypeError."""
    strategy = look_up("connections", kind, CONNECTIONS, CONNECTION_ALIASES)
    given = {"in_dim": in_dim, "out_dim": out_dim, "lut_rank": lut_rank, "device": device, **options}
    return strategy(**own_keywords(f"connections {kind!r}", strategy, CONNECTIONS, given))


def list_connections() -> list[str]:
    """The names `setup_connections` takes, aliases left out."""
    return list(CONNECTIONS)
