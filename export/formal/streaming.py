"""A core behind ready and valid: the joints between the core, its queue of results and the ports."""

from collections.abc import Mapping

from bitlogic.export.formal.circuit import Circuit
from bitlogic.export.formal.function import ENABLE, NotProvenError
from bitlogic.export.formal.joints import Joints
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.queues import is_queue

RESULT = ("scores", "class_id")


def is_stream(circuit: Circuit, core: str, modules: Mapping[str, Circuit]) -> bool:
    """By its ports, and the core in it."""
    inside = [instance.module for instance in circuit.instances]
    ports = {"valid_in", "ready_out"} <= set(circuit.inputs) and {"ready_in", "valid_out", *RESULT} == set(
        circuit.outputs
    )
    return ports and core in inside and any(is_queue(modules[module]) for module in inside)


def prove_stream(name: str, core: str, sample: str, modules: Mapping[str, Circuit], prover: Prover) -> bool:
    """Settles how the core, which moves with ``enable`` alone, and a queue make a stream.

    With what is proven of both, it follows that an input taken leaves once, in order, as the result that the core has
    of it: the core moves exactly while the queue has room, and what leaves the core goes into the queue then.

    Raises:
        NotProvenError: An instance is missing, or a port of one is not connected.
    """
    queues = {i.module for i in modules[name].instances if is_queue(modules[i.module])}
    if len(queues) != 1:
        raise NotProvenError(f"{name} has {len(queues)} kinds of queues")
    (queue,) = queues
    joints = Joints(name, modules, [core, queue])
    clocked = joints.clocked
    inner, behind = joints.only(core), joints.only(queue)
    joints.moves_along(inner)
    joints.moves_along(behind)
    if clocked.circuit.registers:
        joints.wrong.append("it has no register of its own")
    room = joints.at(behind, "ready_in")
    joints.same("the core moves while the queue has room", joints.at(inner, ENABLE), room)
    joints.same("ready_in says that the queue has room", clocked.port("ready_in"), room)
    joints.same("the core gets valid_in", joints.at(inner, "valid_in"), clocked.inputs["valid_in"])
    joints.same(f"the core gets {sample}", joints.at(inner, sample), clocked.inputs.get(sample, []))
    joints.same(
        "what leaves the core goes into the queue", joints.at(inner, "valid_out"), joints.at(behind, "valid_in")
    )
    joints.same("ready_out takes from the queue", joints.at(behind, "ready_out"), clocked.inputs["ready_out"])
    joints.same("valid_out is the queue's", clocked.port("valid_out"), joints.at(behind, "valid_out"))
    through = dict(zip(joints.at(behind, "data_in"), joints.at(behind, "data_out"), strict=True))
    for port in RESULT:
        queued = [through.get(literal, -1) for literal in joints.at(inner, port)]
        joints.same(f"{port} is the core's, through the queue", clocked.port(port), queued)
    statement = (
        "what is taken with valid_in and ready_in goes through the core and its queue once, in order, whoever waits: "
        "the core moves exactly while the queue has room"
    )
    return joints.settle(statement, prover)
