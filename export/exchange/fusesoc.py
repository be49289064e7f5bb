"""The FuseSoC core file of a Verilog export: what other projects need to take the folder in as a dependency."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from bitlogic.export.render import render


def fusesoc_core(manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """``{module_name}.core`` (CAPI2) of a Verilog export's files, whose paths it lists.

    The core is ``::{module_name}:0``. Its target ``default`` is the design, ``lint`` runs Verilator's checks on it, and
    where the folder has a plain Verilog bench in ``test/``, ``sim`` runs that in Icarus.
    """
    top = manifest["options"]["module_name"]
    bench_top = f"tb_{top}"
    has_bench = f"test/{bench_top}.v" in files
    vectors = sorted(name for name in files if name.startswith("test/") and name.endswith(".mem"))
    models = ["test/models.v"] if "test/models.v" in files else []
    text = render(
        "fusesoc_core.j2",
        top=top,
        description=f"look-up tables of netlist {manifest['netlist']['digest'][:16]}",
        sources=sorted(name for name in files if name.endswith(".v") and "/" not in name),
        bench=[f"test/{bench_top}.v", *models] if has_bench else [],
        bench_top=bench_top,
        vectors=[(name, PurePosixPath(name).name) for name in vectors],
    )
    return {f"{top}.core": text}
