"""What commands take as a network: a trained model, a saved netlist or a BLIF."""

from pathlib import Path
from typing import TYPE_CHECKING

from bitlogic.export.exchange.load import load as load_blif
from bitlogic.export.netlist import Netlist
from bitlogic.export.progress import step

if TYPE_CHECKING:
    from torch import nn


def load_source(path: Path) -> "tuple[nn.Module | None, Netlist]":
    """The model and its extracted netlist, or no model for a netlist ``.npz`` or a ``.blif`` beside its side-car."""
    if path.suffix == ".npz":
        return None, Netlist.load(path)
    if path.suffix == ".blif":
        return None, load_blif(path)
    with step(f"loading {path}"):
        from bitlogic.checkpoint import load
        from bitlogic.export.extract import extract

        model = load(path).eval()
        return model, extract(model)
