"""The machines that a self-test runs on: how it is built for each, how it is run, and exact counts of instructions."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_QEMU_ARM = (
    *("qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "null"),
    *("-semihosting-config", "enable=on,target=native", "-kernel"),
)


@dataclass(frozen=True)
class Machine:
    """A core: the prefix of its tools, the flags of its compiler, the program around the test, and its emulator."""

    cross: str
    flags: tuple[str, ...]
    main: str  # relative to the export's folder; an absolute path where it is the tests' own
    link: tuple[str, ...]
    emulator: tuple[str, ...]


MACHINES = {
    "cortex-m4": Machine(
        "arm-none-eabi-",
        ("-mcpu=cortex-m4", "-mthumb", "-ffreestanding"),
        "selftest/cortex_m.c",
        ("-nostdlib", "-Tselftest/cortex_m.ld", "-lgcc"),
        _QEMU_ARM,
    ),
    "cortex-m0": Machine(
        "arm-none-eabi-",
        ("-mcpu=cortex-m0", "-mthumb", "-ffreestanding"),
        "selftest/cortex_m.c",
        ("-nostdlib", "-Tselftest/cortex_m.ld", "-lgcc"),
        _QEMU_ARM,
    ),
    "rv32imac": Machine(
        "riscv64-unknown-elf-",
        ("-march=rv32imac", "-mabi=ilp32", "-ffreestanding"),
        str(_HERE / "rv32.c"),
        ("-nostdlib", "-lgcc"),
        ("qemu-riscv32",),
    ),
    "aarch64": Machine("aarch64-linux-gnu-", (), "selftest/main.c", ("-static",), ("qemu-aarch64",)),
    "riscv64": Machine("riscv64-linux-gnu-", (), "selftest/main.c", ("-static",), ("qemu-riscv64",)),
}


def build(machine: Machine, folder: Path, *flags: str) -> Path:
    """The program of the self-test in an export's folder."""
    sources = [machine.main, *(str(path.relative_to(folder)) for path in sorted(folder.glob("src/*.c")))]
    command = [f"{machine.cross}gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-Iinclude", *machine.flags]
    sections = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
    last = ["-o", "selftest.elf", *sources, *machine.link]
    subprocess.run([*command, "-O2", *flags, *sections, *last], cwd=folder, check=True, timeout=120)
    return folder / "selftest.elf"


def run(machine: Machine, program: Path) -> subprocess.CompletedProcess[str]:
    """The run of a program; qemu writes a semihosting console to stderr, which is in stdout here."""
    pipe, same = subprocess.PIPE, subprocess.STDOUT
    return subprocess.run([*machine.emulator, str(program)], stdout=pipe, stderr=same, text=True, timeout=120)


def instructions(program: Path, function: str, calls: int) -> list[int]:
    """The instructions of each of the first calls of a function on the Cortex-M, exactly.

    qemu translates one instruction at a time and logs each one that it runs, unlinked: the count is of lines, between
    the first instruction of the function and the return behind the branch that called it.
    """
    symbols = subprocess.check_output(["arm-none-eabi-nm", str(program)], text=True, timeout=60).splitlines()
    (entry,) = (int(line.split()[0], 16) & ~1 for line in symbols if line.endswith(f" {function}"))
    counts, before, back, count = [], 0, None, 0
    for address in _executed(program):
        if back is None:
            if address == entry:
                back, count = before + 4, 1  # bl is 4 bytes
        elif address == back:
            counts.append(count)
            back = None
            if len(counts) == calls:
                break
        else:
            count += 1
        before = address
    return counts


def _executed(program: Path) -> Iterator[int]:
    """The address of every instruction that runs, in order."""
    log = program.with_suffix(".log")
    os.mkfifo(log)  # the log of a run is a hundred times larger than what is kept of it
    command = [*_QEMU_ARM, str(program), "-singlestep", "-d", "nochain,exec", "-D", str(log)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            with log.open() as lines:
                for line in lines:
                    if line.startswith("Trace"):
                        yield int(line.split("/")[1], 16)
        finally:
            process.kill()
