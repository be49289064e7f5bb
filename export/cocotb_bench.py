"""The bench that runs inside the simulator: gives the samples, checks the handshakes, reads the results from the ports.

cocotb imports it in the simulator's process. It and the modules that it is made of need nothing but cocotb, and an
export ships them as they stand (``testbench``). What it read goes to ``got.mem``, in the form of ``expected.mem``, and
the first thing that is wrong to ``problem.txt``.
"""

from typing import Any

import cocotb
from cocotb.triggers import Timer

from bitlogic.export.cocotb_clocked import TIME_LIMIT_NS, Clocked
from bitlogic.export.cocotb_pins import known, shown_data
from bitlogic.export.cocotb_vectors import IN, OUTPUT, PLAN, DesignError, Results, read_words


@cocotb.test(timeout_time=TIME_LIMIT_NS, timeout_unit="ns")  # type: ignore[untyped-decorator]  # cocotb is not followed
async def bench(dut: Any) -> None:
    try:
        inputs = read_words("inputs.mem", IN["width"] * IN["beats"])
        results = Results()
        if PLAN["latency_cycles"]:
            await Clocked(dut, inputs, results).run()
        else:
            await settle(dut, inputs, results)
        results.save()
    except DesignError as problem:
        (OUTPUT / "problem.txt").write_text(str(problem))
        raise


async def settle(dut: Any, inputs: list[int], results: Results) -> None:
    """A design without a clock: set the input, let it settle, read."""
    for sample, word in enumerate(inputs):
        getattr(dut, IN["data"]).value = word
        await Timer(1, "ns")
        results.read(sample, known(shown_data(dut), f"sample {sample}"))
