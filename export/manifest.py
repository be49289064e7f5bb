"""The manifest of every target: what a reader needs to use the artifacts, and nothing of the machine."""

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

import bitlogic
from bitlogic.export.artifacts import FORMAT, VERSION
from bitlogic.export.hardware.architecture import Design
from bitlogic.export.netlist import Encoder, Netlist
from bitlogic.export.samples import InputKind

GRID = (
    "q(x) = clamp(floor((x - input_min) / (input_max - input_min) * (2**input_bits - 1) + 1/2), 0, 2**input_bits - 1), "
    "each step in float32 in this order; 0 where input_min == input_max and for NaN"
)


def describe(netlist: Netlist, target: str, options: Any, *, design: Design | None = None) -> dict[str, Any]:
    """The manifest without the files' hashes; ``options`` is the target's options dataclass, with a field ``input``.

    With a ``design`` it also says how samples come in and results go out, and when (``Design.described``).
    """
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "bitlogic": bitlogic.__version__,
        "target": target,
        "options": asdict(options),
        "netlist": {
            "digest": netlist.digest(),
            "num_luts": netlist.num_luts,
            "rank": netlist.rank,
            "depth": netlist.depth,
        },
        "input": _input(netlist, InputKind(options.input)),
        "output": _output(netlist),
    }
    if design is not None:
        manifest |= design.described()
    return manifest


def _output(netlist: Netlist) -> dict[str, Any]:
    head, (low, high) = netlist.head, netlist.score_range
    described: dict[str, Any] = {
        "num_classes": head.num_classes,
        "group_size": netlist.group_size,
        "score": "score of class c = sum of group c, the number of ones among its group_size output bits",
        "score_min": low,
        "score_max": high,
        "score_width": netlist.score_width,
        "score_signed": netlist.score_signed,
        "class_width": netlist.class_width,
        "float_score": "scale * score / tau + beta, by the host",
        "scale": head.scale,
        "tau": head.tau,
        "beta": head.beta,
    }
    if head.weights is not None:
        described["score"] = (
            "score of class c = sum over g of (number of ones among the group_size output bits of group g) * "
            "weights[g][c], in two's complement"
        )
        described["weights"] = head.weights.tolist()
    return described


def _input(netlist: Netlist, kind: InputKind) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": kind.value, "num_bits": netlist.num_inputs}
    if netlist.encoder is not None:
        described["encoder"] = _encoder(netlist.encoder)
    return described


def _encoder(encoder: Encoder) -> dict[str, Any]:
    described: dict[str, Any] = {
        "shape": list(encoder.input_shape),
        "num_features": encoder.num_features,
        "input_bits": encoder.input_bits,
        "bit": "bit j is x[features[j]] > thresholds[j]; null is never exceeded, '-inf' by all but itself",
        "features": encoder.features.tolist(),
        "thresholds": [_threshold(value) for value in encoder.thresholds.tolist()],
    }
    if encoder.integer_thresholds is not None:
        described["dtype"] = "uint8" if encoder.input_bits <= 8 else "uint16"
        described["integer_bit"] = "bit j is q(x)[features[j]] > integer_thresholds[j]"
        described["integer_thresholds"] = encoder.integer_thresholds.tolist()
        described["grid"] = {
            "q": GRID,
            "input_min": _brief(encoder.input_min),
            "input_max": _brief(encoder.input_max),
        }
    return described


def _threshold(value: float) -> float | str | None:
    """JSON has no infinities."""
    if np.isfinite(value):
        return value
    return None if value > 0 else "-inf"


def _brief(values: npt.NDArray[Any]) -> float | list[float]:
    """One number where all features share it."""
    return float(values[0]) if len(values) and (values == values[0]).all() else values.tolist()
