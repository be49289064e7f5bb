"""Runs an emitted Amaranth component in Amaranth's own simulator."""

import importlib.util
import sys
import tempfile
import uuid
from collections.abc import Callable
from functools import cache, reduce
from pathlib import Path
from typing import Any

from bitlogic.errors import MissingToolError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.samples import Result, Samples
from bitlogic.export.targets.amaranth_bench import Bench
from bitlogic.export.targets.amaranth_faces import stream_attributes
from bitlogic.export.testbench_ports import Ports, described, packed_inputs, unpacked_results


def run(artifacts: Artifacts, samples: Samples) -> Result:
    """Simulates the component in pysim; scores and classes are what its ports show.

    A clocked component is driven with pauses, and one with ready signals is also made to wait. The first sample must
    come out after exactly ``latency_cycles``, and so must every one where nothing can wait. TargetError where it does
    not, where the file does not load, or where the design holds an Instance: pysim would take that for a constant 0.
    """
    ports = Ports.of(artifacts.manifest)
    words = [int.from_bytes(row.tobytes(), "little") for row in packed_inputs(ports, samples)]
    try:
        from amaranth.sim import Simulator
    except ImportError as error:
        raise MissingToolError(f"amaranth is not installed ({error}): pip install 'amaranth>=0.5.4,<0.6'") from error
    component = _component(artifacts)
    results: list[int] = []
    try:
        simulator = Simulator(_elaborated(component))
        bench = Bench(described(ports), _signals(component, ports), words)
        if ports.face is Interface.COMB:
            simulator.add_testbench(bench.settle(results))
        else:
            simulator.add_clock(1e-6)
            simulator.add_testbench(bench.stream(results))
        simulator.run()
    except TargetError:
        raise
    except Exception as error:  # the file may be edited, and Amaranth raises errors of many kinds at a wrong design
        raise TargetError(f"the Amaranth component does not simulate: {type(error).__name__}: {error}") from error
    return unpacked_results(ports, results)


def _signals(component: Any, ports: Ports) -> Callable[[str], Any]:
    """Finds the Value of a port by its name."""
    from amaranth.hdl import Value

    attributes = stream_attributes(ports.input) if ports.face is Interface.STREAM else {}

    @cache
    def signal(name: str) -> Any:
        return Value.cast(reduce(getattr, attributes.get(name, name).split("."), component))

    return signal


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
