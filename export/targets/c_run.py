"""Running C artifacts: compiled to a shared library, every entry point called for every sample, and compared."""

import _ctypes
import ctypes
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.render import render
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.targets.c_build import build

Array = npt.NDArray[Any]


def run(artifacts: Artifacts, samples: Samples) -> Result:
    """The scores and classes that the compiled entry points give.

    Samples of kind X go through ``P_scores``, ``P_predict`` and ``P_encode`` (float32: through their ``_float`` forms).
    The encoded bits, and samples of kind BITS, go through ``P_scores_bits``, ``P_predict_bits`` and in batches of 64
    through ``P_scores_bits64``, and all through the batch entry points that take them. TargetError where two of them
    disagree, naming sample, output and both values.
    """
    manifest = artifacts.manifest
    prefix, num_classes = manifest["options"]["prefix"], manifest["output"]["num_classes"]
    values, suffix = _checked(manifest, samples)
    words = -(-manifest["input"]["num_bits"] // 64)
    with tempfile.TemporaryDirectory(prefix="bitlogic-c-") as folder:
        path = build(artifacts, _driver(manifest), Path(folder))
        library = ctypes.CDLL(str(path))
        try:
            results = {}
            if samples.kind is InputKind.X:
                result, bits = _drive_x(library, prefix, suffix, values, num_classes, words)
                results[f"{prefix}_scores{suffix}"] = result
            else:
                bits = packed_bits(values, words)
            count = len(samples)
            scores, classes, scores64 = _scores(count, num_classes), _scores(count), _scores(count, num_classes)
            _call(library, f"{prefix}_drive_bits", count, bits, scores, classes, scores64)
            batches = _run_batches(library, manifest, values, suffix, bits)
        finally:
            _ctypes.dlclose(library._handle)
    results[f"{prefix}_scores_bits"] = Result(scores.astype(np.int64), classes.astype(np.int64))
    results[f"{prefix}_scores_bits64"] = Result(scores64.astype(np.int64), classes.astype(np.int64))
    results.update(batches)
    return _agreed(results)


def _driver(manifest: Mapping[str, Any]) -> bytes:
    """The C source that loops over a batch: a call from Python for each sample would take most of the time."""
    values: list[tuple[str, str]] = []
    if manifest["input"]["kind"] == InputKind.X:
        values.append(("_float", "float"))
        if manifest["input"]["encoder"]["input_bits"] > 0:
            values.append(("", f"{manifest['input']['encoder']['dtype']}_t"))
    prefix = manifest["options"]["prefix"]
    batch = manifest["options"].get("style", "unrolled") == "unrolled"
    return render("c_driver.c.j2", prefix=prefix, upper=prefix.upper(), values=values, batch=batch)


def _checked(manifest: Mapping[str, Any], samples: Samples) -> tuple[Array, str]:
    """The samples' values in the C type and the suffix of the entry points that take them; TargetError for others."""
    expected = manifest["input"]
    if samples.kind != expected["kind"]:
        raise TargetError(f"the C code was exported with --input {expected['kind']}; the samples are {samples.kind}")
    x = samples.kind is InputKind.X
    width = expected["encoder"]["num_features"] if x else expected["num_bits"]
    if samples.values.shape[1] != width:
        raise TargetError(f"samples of {samples.values.shape[1]} values; the C code takes {width}")
    if not x:
        return samples.values, "_bits"
    if samples.values.dtype == np.float32:
        return np.ascontiguousarray(samples.values), "_float"
    top = (1 << expected["encoder"]["input_bits"]) - 1
    if top == 0:
        raise TargetError("the encoder has no integer grid (input_bits=0): give the C code float32 numbers")
    if samples.values.size and samples.values.max() > top:
        raise TargetError(f"an input of {samples.values.max()}; the encoder's grid ends at {top}")
    return np.ascontiguousarray(samples.values, dtype=expected["encoder"]["dtype"]), ""


def _drive_x(
    library: ctypes.CDLL, prefix: str, suffix: str, values: Array, num_classes: int, words: int
) -> tuple[Result, Array]:
    count = len(values)
    scores, classes = _scores(count, num_classes), _scores(count)
    bits = np.zeros((count, words), dtype=np.uint64)
    _call(library, f"{prefix}_drive{suffix}", count, values, scores, classes, bits)
    return Result(scores.astype(np.int64), classes.astype(np.int64)), bits


def _run_batches(
    library: ctypes.CDLL, manifest: Mapping[str, Any], values: Array, suffix: str, bits: Array
) -> dict[str, Result]:
    """The results of the batch entry points that take the samples, by name; none in the style of tables."""
    options, num_bits = manifest["options"], manifest["input"]["num_bits"]
    if options.get("style", "unrolled") != "unrolled":
        return {}
    prefix, count = options["prefix"], len(bits)
    lanes = (bits[:, np.arange(num_bits) // 64] >> np.arange(num_bits, dtype=np.uint64) % np.uint64(64)).astype(
        np.uint8
    ) & 1
    padded = np.zeros((-(-count // 64) * 64, num_bits), dtype=np.uint8)
    padded[:count] = lanes
    planes = np.packbits(padded.reshape(-1, 8, 8, num_bits)[:, :, ::-1], axis=2).reshape(-1, 8, num_bits)
    words = np.ascontiguousarray(planes.transpose(0, 2, 1)).view("<u8").astype(np.uint64)
    given = {"_bits": bits, "_bools": np.ascontiguousarray(lanes), "_planes": words}
    if suffix != "_bits":
        given[suffix] = values
    size = ctypes.c_int64.in_dll(library, f"{prefix}_drive_work_bytes").value
    work = np.full(size + 1, 0xA5, dtype=np.uint8)
    results = {}
    for name, array in given.items():
        function = library[f"{prefix}_batch{name}"]
        strides = (1, num_bits) if name == "_planes" else ()
        function.argtypes = [ctypes.c_void_p, *[ctypes.c_int64] * (len(strides) + 1), *[ctypes.c_void_p] * 3]
        function.restype = None
        both = [(_scores(count, manifest["output"]["num_classes"]), _scores(count)) for _ in range(2)]
        pointers = [[array.ctypes.data for array in pair] for pair in both]
        place = work.ctypes.data + 1  # any alignment will do
        function(array.ctypes.data, *strides, count, *pointers[0], place)
        function(array.ctypes.data, *strides, count, pointers[1][0], None, place)
        function(array.ctypes.data, *strides, count, None, pointers[1][1], place)
        for label, (scores, classes) in zip(("", ", one output at a time"), both, strict=True):
            results[f"{prefix}_batch{name}{label}"] = Result(scores.astype(np.int64), classes.astype(np.int64))
    return results


def _scores(*shape: int) -> Array:
    return np.full(shape, np.iinfo(np.int32).min, dtype=np.int32)  # what nobody wrote is no likely score


def packed_bits(bits: Array, words: int) -> Array:
    """uint64 ``(n, words)``: bit j of a sample is bit ``j % 64`` of word ``j // 64``."""
    padded = np.zeros((len(bits), 64 * words), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def _call(library: ctypes.CDLL, name: str, count: int, *arrays: Array) -> None:
    function = library[name]
    function.argtypes = [ctypes.c_int64, *[ctypes.c_void_p] * len(arrays)]
    function.restype = None
    function(count, *[array.ctypes.data for array in arrays])


def _agreed(results: dict[str, Result]) -> Result:
    """The first result, if all others are equal to it."""
    (first_name, first), *others = results.items()
    for name, other in others:
        rows, classes = np.nonzero(first.scores != other.scores)
        if len(rows):
            row, class_id = int(rows[0]), int(classes[0])
            raise TargetError(
                f"sample {row}, score of class {class_id}: {first_name} gives {first.scores[row, class_id]}, "
                f"{name} gives {other.scores[row, class_id]}"
            )
        rows = np.flatnonzero(first.class_ids != other.class_ids)
        if len(rows):
            row = int(rows[0])
            raise TargetError(
                f"sample {row}, class: {first_name.replace('scores', 'predict')} gives {first.class_ids[row]}, "
                f"{name.replace('scores', 'predict')} gives {other.class_ids[row]}"
            )
    return first
