"""The shell in a simulator: its Verilog, or what synthesis made of it, run on samples by Icarus."""

import re
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import MissingToolError, ToolError
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.simulators import BRINGS, icarus

Array = npt.NDArray[Any]
_BENCH = "bench"


def simulate_shell(
    files: Mapping[str, bytes], top: str, netlist: Netlist, samples: Samples, *, models: str | None = None
) -> Result:
    """The scores and classes that the shell ``top`` of the Verilog ``files`` gives, both read from its bytes.

    Both sides of it wait at random. ``models`` is the family whose cells the files use, after synthesis.

    Raises:
        MissingToolError: Icarus is missing, or pyosys where its models are needed.
        ToolError: The simulator failed, or gave another number of bytes than results have, or X.
    """
    compiler = icarus()
    if compiler is None:
        raise MissingToolError(f"simulating the shell needs Icarus Verilog: {BRINGS['icarus']}")
    frames = frames_of(netlist, samples)
    width = result_bytes(netlist)
    with TemporaryDirectory(prefix="bitlogic-shell-") as name:
        folder = Path(name)
        sources = {name: text for name, text in files.items() if name.endswith(".v")}
        bench = render("synth_bench.v.j2", top=top, num_in=frames.size, num_out=len(samples) * width)
        for file, content in {**sources, f"{_BENCH}.v": bench}.items():
            (folder / file).write_bytes(content)
        (folder / "frames.hex").write_text("\n".join(f"{byte:02x}" for byte in frames.ravel().tolist()) + "\n")
        command = [compiler, "-g2005-sv", "-o", "bench.vvp", "-s", _BENCH, f"{_BENCH}.v", *sources]
        if models is not None:
            (folder / "cells.v").write_text(cell_models(b"\n".join(sources.values()).decode(), models))
            command.append("cells.v")
        _run(command, folder)
        _run(["vvp", "-N", "bench.vvp"], folder)
        return results_of(netlist, _read(folder / "results.txt", len(samples), width))


def frames_of(netlist: Netlist, samples: Samples) -> Array:
    """uint8 ``(n, frame bytes)``: the samples as the shell takes them, see ``hardware.shell``."""
    values = samples.values
    if samples.kind is InputKind.BITS:
        return np.packbits(values, axis=1, bitorder="little")
    if values.dtype.kind != "u":
        raise ValueError("the shell takes the encoder's integers: quantize the samples first")
    if netlist.encoder is not None and netlist.encoder.input_bits > 8:
        wide = values.astype(np.uint16)
        return np.stack([wide & 255, wide >> 8], axis=2).reshape(len(values), -1).astype(np.uint8)
    return values.astype(np.uint8)


def result_bytes(netlist: Netlist) -> int:
    """The bytes of one result."""
    return -(-netlist.class_width // 8) + netlist.head.num_classes * -(-netlist.score_width // 8)


def results_of(netlist: Netlist, received: Array) -> Result:
    """The result of uint8 ``(n, result bytes)`` as they leave the shell."""
    class_bytes, score_bytes = -(-netlist.class_width // 8), -(-netlist.score_width // 8)
    wide = received.astype(np.int64)
    classes = wide[:, :class_bytes] @ (256 ** np.arange(class_bytes))
    scores = wide[:, class_bytes:].reshape(len(wide), -1, score_bytes) @ (256 ** np.arange(score_bytes))
    if netlist.score_signed:
        scores -= (scores >> 8 * score_bytes - 1) << 8 * score_bytes
    return Result(scores, classes)


def cell_models(text: str, family: str) -> str:
    """Yosys' models of the cells that the Verilog names, and of those they are made of: Icarus cannot read them all."""
    spec = find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise MissingToolError(
            "simulating synthesised cells needs Yosys' models of them: pip install 'bitlogic[synth]'"
        )
    known: dict[str, str] = {}
    defined = []
    for path in sorted((Path(spec.origin).parent / "share" / family).glob("*_*.v*")):
        content = path.read_text()
        defined += re.findall(r"^`define \w+_INIT .*$", content, re.MULTILINE)  # the value at power-up
        for model in re.finditer(r"^module (\w+)\b.*?^endmodule", content, re.MULTILINE | re.DOTALL):
            known.setdefault(model[1], re.sub(r"`\w+DEFAULT_ASSIGNMENT\w*(\([^)]*\))?", "", model[0]))
    used: dict[str, str] = {}
    waiting = [text]
    while waiting:
        for name in set(re.findall(r"\w+", waiting.pop())) & known.keys() - used.keys():
            used[name] = known[name]
            waiting.append(known[name])
    return "\n".join(["`timescale 1ns / 1ps", *defined, *used.values(), ""])


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = " ".join((done.stderr or done.stdout).split("\n")[:3])
        raise ToolError(f"{Path(command[0]).name} ended with code {done.returncode}: {last}")


def _read(path: Path, num_samples: int, width: int) -> Array:
    lines = path.read_text().split() if path.exists() else []
    if len(lines) != num_samples * width:
        raise ToolError(f"the shell gave {len(lines)} bytes for {num_samples} samples of {width} bytes a result")
    try:
        values = [int(line, 16) for line in lines]
    except ValueError as error:
        raise ToolError(f"a byte of a result is undefined: {error}") from error
    return np.array(values, dtype=np.uint8).reshape(num_samples, width)
