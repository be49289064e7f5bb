"""names.json: which LUT of the network each bit of an exported hardware module is.

A JSON object. ``format`` is ``bitlogic-names``, ``version`` 1. ``modules`` has an object for each module that computes
nets of the netlist, by the module's name; the modules of the head compute none and are not listed:

- ``instance``: where it stands below the top module, as instance names with dots between. The wire around the instance
  that its output drives is named like the instance without its ``u_``.
- ``kind``: ``luts``, or ``comparators`` of the encoder.
- ``net``: for bit ``k`` of the output ``o``, the net of the netlist (2 is input bit 0).
- ``layer`` and ``neuron``, for LUTs of a netlist that knows its origins, else null: for bit ``k``, the layer of the
  model and the neuron in it. Where a pass merged LUTs, it is the origin of the one that was kept.
"""

import json
from collections.abc import Iterator
from typing import Any

from bitlogic.export.hardware.rtl import Comparators, Luts, Module
from bitlogic.export.netlist import Netlist

NAMES = "names.json"
FORMAT = "bitlogic-names"
VERSION = 1


def signal_names(netlist: Netlist, top: Module) -> bytes:
    """The content of names.json for the design ``top`` of ``netlist``."""
    modules = {module.name: _described(netlist, path, module) for path, module in _below(top, ())}
    rows = [f"{json.dumps(name)}: {json.dumps(described)}" for name, described in modules.items()]
    listed = "{\n" + ",\n".join(rows) + "\n}"
    return f'{{"format": "{FORMAT}", "version": {VERSION}, "modules": {listed}}}\n'.encode()


def _below(module: Module, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Module]]:
    """The modules that compute nets, each with the instances around it; a LUT that is no net's is none of these."""
    if isinstance(module.body, Luts | Comparators) and (module.body.nets >= 0).all():
        yield path, module
    for instance in module.instances:
        yield from _below(instance.module, (*path, instance.name))


def _described(netlist: Netlist, path: tuple[str, ...], module: Module) -> dict[str, Any]:
    body = module.body
    if not isinstance(body, Luts | Comparators):
        raise TypeError(f"{module.name} computes no nets")
    luts = isinstance(body, Luts)
    described: dict[str, Any] = {
        "instance": ".".join(path),
        "kind": "luts" if luts else "comparators",
        "net": body.nets.tolist(),
    }
    if luts:
        origins = None if netlist.origins is None else netlist.origins[body.nets - netlist.first_lut]
        described["layer"] = None if origins is None else origins[:, 0].tolist()
        described["neuron"] = None if origins is None else origins[:, 1].tolist()
    return described
