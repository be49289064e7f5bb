"""The face that a component shows, made of the flat ports of a design's top module."""

from dataclasses import dataclass

from bitlogic.export.hardware.architecture import Design, Interface
from bitlogic.export.hardware.rtl import Port
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind


@dataclass(frozen=True)
class Member:
    """A member of the component's signature: its shape as Amaranth's text, the same for the live component."""

    name: str
    is_input: bool
    shape: str
    about: str


@dataclass(frozen=True)
class Face:
    """The members, and for each port of the top module the attribute of the component that stands for it."""

    members: tuple[Member, ...]
    attributes: dict[str, str]


def face_of(design: Design, netlist: Netlist) -> Face:
    """stream: ``sink`` and ``source``, of ``amaranth.lib.stream``; every other interface has the top module's ports."""
    ports = {port.name: port for port in design.top.ports}
    if design.interface is not Interface.STREAM:
        members = tuple(Member(port.name, port.is_input, str(port.width), port.comment) for port in ports.values())
        return Face(members, {name: name for name in ports})
    (sample,) = (port for port in ports.values() if port.name in list(InputKind))
    score = f"signed({netlist.score_width})" if netlist.score_signed else str(netlist.score_width)
    result = (
        f'data.StructLayout({{"scores": data.ArrayLayout({score}, {netlist.head.num_classes}), '
        f'"class_id": {netlist.class_width}}})'
    )
    return Face(
        (
            Member("sink", True, f"stream.Signature({_sample(sample, design, netlist)})", _about(sample)),
            Member("source", False, f"stream.Signature({result})", "scores, by class, and class_id: the best one"),
        ),
        stream_attributes(InputKind(sample.name)),
    )


def stream_attributes(kind: InputKind) -> dict[str, str]:
    """For each port of a top module with ready and valid, the attribute of the component that stands for it."""
    return {
        "valid_in": "sink.valid",
        "ready_in": "sink.ready",
        kind.value: "sink.payload",
        "valid_out": "source.valid",
        "ready_out": "source.ready",
        "scores": "source.payload.scores",
        "class_id": "source.payload.class_id",
    }


def _sample(port: Port, design: Design, netlist: Netlist) -> str:
    shape = str(port.width)
    if port.name == InputKind.X and netlist.encoder is not None and design.num_beats == 1:
        shape = f"data.ArrayLayout({netlist.encoder.input_bits}, {netlist.encoder.num_features})"
    return f'data.StructLayout({{"{port.name}": {shape}}})'


def _about(sample: Port) -> str:
    return f"{sample.name}: {sample.comment}" if sample.comment else sample.name
