"""The self-test of a C export: golden vectors in flash, and the programs that run it on this machine and a Cortex-M."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.render import render, wrap
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.targets.c_encoder import float_literal
from bitlogic.export.targets.c_head import integer_literal
from bitlogic.export.targets.c_run import packed_bits

Array = npt.NDArray[Any]
MAX_SAMPLES = 16
_MAX_BYTES = 1 << 14  # of inputs: the vectors share the flash with the network
_PER_LINE = 16


def selftest_sources(
    artifacts: Artifacts, samples: Samples, expected: Result, made_by: tuple[str, int]
) -> dict[str, bytes]:
    """The header, ``src/P_selftest.c`` and the folder ``selftest`` for the C sources in ``artifacts``.

    At most 16 samples with 16 KiB of inputs, evenly spaced among those given, so that corners and random ones are among
    them. ``made_by`` names who gave the expected results, and the seed of the samples.
    """
    prefix = artifacts.manifest["options"]["prefix"]
    inputs, holes = _inputs(artifacts.manifest, samples)
    count = min(len(inputs), MAX_SAMPLES, max(1, _MAX_BYTES // inputs[:1].nbytes))
    chosen = np.unique(np.linspace(0, len(inputs) - 1, count).astype(int))
    source, seed = made_by
    holes |= {
        "prefix": prefix,
        "upper": prefix.upper(),
        "num_samples": len(chosen),
        "source": source,
        "seed": seed,
        "inputs": [wrap(_literals(row), per_line=_PER_LINE, indent=" " * 8) for row in inputs[chosen]],
        "scores": [", ".join(map(integer_literal, row)) for row in expected.scores[chosen].tolist()],
        "class_type": "uint8_t" if expected.scores.shape[1] <= 256 else "uint16_t",
        "classes": wrap(list(map(str, expected.class_ids[chosen].tolist())), per_line=_PER_LINE),
        "network": [f"../{name}" for name in network_sources(artifacts, holes["suffix"])],
    }
    return {
        f"include/{prefix}_selftest.h": render("c_selftest.h.j2", **holes),
        f"src/{prefix}_selftest.c": render("c_selftest.c.j2", **holes),
        "selftest/Makefile": render("c_selftest_makefile.j2", **holes),
        "selftest/main.c": render("c_selftest_main.c.j2", **holes),
        "selftest/cortex_m.c": render("c_selftest_cortex_m.c.j2", **holes),
        "selftest/cortex_m.ld": render("c_selftest_cortex_m.ld.j2", **holes),
    }


def network_sources(artifacts: Artifacts, suffix: str) -> list[str]:
    """The sources that ``P_predict`` with that suffix needs, and no others."""
    prefix = artifacts.manifest["options"]["prefix"]
    form = "x" if suffix == "" else "bits"
    parts = (f"{form}.c", f"{form}_", "cells.c", "head.c", "argmax.c", *(("float.c",) if suffix == "_float" else ()))
    starts = tuple(f"src/{prefix}_{part}" for part in parts)
    return sorted(name for name in artifacts.files if name.endswith(".c") and name.startswith(starts))


def _inputs(manifest: Mapping[str, Any], samples: Samples) -> tuple[Array, dict[str, Any]]:
    """The samples as the entry points take them, with the C names of type, length and entry point."""
    if samples.kind is InputKind.BITS:
        words = -(-manifest["input"]["num_bits"] // 64)
        return packed_bits(samples.values, words), {"input_type": "uint64_t", "extent": "BITS_WORDS", "suffix": "_bits"}
    if samples.values.dtype == np.float32:
        return samples.values, {"input_type": "float", "extent": "NUM_FEATURES", "suffix": "_float"}
    dtype = manifest["input"]["encoder"]["dtype"]
    return samples.values.astype(dtype), {"input_type": f"{dtype}_t", "extent": "NUM_FEATURES", "suffix": ""}


def _literals(row: Array) -> list[str]:
    if row.dtype == np.float32:
        return ["0.0f / 0.0f" if np.isnan(value) else float_literal(value) for value in row]
    if row.dtype == np.uint64:
        return [f"UINT64_C({value:#x})" for value in row.tolist()]
    return list(map(str, row.tolist()))
