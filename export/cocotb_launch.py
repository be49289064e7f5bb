"""Builds a design and runs ``cocotb_bench`` in it: ``python cocotb_launch.py [FOLDER [SIM [SOURCE …]]]``.

FOLDER (default: this file's) holds ``bench.json`` and the vectors; SIM is ``icarus`` (default, also by the environment
variable SIM), ``verilator``, or ``ghdl`` for VHDL; the sources are those of ``bench.json`` where none are given.
Everything that arises, ``results.xml`` and the logs among it, goes to FOLDER/build. The exit code is 0 where all
samples agree, 1 where something is wrong, which the last line says. It is a process of its own because the runner
reads the environment, changes none of it back, and has no time limit.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

# Verilator's data flow graphs take long on large nets; without a fourth value, registers start at random.
_BUILD_ARGS = {
    "icarus": [],
    "verilator": ["-Wno-fatal", "-fno-dfg", "--x-initial", "unique", "--x-assign", "unique"],
    "ghdl": ["--std=08"],
}
_TEST_ARGS = {"icarus": [], "verilator": [], "ghdl": ["--std=08", "--workdir={build}"]}  # cocotb starts it elsewhere
# numeric_std warns of every sum of unknown bits, and before the first reset there are many.
_PLUSARGS = {
    "icarus": [],
    "verilator": ["+verilator+rand+reset+2", "+verilator+seed+1"],
    "ghdl": ["--ieee-asserts=disable"],
}


def main(folder: Path, simulator: str, sources: list[str]) -> int:
    plan = json.loads((folder / "bench.json").read_text())
    output = folder / "build"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    runner = get_runner(simulator)
    paths = [folder / source for source in sources or plan["sources"]]
    whole = ["--output-split", "0"] if sum(path.stat().st_size for path in paths) <= plan["whole_bytes"] else []
    runner.build(
        sources=paths,
        hdl_toplevel=plan["top"],
        build_args=_BUILD_ARGS[simulator] + (whole if simulator == "verilator" else []),
        build_dir=output / "simulator",
        timescale=("1ns", "1ps"),
        log_file=output / "build.log",
    )
    results = runner.test(
        test_module=f"{__package__}.cocotb_bench" if __package__ else "cocotb_bench",
        hdl_toplevel=plan["top"],
        build_dir=output / "simulator",
        test_dir=folder,
        results_xml=str(output / "results.xml"),
        extra_env={"BENCH_FOLDER": str(folder)},
        test_args=[argument.format(build=output / "simulator") for argument in _TEST_ARGS[simulator]],
        plusargs=_PLUSARGS[simulator],
        timescale=("1ns", "1ps"),
        log_file=output / "run.log",
    )
    problem = output / "problem.txt"
    if problem.exists():
        print(f"FAIL: {problem.read_text()}")
    elif not results.is_file() or get_results(results) != (1, 0):  # the simulator exits with 0 when a test failed
        print(f"FAIL: see {output / 'run.log'}")
    else:
        print(f"PASS {plan['num_samples']}/{plan['num_samples']}")
        return 0
    return 1


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    chosen = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("SIM", "icarus")
    sys.exit(main(where if where.is_dir() else where.parent, chosen, sys.argv[3:]))
