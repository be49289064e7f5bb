"""What stands around the core: each module is proven to do what its interface says, or named as not proven."""

from collections.abc import Callable, Collection, Mapping

from bitlogic.export.formal.axis_joints import is_axis, prove_axis
from bitlogic.export.formal.circuit import Circuit
from bitlogic.export.formal.collecting import is_collector, prove_collector
from bitlogic.export.formal.core import Expectation
from bitlogic.export.formal.function import NotProvenError
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.queues import is_queue, prove_queue
from bitlogic.export.formal.register_file import is_register_file, prove_register_file
from bitlogic.export.formal.sending import is_sender, prove_sender
from bitlogic.export.formal.streaming import is_stream, prove_stream
from bitlogic.export.hardware.architecture import Interface

_STATEMENT = "behaves as its interface says"


def prove_surroundings(
    modules: Mapping[str, Circuit], core: str, outside: Collection[str], expectation: Expectation, prover: Prover
) -> None:
    """Settles every module of ``outside``, and that the top is what the interface asks for."""
    _Surroundings(modules, core, expectation, prover).prove(outside)


class _Surroundings:
    def __init__(self, modules: Mapping[str, Circuit], core: str, expectation: Expectation, prover: Prover) -> None:
        self.modules, self.core, self.expectation, self.prover = modules, core, expectation, prover
        self.kinds: dict[str, str] = {}

    def prove(self, outside: Collection[str]) -> None:
        self.kinds = {name: self._kind(name) for name in outside}
        for name in sorted(outside):
            self._settle(name)
        design = self.expectation.design
        if design is None:
            return
        wanted = {Interface.STREAM: "stream", Interface.AXIS: "axis"}.get(design.interface, "core")
        top = design.top.name
        found = "core" if top == self.core else self.kinds.get(top, "missing")
        if design.registers and "register file" not in self.kinds.values():
            self.prover.give_up(top, "has an AXI4-Lite register file", "no module is one")
        if found != wanted:
            self.prover.give_up(top, f"has the interface {design.interface}", f"the module of this name is a {found}")

    def _kind(self, name: str) -> str:
        circuit = self.modules[name]
        if is_queue(circuit):
            return "queue"
        if is_stream(circuit, self.core, self.modules):
            return "stream"
        if is_collector(circuit):
            return "collector"
        if is_sender(circuit):
            return "sender"
        if is_register_file(circuit):
            return "register file"
        if is_axis(circuit):
            return "axis"
        return "wrapper"

    def _inside(self, name: str) -> dict[str, str]:
        """The modules in a module, by their kinds."""
        return {self.kinds.get(i.module, "core"): i.module for i in self.modules[name].instances}

    def _settle(self, name: str) -> None:
        modules, prover, expectation = self.modules, self.prover, self.expectation
        sample, design = str(expectation.input), expectation.design
        ways: dict[str, Callable[[], object]] = {
            "queue": lambda: prove_queue(name, modules, prover),
            "stream": lambda: prove_stream(name, self.core, sample, modules, prover),
        }
        if design is not None and design.input_frame is not None and design.result_frame is not None:
            arriving, leaving = design.input_frame, design.result_frame
            ways |= {
                "collector": lambda: prove_collector(name, modules, arriving, sample, expectation.fold, prover),
                "sender": lambda: prove_sender(name, modules, leaving, expectation.netlist, prover),
                "register file": lambda: prove_register_file(
                    name, modules, design.registers, expectation.netlist, prover
                ),
                "axis": lambda: prove_axis(name, modules, self._inside(name), sample, prover),
            }
        way = ways.get(self.kinds[name])
        if way is None:
            prover.give_up(name, _STATEMENT, "the logic around the core is not covered")
            return
        try:
            way()
        except NotProvenError as error:
            prover.give_up(name, _STATEMENT, str(error))
