"""Other people's compiled networks for `bitlogic bench cpu`: torchlogix' circuit and difflogic's compiled net.

A process of its own, this module as a program, has the peer print its C and runs the peer's own gcc line on it: a
compiler on one huge function takes minutes and gigabytes, so it has limits. What comes out is a library, which the
process that measures loads and calls as the peer's Python does.
"""

import ctypes
import importlib
import importlib.util
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import MissingToolError, ToolError
from bitlogic.export.bench import cpu_seconds
from bitlogic.export.mapping.operations import to_operations
from bitlogic.export.measured import measured_run
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.interop.peer import load_torchlogix

Array = npt.NDArray[Any]
TORCHLOGIX, DIFFLOGIC = "torchlogix", "difflogic"
_WORD_BITS = 64
_GCC = ("gcc", "-shared", "-fPIC", "-O1")  # the line that both use, at their default level
_MEMORY_BYTES = 6 << 30  # of address space for the printer and the compiler each


@dataclass(frozen=True)
class PeerNet:
    """A peer's compiled network: bool ``(n, num_inputs)`` to counts ``(n, num_classes)``, n a multiple of 64."""

    counts: Callable[[Array], Array]
    build_seconds: float  # of CPU: making the circuit, printing and compiling
    peak_mb: float


def build_peer(name: str, netlist: Netlist, limit_seconds: float, checkout: Path | None = None) -> PeerNet:
    """The peer's compiled form of the netlist without its encoder.

    ``checkout`` is a folder of difflogic's sources; without it the installed package is taken.

    Raises:
        MissingToolError: the peer, or gcc, is not there.
        ToolError: it gave up at the limit of seconds or of memory, or it cannot say this network.
    """
    with TemporaryDirectory(prefix="bitlogic-peer-") as folder:
        source, result = Path(folder) / "net.npz", Path(folder) / "result.json"
        library = Path(folder) / "net.so"
        netlist.without_encoder().save(source)
        job = {"name": name, "netlist": str(source), "library": str(library), "result": str(result)}
        job["checkout"] = "" if checkout is None else str(checkout.resolve())
        run = measured_run([sys.executable, "-m", __name__, json.dumps(job)], Path(folder), limit_seconds)
        if run.timed_out:
            raise ToolError(f"gave up after {limit_seconds:g} s")
        if run.code != 0 or run.peak_mb is None:
            lines = [line for line in run.text.splitlines() if line.strip()]
            kind = MissingToolError if lines and lines[-1].startswith("missing: ") else ToolError
            raise kind(lines[-1].removeprefix("missing: ")[:200] if lines else f"ends with code {run.code}")
        found = json.loads(result.read_text())
        loaded = ctypes.CDLL(str(library))  # the file may go: the mapping stays
    return PeerNet(
        _caller(name, loaded, np.dtype(found["dtype"]), netlist.head.num_classes), found["seconds"], run.peak_mb
    )


def _caller(name: str, loaded: ctypes.CDLL, dtype: "np.dtype[Any]", num_classes: int) -> Callable[[Array], Array]:
    """The call that the peer's Python makes."""
    function = loaded.circuit_bench_bool if name == TORCHLOGIX else loaded.apply_logic_gate_net
    function.restype = None
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int if name == TORCHLOGIX else ctypes.c_size_t]
    unit = 1 if name == TORCHLOGIX else _WORD_BITS

    def counts(bits: Array) -> Array:
        if bits.dtype != np.bool_ or not bits.flags.c_contiguous or len(bits) % _WORD_BITS:
            raise ValueError(f"{name} takes bool rows without gaps, a multiple of {_WORD_BITS}")
        out = np.zeros((len(bits), num_classes), dtype=dtype)
        function(bits.ctypes.data, out.ctypes.data, len(bits) // unit)
        return out

    return counts


def encoded(encoder: Encoder) -> Callable[[Array], Array]:
    """From uint8 pixels ``(n, num_features)`` to bits as the peers take them: one comparison of bytes for each bit."""
    features, given = encoder.features, encoder.integer_thresholds
    if given is None or encoder.input_bits > 8:
        raise ToolError(f"the encoder has input_bits={encoder.input_bits}, not 1 to 8")
    thresholds, num = given.astype(np.uint8), encoder.num_features
    if len(features) % num == 0 and (features.reshape(-1, num) == np.arange(num)).all():
        rows = thresholds.reshape(-1, num)
        return lambda x: (x[:, None, :] > rows).reshape(len(x), -1)
    return lambda x: np.take(x, features, axis=1) > thresholds  # x[:, features] would lie the other way in memory


def main(text: str) -> int:
    """Does the job that ``build_peer`` wrote down."""
    job = json.loads(text)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    netlist = Netlist.load(job["netlist"])
    try:
        if shutil.which(_GCC[0]) is None:
            raise MissingToolError(f"{job['name']} compiles with gcc, which is not here")
        if job["name"] == TORCHLOGIX:
            peer, print_code = load_circuit(), torchlogix_code
        else:
            peer, print_code = load_difflogic(Path(job["checkout"]) if job["checkout"] else None), difflogic_code
        before = cpu_seconds()
        code, dtype = print_code(netlist, peer)
    except MissingToolError as error:
        print(f"missing: {error}")
        return 1
    except (ToolError, MemoryError) as error:
        print(str(error) or f"no memory within {_MEMORY_BYTES >> 30} GB")
        return 1
    path = Path(job["library"]).with_suffix(".c")
    path.write_text(code)
    done = subprocess.run([*_GCC, "-o", job["library"], str(path)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"gcc ends with code {done.returncode} within {_MEMORY_BYTES >> 30} GB: {done.stderr.strip()[-150:]}")
        return 1
    Path(job["result"]).write_text(json.dumps({"dtype": dtype, "seconds": cpu_seconds() - before}))
    return 0


def torchlogix_code(netlist: Netlist, peer: Any) -> tuple[str, str]:
    """The C that torchlogix prints of its simplified circuit, 64 samples a word, and the dtype of its counts.

    Its own export stops at rank 2: LUTs of a higher rank become the fewest gates of two inputs first.
    """
    mapped = netlist if netlist.rank <= 2 else to_operations(netlist, 2)
    circuit = _circuit(peer, mapped)
    circuit.simplify()
    return str(circuit.get_c_code(pack_bits=_WORD_BITS)), peer._c_output_dtype(circuit.sum_nodes)[:-2]


def load_circuit() -> ModuleType:
    """``torchlogix.circuit``; version 0.2.2 has one f-string within another that only Python 3.12 reads as written."""
    load_torchlogix()
    try:
        return importlib.import_module("torchlogix.circuit")
    except SyntaxError:
        spec = importlib.util.find_spec("torchlogix.circuit")
    if spec is None or spec.origin is None:
        raise MissingToolError("torchlogix has no circuit.py: the comparison is with its version 0.2.2")
    # The inner one gets the other quotes, which mean the same.
    text = Path(spec.origin).read_text().replace('else f"""', "else f'''").replace('}}"""}"""', "}}'''}\"\"\"")
    module = ModuleType(spec.name)
    module.__file__ = spec.origin
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    exec(compile(text, spec.origin, "exec"), module.__dict__)
    return module


def _circuit(module: Any, netlist: Netlist) -> Any:
    """The netlist of at most two pins a LUT gate by gate."""
    first, second, functions = _gates(netlist)
    num_inputs = netlist.num_inputs  # theirs count from 0; the two constants are gates behind them, as are the LUTs
    ids = np.arange(netlist.num_nets)
    ids[:FIRST_INPUT], ids[FIRST_INPUT : netlist.first_lut] = (num_inputs, num_inputs + 1), np.arange(num_inputs)
    gates = [module.Gate(num_inputs, module.GateOp.CONST_FALSE), module.Gate(num_inputs + 1, module.GateOp.CONST_TRUE)]
    given = zip(ids[first].tolist(), ids[second].tolist(), functions.tolist(), strict=True)
    for number, (a, b, function) in enumerate(given, netlist.first_lut):
        op, uses_a, uses_b = module.LUT_ID_TO_GATE[function]
        operands = [operand for operand, used in ((a, uses_a), (b, uses_b)) if used]
        gates.append(module.Gate(number, op, *operands))
    groups = ids[netlist.outputs].reshape(netlist.head.num_classes, -1).tolist()
    sums = [module.SumReduction(netlist.num_nets + c, group, 1.0, 0.0) for c, group in enumerate(groups)]
    outputs = [node.node_id for node in sums]
    return module.Circuit(num_inputs, [num_inputs], gates, outputs, [len(outputs)], sums)


def difflogic_code(netlist: Netlist, peer: Any) -> tuple[str, str]:
    """The C that difflogic's CompiledLogicNet prints of the extracted netlist, 64 samples a word."""
    torch = importlib.import_module("torch")
    layers = []
    before, in_dim = FIRST_INPUT, netlist.num_inputs
    first, second, functions = _gates(netlist)
    if netlist.origins is None:
        raise ToolError("the netlist does not say its layers")
    for position in np.unique(netlist.origins[:, 0]).tolist():
        rows = np.flatnonzero(netlist.origins[:, 0] == position)
        layer = peer.LogicLayer(in_dim, len(rows), device="cpu", implementation="python")
        pins = np.stack([first[rows], second[rows]]) - before
        if pins.min() < 0 or pins.max() >= in_dim:
            raise ToolError("difflogic's layers read the layer before them only")
        layer.indices = tuple(torch.from_numpy(pins.astype(np.int64)))
        layer.weights.data = torch.nn.functional.one_hot(torch.from_numpy(functions[rows]), 16).float()
        layers.append(layer)
        before, in_dim = before + in_dim, len(rows)
    model = torch.nn.Sequential(*layers, peer.GroupSum(netlist.head.num_classes))
    return str(peer.CompiledLogicNet(model, num_bits=_WORD_BITS, cpu_compiler="gcc").get_c_code()), "int32"


def load_difflogic(checkout: Path | None) -> ModuleType:
    """The package ``difflogic``, of a folder of its sources or as installed; its CUDA part may be missing."""
    if checkout is not None:
        if not (checkout / "difflogic" / "__init__.py").is_file():
            raise MissingToolError(f"{checkout} is no checkout of difflogic: there is no difflogic/__init__.py")
        sys.path.insert(0, str(checkout))
    elif importlib.util.find_spec("difflogic") is None:
        raise MissingToolError("difflogic is not installed: name a checkout of its sources with --difflogic FOLDER")
    if importlib.util.find_spec("difflogic_cuda") is None:
        sys.modules["difflogic_cuda"] = ModuleType("difflogic_cuda")  # imported by name, used on a GPU only
    return importlib.import_module("difflogic")


def _gates(netlist: Netlist) -> tuple[Array, Array, Array]:
    """Nets of operand a and b, and the number of the function whose highest bit is its value at 0, 0; int64 each.

    Operand a is the more significant bit of the address, which is pin 1.
    """
    if netlist.rank > 2:
        raise ToolError(f"its gates have two inputs; the network has rank {netlist.rank}")
    tables, pins = netlist.tables.astype(np.int64), netlist.pins.astype(np.int64)
    if netlist.rank == 1:  # the same table for both values of a
        tables, pins = tables | tables << 2, np.stack([pins[:, 0], np.zeros_like(pins[:, 0])], axis=1)
    entries = tables[:, None] >> np.arange(4) & 1
    return pins[:, 1], pins[:, 0], (entries << np.arange(3, -1, -1)).sum(axis=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
