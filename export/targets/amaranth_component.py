"""``NetlistComponent``: a netlist as a live component, to be put into a design of one's own without a file between."""

from functools import reduce
from typing import Any

from amaranth.hdl import Module, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from bitlogic.export.hardware.architecture import Architecture, Design, design
from bitlogic.export.netlist import Netlist
from bitlogic.export.targets import amaranth_parts as parts
from bitlogic.export.targets.amaranth_faces import face_of
from bitlogic.export.targets.amaranth_live import place
from bitlogic.export.targets.amaranth_plan import plan_of

_SHAPES = {"data": data, "signed": signed, "stream": stream}  # what the text of a member's shape, face_of's own, calls


class NetlistComponent(wiring.Component):  # type: ignore[misc]  # amaranth has no types
    """The hardware of a netlist, with the signature of the component that the amaranth target emits.

        m.submodules.net = net = NetlistComponent(netlist, pipeline=1, interface="stream")

    Its registers are in the domain ``sync``. ``design`` has the latency.

    Args:
        netlist: What to build; ``optimize`` it first.
        architecture: The fields of ``Architecture``, as the target's options.

    Raises:
        ExportError: As ``design`` does.
        OptionError: As ``Architecture`` does.
    """

    design: Design

    def __init__(self, netlist: Netlist, **architecture: Any) -> None:
        self.design = design(netlist, Architecture(**architecture))
        self._face = face_of(self.design, netlist)
        super().__init__(
            {
                member.name: (In if member.is_input else Out)(eval(member.shape, {}, _SHAPES))
                for member in self._face.members
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        inputs, outputs = {}, {}
        for port in self.design.top.ports:
            value = Value.cast(reduce(getattr, self._face.attributes[port.name].split("."), self))
            if not port.is_input:
                outputs[port.name] = value
            elif port.width <= parts.WORD:
                inputs[port.name] = value
            else:
                m.submodules[f"{port.name}_words"] = words = parts.Port(value, port.name)
                inputs[port.name] = words.words
        place(m, self.design.top, inputs, outputs, plan_of(self.design.top))
        return m
