"""Random networks in layers, as trained ones are built: a LUT reads the layer before it and nothing else."""

import numpy as np

from bitlogic.export.netlist import FIRST_INPUT, Encoder, Head, Netlist


def layered_netlist(
    seed: int, *, num_pixels: int, widths: tuple[int, ...], num_thresholds: int = 8, num_classes: int = 10
) -> Netlist:
    """LUTs of four pins over the thermometer bits of pixels that share their thresholds."""
    rng = np.random.default_rng(seed)
    thresholds = (np.arange(1, num_thresholds + 1) * 255 // (num_thresholds + 1)).repeat(num_pixels).astype(np.int32)
    encoder = Encoder(
        input_shape=(num_pixels,),
        features=np.tile(np.arange(num_pixels, dtype=np.int32), num_thresholds),
        thresholds=((thresholds + 0.25) / 255).astype(np.float32),
        input_bits=8,
        integer_thresholds=thresholds,
        input_min=np.zeros(num_pixels, np.float32),
        input_max=np.ones(num_pixels, np.float32),
    )
    pins, start, width = [], FIRST_INPUT, len(thresholds)
    for num_luts in widths:
        pins.append(rng.integers(start, start + width, size=(num_luts, 4)))
        start, width = start + width, num_luts
    return Netlist(
        num_inputs=len(thresholds),
        tables=rng.integers(0, 1 << 16, size=sum(widths), dtype=np.uint64),
        pins=np.concatenate(pins).astype(np.int32),
        outputs=np.arange(start, start + width, dtype=np.int32),
        head=Head(num_classes),
        encoder=encoder,
    )
