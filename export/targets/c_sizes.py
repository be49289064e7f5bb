"""What an export of C code takes of a device: flash as the compilers that are there make it, RAM as its header says."""

import re
import shutil
import tempfile
from pathlib import Path

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.targets.c_selftest import network_sources
from bitlogic.native import BuildError, run_compiler

MAX_LUTS = 20_000  # more take a compiler longer than somebody waits who only looks
_FLAGS = ("-std=c99", "-Os", "-ffreestanding")
# By name the prefix of the tools and the flags of the core.
_CORES: dict[str, tuple[str, tuple[str, ...]]] = {
    "this machine": ("", ()),
    "Cortex-M4": ("arm-none-eabi-", ("-mcpu=cortex-m4", "-mthumb")),
    "RV32IMAC": ("riscv64-unknown-elf-", ("-march=rv32imac", "-mabi=ilp32")),
}
_WORK = {"WORK_BYTES": ("one sample", 1), "WORK64_WORDS": ("64 samples", 8), "WORK_BATCH_BYTES": ("a batch", 1)}


def ram_bytes(artifacts: Artifacts) -> dict[str, int]:
    """The work buffer of a call that takes one sample, 64 samples or a batch; no other RAM but a little stack."""
    prefix = artifacts.manifest["options"]["prefix"]
    header = artifacts.files[f"include/{prefix}.h"].decode()
    found = dict(re.findall(rf"#define {prefix.upper()}_(WORK\w*) (\d+)", header))
    return {name: int(found[macro]) * unit for macro, (name, unit) in _WORK.items() if macro in found}


def flash_bytes(artifacts: Artifacts) -> dict[str, int | str]:
    """Code and constants of what ``P_predict`` needs, at -Os, for each core whose tools are there, else why not.

    Takes seconds a core for thousands of LUTs; more than 20,000 are not compiled.
    """
    num_luts = artifacts.manifest["netlist"]["num_luts"]
    if num_luts > MAX_LUTS:
        return dict.fromkeys(_CORES, f"not compiled: {num_luts} LUTs, more than {MAX_LUTS}")
    return {core: _flash(artifacts, *tools) for core, tools in _CORES.items()}


def _flash(artifacts: Artifacts, cross: str, flags: tuple[str, ...]) -> int | str:
    missing = [tool for tool in (f"{cross}gcc", f"{cross}size") if shutil.which(tool) is None]
    if missing:
        return f"not compiled: there is no {missing[0]}"
    encoder = artifacts.manifest["input"].get("encoder")
    suffix = "_bits" if encoder is None else "" if encoder.get("dtype", "float32") != "float32" else "_float"
    names = network_sources(artifacts, suffix)
    with tempfile.TemporaryDirectory(prefix="bitlogic-size-") as folder:
        for name, content in artifacts.files.items():
            if name.endswith((".c", ".h")):
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        objects = []
        try:
            for name in names:
                objects.append(f"{folder}/{Path(name).stem}.o")
                include = f"-I{folder}/include"
                run_compiler([f"{cross}gcc", *_FLAGS, include, *flags, "-c", f"{folder}/{name}", "-o", objects[-1]])
            report = run_compiler([f"{cross}size", "--totals", *objects])
        except BuildError as error:
            return f"not compiled: {error}"
    text, data = report.splitlines()[-1].split()[:2]
    return int(text) + int(data)
