"""What a device's LUT primitives do, for simulation: the models that Yosys ships, from the package pyosys."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from bitlogic.errors import MissingToolError, TargetError
from bitlogic.export.targets.verilog_primitives import Primitives

# Where the models are, below Yosys' share folder, and the modules that we instantiate.
_MODELS: dict[Primitives, tuple[str, str]] = {
    Primitives.ICE40: ("ice40/cells_sim.v", "SB_LUT4"),
    Primitives.ECP5: ("ecp5/common_sim.vh", "LUT4"),
    Primitives.XILINX: ("xilinx/cells_sim.v", "LUT[1-6]"),
}


def simulation_models(primitives: Primitives) -> Mapping[str, bytes]:
    """A Verilog file with the models of the LUTs alone: simulators do not read all cells of a device.

    Nothing where the design needs none. MissingToolError without pyosys; TargetError if its models are elsewhere.
    """
    if primitives not in _MODELS:
        return {}
    place, modules = _MODELS[primitives]
    share = _share()
    if share is None:
        raise MissingToolError(
            f"--primitives {primitives} is simulated with Yosys' models of the device: pip install 'bitlogic[synth]'"
        )
    try:
        text = (share / place).read_text()
    except OSError as error:
        raise TargetError(f"pyosys has no models in {share / place}: {error.strerror}") from error
    found = re.findall(rf"^module {modules}\b.*?^endmodule", text, flags=re.MULTILINE | re.DOTALL)
    if not found:
        raise TargetError(f"{share / place} has no module {modules}")
    models = re.sub(r"`\w+DEFAULT_ASSIGNMENT\w*", "", "\n".join(found))  # of ports, defined elsewhere in the file
    return {f"models_{primitives}.v": f"{models}\n".encode()}


def _share() -> Path | None:
    spec = find_spec("pyosys")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "share"
