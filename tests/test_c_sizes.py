"""Flash and RAM of exported C code, as `bitlogic inspect` shows them."""

import shutil
from dataclasses import replace

import pytest

from bitlogic.export.folder import export
from bitlogic.export.inspect import describe_export
from bitlogic.export.samples import InputKind
from bitlogic.export.targets import c_sizes
from bitlogic.export.targets.c import COptions, Style
from bitlogic.export.targets.c_sizes import flash_bytes, ram_bytes
from tests.nets import random_netlist

TABLES = COptions(style=Style.TABLES)


@pytest.mark.cc
@pytest.mark.skipif(shutil.which("size") is None or shutil.which("gcc") is None, reason="needs gcc and binutils' size")
@pytest.mark.parametrize("options", [TABLES, COptions(), replace(TABLES, input=InputKind.BITS)])
def test_flash_grows_with_the_luts_and_ram_is_what_the_header_says(options: COptions) -> None:
    small, large = (export(random_netlist(1, widths=(width, width)), "c", options) for width in (40, 400))
    sizes = [flash_bytes(artifacts)["this machine"] for artifacts in (small, large)]
    assert all(isinstance(size, int) for size in sizes)
    assert sizes[1] > sizes[0] + 4 * 360  # type: ignore[operator]  # a pin takes a byte at least
    described = describe_export(small)
    assert described["flash_bytes"]["this machine"] == sizes[0]
    assert set(ram_bytes(small)) >= {"one sample", "64 samples"}
    work = f"WORK_BYTES {ram_bytes(small)['one sample']} "
    assert work in small.files["include/bitlogic_net.h"].decode()


def test_what_cannot_be_compiled_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = export(random_netlist(1), "c", TABLES)
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    assert flash_bytes(artifacts)["Cortex-M4"] == "not compiled: there is no arm-none-eabi-gcc"
    monkeypatch.setattr(c_sizes, "MAX_LUTS", 3)
    assert all("more than 3" in str(size) for size in flash_bytes(artifacts).values())


def test_only_c_code_has_sizes() -> None:
    assert "flash_bytes" not in describe_export(export(random_netlist(1), "packed"))
