"""The encoder as C: loops over tables of features and thresholds, one for integers and one for float32 numbers."""

from typing import Any

import numpy as np

from bitlogic.export.netlist import Encoder
from bitlogic.export.render import render, wrap
from bitlogic.export.targets.c_forms import value_type

_PER_LINE = 16


def encoder_sources(encoder: Encoder, names: dict[str, Any]) -> dict[str, bytes]:
    """``src/P_float.c``, and ``src/P_encode.c`` where the encoder has an integer grid."""
    prefix = names["prefix"]
    holes = {
        **names,
        "feature_type": "uint16_t" if encoder.num_features <= 1 << 16 else "uint32_t",
        "features": wrap([str(feature) for feature in encoder.features.tolist()], per_line=_PER_LINE),
    }
    thresholds = wrap([float_literal(threshold) for threshold in encoder.thresholds], per_line=_PER_LINE // 2)
    holes.update(name="encode_float", value_type="float", thresholds=thresholds)
    files = {f"src/{prefix}_float.c": render("c_encode.c.j2", **holes)}
    if encoder.integer_thresholds is not None:
        thresholds = wrap([str(threshold) for threshold in encoder.integer_thresholds.tolist()], per_line=_PER_LINE)
        holes.update(name="encode", value_type=value_type(encoder), thresholds=thresholds)
        files[f"src/{prefix}_encode.c"] = render("c_encode.c.j2", **holes)
    return files


def float_literal(value: np.float32) -> str:
    """The C99 constant of a float32 that is not NaN, in hexadecimal: exact in every compiler."""
    if np.isinf(value):
        return "1.0f / 0.0f" if value > 0 else "-1.0f / 0.0f"  # INFINITY is in <math.h>, which needs a libc
    mantissa, exponent = float(value).hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}f" if "." in mantissa else f"{mantissa}p{exponent}f"
