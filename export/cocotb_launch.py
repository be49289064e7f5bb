"""The child process of ``simulate``: builds a design and runs the bench in it with cocotb's runner.

Called as ``python -m bitlogic.export.cocotb_launch FOLDER``. FOLDER holds ``plan.json``; the logs and ``results.xml``
appear in it. It is a process of its own because the runner reads the environment, changes none of it back, and has no
time limit.
"""

import json
import sys
from pathlib import Path

from cocotb_tools.runner import get_runner

_BUILD_ARGS = {"icarus": [], "verilator": ["-Wno-fatal", "-fno-dfg"]}  # its data flow graphs take long on large nets


def main(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    runner = get_runner(plan["simulator"])
    runner.build(
        sources=plan["sources"],
        hdl_toplevel=plan["top"],
        build_args=_BUILD_ARGS[plan["simulator"]],
        build_dir=folder / "build",
        timescale=("1ns", "1ps"),
        log_file=folder / "build.log",
    )
    runner.test(
        test_module="bitlogic.export.cocotb_bench",
        hdl_toplevel=plan["top"],
        build_dir=folder / "build",
        test_dir=folder,
        results_xml=str(folder / "results.xml"),
        extra_env={"BITLOGIC_BENCH_FOLDER": str(folder)},
        timescale=("1ns", "1ps"),
        log_file=folder / "run.log",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
