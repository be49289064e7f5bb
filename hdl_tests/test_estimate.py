"""The estimate against what Yosys and nextpnr make of the same small design."""

from pathlib import Path

import pytest

from bitlogic.export.estimate.project import estimate_project
from bitlogic.export.hardware.devices import find_device
from bitlogic.export.synthesis.source import project_of_netlist, wanted_on
from bitlogic.export.synthesis.synthesize import Request, synthesize
from tests.nets import random_netlist

# The routed ones last longest; on the others nextpnr is not needed, or nothing was measured with it.
POINTS = [
    ("ice40-hx8k", 1, True),
    ("ice40-hx8k", 2, False),
    ("ice40-up5k", 1, False),
    ("ecp5-85k", 1, True),
    ("ecp5-85k", 0, False),
    ("gowin-gw1n9", 1, False),
    ("gatemate", 1, False),
    ("xc7", 1, False),
]


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize(("device", "pipeline", "routed"), POINTS)
def test_an_estimate_is_within_its_error(tmp_path: Path, device: str, pipeline: int, routed: bool) -> None:
    netlist = random_netlist(7, num_features=120, widths=(120, 100), num_classes=10)
    chosen = find_device(device)
    project = project_of_netlist(netlist, wanted_on(device, None, pipeline, None))
    made = estimate_project(project, chosen)
    _, report = synthesize(project, Request(device, route=routed), tmp_path / "out")
    luts = report["resources"]["total"]["luts"]
    assert abs(made.total("luts") - luts) <= 0.2 * luts, f"estimated {made.total('luts')}, synthesised {luts}"
    if device != "xc7":  # where chains of registers become LUTs
        flipflops = report["resources"]["total"]["flipflops"]
        assert abs(made.total("flipflops") - flipflops) <= 0.1 * flipflops
    if routed:
        assert made.fmax_mhz is not None
        fmax = report["fmax_mhz"]
        assert abs(made.fmax_mhz - fmax) <= 0.3 * fmax, f"estimated {made.fmax_mhz:.0f} MHz, routed {fmax} MHz"
