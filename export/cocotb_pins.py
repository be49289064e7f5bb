"""The ports of a design inside the simulator, by their roles; part of ``cocotb_bench``."""

import random
from typing import Any

import cocotb

from bitlogic.export.cocotb_vectors import IN, OUT, PLAN, DesignError


class Pins:
    """The ports of a clocked design by their roles."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self._written: dict[str, int | str] = {}
        dut.clk.value = 0
        for name, _ in PLAN["idle"]:
            self._write(name, 0)

    def drive(self, data: int, *, last: bool, valid: bool, take: bool, reset: bool) -> None:
        self._write("rst", int(reset))
        self._write(IN["data"], data)
        self._write(IN["valid"], int(valid))
        self._write(IN["last"], int(last))
        self._write(OUT["ready"], int(take))

    def unknown(self, chance: random.Random) -> None:
        """X at every input but the clock and the reset; noise in a simulator of two values."""
        two_values = "verilator" in cocotb.SIM_NAME.lower()
        self._write("rst", 0)
        for name, width in ((IN["data"], IN["width"]), (IN["valid"], 1), (IN["last"], 1), (OUT["ready"], 1)):
            self._write(name, chance.getrandbits(width) if two_values else "X" * width)

    def handshakes(self, cycle: int) -> tuple[bool, bool]:
        """Whether a beat is accepted and whether one is shown."""
        return self._bit(IN["ready"], cycle) if IN["ready"] else True, self._bit(OUT["valid"], cycle)

    def data(self) -> str:
        return shown_data(self.dut)

    def last(self) -> str:
        return str(getattr(self.dut, OUT["last"]).value)

    def expect_error(self, expected: str, cycle: int, when: str) -> None:
        shown = str(getattr(self.dut, PLAN["error"]).value)
        if shown != expected:
            raise DesignError(f"cycle {cycle}: {PLAN['error']} reads {shown} {when}")

    def _write(self, name: str | None, value: int | str) -> None:
        if name is not None and self._written.get(name) != value:
            getattr(self.dut, name).value = value
            self._written[name] = value

    def _bit(self, name: str, cycle: int) -> bool:
        shown = str(getattr(self.dut, name).value)
        if shown not in ("0", "1"):
            raise DesignError(f"cycle {cycle}: {name} reads {shown} after a reset")
        return shown == "1"


def shown_data(dut: Any) -> str:
    """The bits of the output data, the first port in the lowest."""
    return "|".join(str(getattr(dut, name).value) for name, _ in reversed(OUT["data"]))


def known(shown: str, where: str) -> int:
    """The unsigned value of shown data; DesignError if one of its bits is X or Z."""
    for (name, _), bits in zip(reversed(OUT["data"]), shown.split("|"), strict=True):
        if set(bits) - {"0", "1"}:
            raise DesignError(f"{where}: {name} reads {bits}")
    return int(shown.replace("|", ""), 2)
