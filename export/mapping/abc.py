"""ABC as a step of a mapping: the netlist through BLIF, ABC's own mapper, and back."""

import importlib.util
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import MissingToolError, TargetError
from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.exchange.blif_text import blif_text
from bitlogic.export.exchange.load import loads
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples

Array = npt.NDArray[Any]
FLOWS = ("strash; if -K {size} -a", "strash; dch -f; if -K {size} -a; mfs2")  # structure as it is, and with choices
TIMEOUT_SECONDS = 600
_NUM_SAMPLES = 2048


def abc_program() -> str | None:
    """The path of ABC: ``yosys-abc``, ``abc`` or ``berkeley-abc`` on the PATH, else the one inside pyosys; or None."""
    for name in ("yosys-abc", "abc", "berkeley-abc"):
        if (found := shutil.which(name)) is not None:
            return found
    spec = importlib.util.find_spec("pyosys")
    beside = None if spec is None or spec.origin is None else Path(spec.origin).parent / "yosys-abc"
    return str(beside) if beside is not None and beside.exists() else None


def abc_merge(netlist: Netlist, size: int) -> Netlist:
    """The netlist that ABC's flows make in LUTs of at most ``size`` pins, the smallest; it may be deeper.

    ABC knows nothing of an encoder: it keeps the outputs for all bits. Its result is held against the netlist on 2048
    random inputs before it is believed; ``prove_equal`` proves it. A LUT has the origin of one that gives the same
    values there, or their complement, else the origin of one that reads it.

    Raises:
        MissingToolError: ABC is not installed.
        TargetError: ABC fails, runs out of time or gives other outputs.
    """
    program = abc_program()
    if program is None:
        raise MissingToolError("mapping with ABC needs it: pip install 'bitlogic[synth]' (pyosys brings it)")
    text = blif_text(netlist.without_encoder(), InputKind.BITS, "net")
    results = [_run(program, text, flow.format(size=size), netlist) for flow in FLOWS]
    best = min(results, key=lambda result: (result.num_luts, result.depth))
    rng = np.random.default_rng(0)
    samples = Samples(InputKind.BITS, rng.integers(0, 2, (_NUM_SAMPLES, netlist.num_inputs), dtype=np.uint8))
    before, after = evaluate_nets(netlist, samples), evaluate_nets(best, samples)
    if not np.array_equal(before[netlist.outputs], after[best.outputs]):
        raise TargetError("ABC gives other outputs than the netlist it was given")
    return replace(best, origins=_origins(netlist, best, before, after))


def _run(program: str, text: str, flow: str, netlist: Netlist) -> Netlist:
    with tempfile.TemporaryDirectory(prefix="bitlogic-abc-") as folder:
        (Path(folder) / "net.blif").write_text(text)
        command = [program, "-q", f"read_blif net.blif; {flow}; write_blif mapped.blif"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"ABC did not finish in {TIMEOUT_SECONDS} s: {flow}") from error
        mapped = Path(folder) / "mapped.blif"
        if done.returncode or not mapped.exists():
            raise TargetError(f"ABC failed ({flow}): {' '.join((done.stderr or done.stdout).split())[-300:]}")
        result = loads(mapped.read_text(), netlist.head.num_classes, "what ABC wrote")
    return replace(result, head=netlist.head, encoder=netlist.encoder)


def _origins(netlist: Netlist, result: Netlist, before: Array, after: Array) -> Array | None:
    if netlist.origins is None:
        return None
    known: dict[bytes, list[int]] = {}
    for lut, values in enumerate(np.packbits(before[netlist.first_lut :], axis=1)):
        known.setdefault(min(values.tobytes(), (~values).tobytes()), netlist.origins[lut].tolist())
    found = [
        known.get(min(values.tobytes(), (~values).tobytes()))
        for values in np.packbits(after[result.first_lut :], axis=1)
    ]
    for lut in range(result.num_luts - 1, -1, -1):  # readers first
        for net in result.pins[lut].tolist():
            source = net - result.first_lut
            if source >= 0 and found[source] is None:
                found[source] = found[lut]
    return np.array([origin or netlist.origins[0].tolist() for origin in found], dtype=np.int32).reshape(-1, 2)
