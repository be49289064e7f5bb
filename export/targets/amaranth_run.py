"""Runs an emitted Amaranth component in Amaranth's own simulator."""

import importlib.util
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import MissingToolError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.samples import InputKind, Result, Samples

Array = npt.NDArray[Any]
BUBBLE_EVERY = 4  # a clocked component idles in every fourth cycle, so that valid is seen to travel with its input


def run(artifacts: Artifacts, samples: Samples) -> Result:
    """Simulates the component in pysim; scores and classes are what its ports show.

    A clocked component is driven with a stream that has idle cycles in it, and must answer each input after exactly
    ``latency_cycles``. TargetError where it does not, where the file does not load, or where the design holds an
    Instance: pysim would simulate that as a constant 0.
    """
    manifest = artifacts.manifest
    inputs = _packed_inputs(manifest, samples)
    try:
        from amaranth.sim import Simulator
    except ImportError as error:
        raise MissingToolError(f"amaranth is not installed ({error}): pip install 'amaranth>=0.5.4,<0.6'") from error
    component = _component(artifacts)
    try:
        simulator = Simulator(_elaborated(component))
        port = getattr(component, str(manifest["input"]["kind"]))
        outputs: list[tuple[int, int]] = []
        latency = int(manifest["latency_cycles"])
        if latency:
            simulator.add_clock(1e-6)
            simulator.add_testbench(_clocked_bench(component, port, inputs, latency, outputs))
        else:
            simulator.add_testbench(_combinational_bench(component, port, inputs, outputs))
        simulator.run()
    except TargetError:
        raise
    except Exception as error:  # the file may be edited, and Amaranth raises errors of many kinds at a wrong design
        raise TargetError(f"the Amaranth component does not simulate: {type(error).__name__}: {error}") from error
    return _unpacked(manifest, outputs)


def _packed_inputs(manifest: Mapping[str, Any], samples: Samples) -> list[int]:
    """The port's value for each sample."""
    kind = str(manifest["input"]["kind"])
    if samples.kind != kind:
        raise TargetError(f"the component takes samples of kind {kind}, not {samples.kind}")
    width, input_bits = int(manifest["input"]["num_bits"]), 1
    if kind == InputKind.X:
        if samples.values.dtype.kind == "f":
            raise TargetError("the component takes the integers of the encoder's grid, not floats")
        encoder = manifest["input"]["encoder"]
        width, input_bits = int(encoder["num_features"]), int(encoder["input_bits"])
    values = samples.values
    if values.shape[1] != width:
        raise TargetError(f"samples of {values.shape[1]} values; the component takes {width}")
    if values.size and int(values.max()) >> input_bits:
        raise TargetError(f"an input of {values.max()}; the component takes {input_bits}-bit integers")
    bits = (values[:, :, None] >> np.arange(input_bits, dtype=values.dtype)) & 1
    rows = np.packbits(bits.reshape(len(values), width * input_bits).astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def _component(artifacts: Artifacts) -> Any:
    """An instance of the emitted class, from exactly the emitted bytes."""
    files, name = artifacts.files, str(artifacts.manifest["component"])
    module_name = f"_bitlogic_{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory(prefix="bitlogic-amaranth-") as folder:
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content)
        path = Path(folder) / f"{artifacts.manifest['options']['module_name']}.py"
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise TargetError(f"{path.name} cannot be loaded as a Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
            return getattr(module, name)()
        except Exception as error:  # whatever an edited file may raise
            raise TargetError(f"{path.name} does not load: {type(error).__name__}: {error}") from error
        finally:
            del sys.modules[module_name]


def _elaborated(component: Any) -> Any:
    """The component as a fragment; TargetError where an Instance is anywhere inside."""
    from amaranth.hdl import Fragment, Instance, IOBufferInstance

    top = Fragment.get(component, None)
    waiting = [top]
    while waiting:
        fragment = waiting.pop()
        if isinstance(fragment, Instance | IOBufferInstance):
            what = getattr(fragment, "type", "an I/O buffer")
            raise TargetError(f"the component holds an Instance ({what}), which Amaranth's simulator takes for a 0")
        waiting.extend(inner for inner, _, _ in fragment.subfragments)
    return top


def _combinational_bench(component: Any, port: Any, inputs: list[int], outputs: list[tuple[int, int]]) -> Any:
    async def bench(context: Any) -> None:
        for value in inputs:
            context.set(port, value)
            outputs.append((context.get(component.scores), context.get(component.class_id)))

    return bench


def _clocked_bench(component: Any, port: Any, inputs: list[int], latency: int, outputs: list[tuple[int, int]]) -> Any:
    async def bench(context: Any) -> None:
        stream: list[int | None] = []
        for value in inputs:
            stream.extend([None, value] if len(stream) % BUBBLE_EVERY == 0 else [value])
        for cycle in range(len(stream) + latency):
            given = stream[cycle] if cycle < len(stream) else None
            context.set(component.valid_in, int(given is not None))
            context.set(port, given or 0)
            if cycle >= latency:
                _collect(context, component, stream[cycle - latency] is not None, cycle, outputs)
            await context.tick()

    return bench


def _collect(context: Any, component: Any, expected: bool, cycle: int, outputs: list[tuple[int, int]]) -> None:
    """Takes the outputs of one cycle; TargetError where valid_out is not what ``latency_cycles`` says."""
    valid = bool(context.get(component.valid_out))
    if valid != expected:
        raise TargetError(
            f"valid_out is {int(valid)} in cycle {cycle}; the latency in the manifest says {int(expected)}"
        )
    if valid:
        outputs.append((context.get(component.scores), context.get(component.class_id)))


def _unpacked(manifest: Mapping[str, Any], outputs: list[tuple[int, int]]) -> Result:
    output = manifest["output"]
    num_classes, width = int(output["num_classes"]), int(output["score_width"])
    mask, sign = (1 << width) - 1, (1 << width - 1) if output["score_signed"] else 0
    scores = [[((row >> width * number & mask) ^ sign) - sign for number in range(num_classes)] for row, _ in outputs]
    return Result(
        np.array(scores, dtype=np.int64).reshape(len(outputs), num_classes),
        np.array([class_id for _, class_id in outputs], dtype=np.int64),
    )
