"""How a module joins the instances in it: which wire of one is which wire of another."""

import time
from collections.abc import Mapping, Sequence

from bitlogic.export.formal.circuit import Circuit, Instance
from bitlogic.export.formal.clocked import Clocked, flattened
from bitlogic.export.formal.function import CLEAR, CLOCK, RESET, NotProvenError
from bitlogic.export.formal.prover import Prover


class Joints:
    """One module with ``closed`` modules in it, and the joints that are found to be wrong."""

    def __init__(self, name: str, modules: Mapping[str, Circuit], closed: Sequence[str]) -> None:
        self.name, self.modules = name, modules
        self.started = time.monotonic()
        self.clocked = Clocked(flattened(modules, name, closed))
        self.wrong: list[str] = []

    def only(self, module: str) -> Instance:
        """The one instance of a module; NotProvenError for none or several."""
        found = [instance for instance in self.clocked.circuit.instances if instance.module == module]
        if len(found) != 1:
            raise NotProvenError(f"{self.name} has {len(found)} instances of {module}")
        return found[0]

    def at(self, instance: Instance, port: str) -> list[int]:
        """The literals at a port of an instance; NotProvenError where it is not connected."""
        bits = instance.connections.get(port, ())
        inner = self.modules[instance.module]
        width = len({**inner.inputs, **inner.outputs}.get(port, ()))
        if not width or len(bits) != width:
            raise NotProvenError(f"{self.name}: {instance.name}.{port} is not connected")
        return self.clocked.values(bits)

    def same(self, what: str, first: Sequence[int], second: Sequence[int]) -> None:
        """Notes it down where the two are not the same wires."""
        if list(first) != list(second):
            self.wrong.append(what)

    def moves_along(self, instance: Instance, clear: Sequence[int] | None = None) -> None:
        """Clock and reset of an instance are the module's own, and so is ``clear`` where nothing else is given."""
        inputs = self.clocked.inputs
        expected = {CLOCK: inputs.get(CLOCK), RESET: inputs.get(RESET), CLEAR: clear or inputs.get(CLEAR)}
        for port in expected.keys() & self.modules[instance.module].inputs.keys():
            self.same(f"{instance.name} has the right {port}", self.at(instance, port), expected[port] or [-1])

    def settle(self, statement: str, prover: Prover) -> bool:
        wrong = "; ".join(f"not so: {what}" for what in self.wrong)
        return prover.traced(self.name, statement, wrong, self.started)
