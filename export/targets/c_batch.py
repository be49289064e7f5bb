"""The batch entry points of the C target: many samples a call, in words of as many bits as ``width`` says."""

from typing import Any

import numpy as np

from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.render import render, wrap
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c_encoder import float_literal
from bitlogic.export.targets.c_forms import Form, value_type
from bitlogic.export.targets.c_layout import live_nets

WIDTHS = (32, 64, 128, 256, 512)
_TILE = 16  # features that are transposed together
_PER_LINE = 16


def batch_source(netlist: Netlist, kind: InputKind, form: Form, names: dict[str, Any], holes: dict[str, Any]) -> bytes:
    """``src/P_batch.c`` over the LUTs of ``form``; ``holes`` are its ``parts`` and ``num_cells``."""
    width = word_bits(form)
    lane_bits = min(width, 64)
    vector = width > 64
    holes = holes | (_encoder_holes(netlist, netlist.encoder) if kind is InputKind.X and netlist.encoder else {})
    return render(
        "c_batch.c.j2",
        **names,
        **holes,
        form=form,
        vector=vector,
        lane_bits=lane_bits,
        lanes=width // lane_bits,
        ternary=f"{names['upper']}_TERNARY" if form.ternary_condition else "0",
        wide_zero=f"{names['upper']}_ZERO" if lane_bits == 64 else "0",
        words=", ".join(f"word[{lane} * word_stride]" for lane in range(width // lane_bits)),
        sum_width=netlist.sum_width,
        class_width=netlist.class_width,
    )


def word_bits(form: Form) -> int:
    """Samples of a word of a form that has several."""
    return form.vector_bits or int(form.word.removeprefix("uint").removesuffix("_t"))


def work_bytes(netlist: Netlist, num_cells: int, width: int) -> int:
    """The work buffer of a batch call, with room to align a word, and for scores that the caller does not want."""
    num_classes = netlist.head.num_classes
    words = netlist.num_inputs + num_cells + num_classes * netlist.sum_width
    scores = 0 if netlist.head.weights is None else 4 * width * num_classes
    return (words + 1) * width // 8 + scores


def _encoder_holes(netlist: Netlist, encoder: Encoder) -> dict[str, Any]:
    """The comparators by feature; those that nothing reads are left out, but C has no empty arrays."""
    used = np.flatnonzero(live_nets(netlist)[FIRST_INPUT : netlist.first_lut])
    used = used if len(used) else np.zeros(1, dtype=np.int64)
    order = used[np.argsort(encoder.features[used], kind="stable")]
    features = encoder.features[order]
    num_tiles = -(-encoder.num_features // _TILE)
    first = np.searchsorted(features, np.arange(num_tiles + 1) * _TILE)
    floats = [float_literal(threshold) for threshold in encoder.thresholds[order]]
    sources = [{"suffix": "_float", "type": "float", "thresholds": wrap(floats, per_line=_PER_LINE // 2)}]
    if encoder.integer_thresholds is not None:
        integers = list(map(str, encoder.integer_thresholds[order].tolist()))
        sources.append(
            {"suffix": "", "type": str(value_type(encoder)), "thresholds": wrap(integers, per_line=_PER_LINE)}
        )
    return {
        "num_tiles": num_tiles,
        "num_used": len(order),
        "first": wrap(list(map(str, first.tolist())), per_line=_PER_LINE),
        "columns": wrap(list(map(str, (features % _TILE).tolist())), per_line=_PER_LINE),
        "bit_type": "uint16_t" if netlist.num_inputs <= 1 << 16 else "uint32_t",
        "bits": wrap(list(map(str, order.tolist())), per_line=_PER_LINE),
        "sources": sources,
    }
