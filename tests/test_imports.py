"""Who may import whom, read from the source with ``ast``."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
IR = {"netlist", "head", "checks", "levels", "npz", "artifacts", "samples"}
LOWERINGS = {
    "render",
    "expressions",
    "formulas",
    "stages",
    "names",
    "choices",
    "manifest",
    "hardware",
    "signal_names",
}  # what targets share
THIRD_PARTY = {"torch", "numpy", "jinja2", "click", "amaranth", "cocotb", "cocotb_tools", "sklearn", "aigverse"}

# Modules of bitlogic.export: (modules of bitlogic.export that they may import, third-party packages).
RULES: dict[str, tuple[set[str], set[str]]] = {
    "npz": (set(), {"numpy"}),
    "samples": (set(), {"numpy"}),
    "checks": (set(), {"numpy"}),
    "levels": (set(), {"numpy"}),
    "head": ({"checks"}, {"numpy"}),
    "netlist": ({"checks", "head", "levels", "npz"}, {"numpy"}),
    "artifacts": (set(), {"numpy"}),
    "render": (set(), {"jinja2"}),
    "expressions": ({"netlist", "formulas", "words"}, {"numpy"}),
    "formulas": (set(), {"numpy"}),
    "signal_names": (IR | {"hardware"}, set()),
    "stages": ({"netlist"}, {"numpy"}),
    "names": (set(), set()),
    "choices": (set(), set()),
    "compilers": (set(), set()),
    "compiled": (IR | {"compilers", "engine", "extract", "passes", "targets"}, {"numpy", "torch"}),
    "doctor": ({"simulators"}, set()),
    "manifest": (IR | {"hardware"}, {"numpy"}),
    "evaluate": (IR, {"numpy"}),
    "vectors": (IR | {"evaluate"}, {"numpy"}),
    "folder": (
        IR | {"choices", "evaluate", "exchange", "mapping", "passes", "targets", "vectors", "testbench"},
        {"numpy"},
    ),
    "verify": (IR | {"evaluate", "targets", "vectors", "folder"}, {"numpy"}),
    "aig": ({"netlist"}, {"numpy", "aigverse"}),
    "free_inputs": (IR, {"numpy"}),
    "equivalence": (IR | {"aig", "evaluate", "free_inputs"}, {"numpy"}),
    "trace": (IR | {"evaluate", "folder", "mapping", "targets", "verify"}, {"numpy"}),
    "simulators": (set(), set()),
    "coverage": (IR | {"evaluate"}, {"numpy"}),
    "testbench_ports": (IR | {"hardware"}, {"numpy"}),
    "testbench": (IR | {"hardware", "render", "testbench_ports", "vectors"}, {"numpy"}),
    "simulate": (IR | {"simulators", "testbench_ports"}, {"cocotb_tools"}),
    "cocotb_vectors": (set(), set()),
    "cocotb_pins": ({"cocotb_vectors"}, {"cocotb"}),
    "cocotb_clocked": ({"cocotb_pins", "cocotb_vectors"}, {"cocotb"}),
    "cocotb_bench": ({"cocotb_clocked", "cocotb_pins", "cocotb_vectors"}, {"cocotb"}),
    "cocotb_launch": (set(), {"cocotb_tools"}),
    "words": (set(), set()),
    "unroll": (set(), {"numpy"}),
    "parities": ({"unroll"}, {"numpy"}),
    "extract": ({"netlist", "parities", "unroll"}, {"numpy", "torch"}),
}
TRAINING_LAYERS = {
    "layers",
    "parametrizations",
    "connections",
    "encoders",
    "heads",
    "models",
    "inference",
    "checkpoint",
    "training",
}
KNOW_TORCH_LAYERS = {
    "extract.py",
    "reference.py",
    "demo.py",
    "cli.py",
    "cli_train.py",
    "cli_synth.py",
    "verification.py",
    "bench_workloads.py",
    "bench_cpu_nets.py",
    "bench_cpu_contenders.py",
    "bench_cpu_files.py",
    "sources.py",
}


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _exported(names: set[str]) -> set[str]:
    """The modules of bitlogic.export among the names."""
    modules = {name.split(".")[2] for name in names if name.startswith("bitlogic.export.")}
    return {
        module
        for module in modules
        if (ROOT / "export" / f"{module}.py").exists() or (ROOT / "export" / module).is_dir()
    }


def _third_party(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names} & THIRD_PARTY


def _training_sources() -> list[Path]:
    return [
        path
        for path in (ROOT / "bitlogic").rglob("*.py")
        if "export" not in path.parts and "templates" not in path.parts
    ]


@pytest.mark.parametrize("path", _training_sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_training_library_never_imports_the_export(path: Path) -> None:
    lazy = {"compiled", "engine"} if path == ROOT / "bitlogic" / "__init__.py" else set()  # public names, for checkers
    assert _exported(_imports(path)) <= lazy


@pytest.mark.parametrize("path", _training_sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_layers_know_nothing_of_training_and_data_nothing_of_layers(path: Path) -> None:
    packages = {name.split(".")[1] for name in _imports(path) if name.startswith("bitlogic.")}
    folder = path.relative_to(ROOT / "bitlogic").parts[0]
    if folder == "datasets":
        assert packages <= {"datasets", "errors"}
    elif folder not in ("training", "__init__.py"):
        assert not packages & {"training", "datasets"}


@pytest.mark.parametrize("name", RULES)
def test_an_export_module_imports_only_what_its_rule_allows(name: str) -> None:
    modules, packages = RULES[name]
    path = ROOT / "export" / f"{name}.py"
    assert _exported(_imports(path)) <= modules
    assert _third_party(_imports(path)) <= packages


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "passes").glob("*.py")), ids=lambda path: path.name)
def test_a_pass_imports_the_netlist_and_numpy(path: Path) -> None:
    assert _exported(_imports(path)) <= {"netlist", "passes"}
    assert _third_party(_imports(path)) <= {"numpy"}


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "hardware").glob("*.py")), ids=lambda path: path.name)
def test_the_lowering_imports_the_netlist_and_numpy(path: Path) -> None:
    assert _exported(_imports(path)) <= {"netlist", "samples", "names", "choices", "stages", "mapping", "hardware"}
    assert _third_party(_imports(path)) <= {"numpy"}


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "targets").glob("*.py")), ids=lambda path: path.name)
def test_a_target_imports_the_netlist_artifacts_and_the_shared_lowerings(path: Path) -> None:
    simulators = {"simulate", "simulators", "testbench_ports"} if path.name.startswith(("verilog", "vhdl")) else set()
    simulators |= {"testbench_ports"} if path.name.startswith("amaranth") else set()
    compilers = {"doctor"} if path.name.startswith("c") else set()
    exchange = {"exchange", "mapping"} if path.name in ("blif.py", "aiger.py") else set()
    exchange |= {"engine"} if path.name == "engine.py" else set()
    exchange |= {"mapping", "passes"} if path.name == "c_operations.py" else set()
    exchange |= {"passes"} if path.name == "c_tables_plan.py" else set()  # its own form of a netlist
    assert _exported(_imports(path)) <= IR | LOWERINGS | {"targets"} | simulators | compilers | exchange
    allowed = {"numpy"}
    allowed |= {"amaranth"} if path.name.startswith("amaranth") else set()
    allowed |= {"torch"} if path.name.startswith("packed") else set()
    assert _third_party(_imports(path)) <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "engine").glob("*.py")), ids=lambda path: path.name)
def test_the_engine_imports_passes_and_mappings_and_extracts_only_at_its_door(path: Path) -> None:
    doors = {"extract", "passes"} if path.name == "engine.py" else {"passes"} if path.name == "luts.py" else set()
    assert _exported(_imports(path)) <= IR | {"engine", "mapping", "render"} | doors
    assert _third_party(_imports(path)) <= ({"numpy", "torch"} if path.name == "engine.py" else {"numpy"})


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "exchange").glob("*.py")), ids=lambda path: path.name)
def test_an_exchange_format_imports_the_netlist_and_numpy(path: Path) -> None:
    assert _exported(_imports(path)) <= IR | {"exchange", "names", "render", "words"}
    assert _third_party(_imports(path)) <= {"numpy"}


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "mapping").glob("*.py")), ids=lambda path: path.name)
def test_a_mapping_imports_passes_and_what_takes_a_netlist_to_abc(path: Path) -> None:
    assert _exported(_imports(path)) <= IR | {"evaluate", "exchange", "mapping", "passes", "words"}
    assert _third_party(_imports(path)) <= {"numpy"}


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "formal").glob("*.py")), ids=lambda path: path.name)
def test_a_proof_imports_the_netlist_and_only_its_door_targets_and_folders(path: Path) -> None:
    doors = {"folder", "targets"} if path.name == "artifacts.py" else set()
    assert _exported(_imports(path)) <= IR | {"formal", "hardware"} | doors
    assert _third_party(_imports(path)) <= {"numpy"}


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "synthesis").glob("*.py")), ids=lambda path: path.name)
def test_synthesis_imports_no_torch_and_runs_tools_in_processes_of_their_own(path: Path) -> None:
    doors = {
        "folder",
        "formal",
        "hardware",
        "manifest",
        "mapping",
        "progress",
        "render",
        "simulators",
        "synthesis",
        "table",
        "targets",
    }
    doors |= {"estimate"} if path.name == "synthesize.py" else set()
    assert _exported(_imports(path)) <= IR | doors
    assert _third_party(_imports(path)) <= {"numpy"}


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "boards").glob("*.py")), ids=lambda path: path.name)
def test_boards_import_synthesis_and_take_board_data_only_where_it_is_used(path: Path) -> None:
    assert _exported(_imports(path)) <= IR | {"boards", "hardware", "render", "synthesis"}
    assert _third_party(_imports(path)) <= {"numpy"}
    assert not any(name.startswith("amaranth") for name in _imports(path))


@pytest.mark.parametrize("path", sorted((ROOT / "export" / "estimate").glob("*.py")), ids=lambda path: path.name)
def test_an_estimate_reads_the_lowering_and_only_its_door_projects(path: Path) -> None:
    doors = {"synthesis", "table"} if path.name in ("project.py", "report.py") else set()
    assert _exported(_imports(path)) <= {"estimate", "hardware", "passes"} | doors
    assert _third_party(_imports(path)) <= {"numpy"}


@pytest.mark.parametrize("path", sorted((ROOT / "export").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_doors_know_torch_layers_and_nobody_imports_the_command_line(path: Path) -> None:
    names = _imports(path)
    layers = {
        name.split(".")[1] for name in names if name.startswith("bitlogic.") and name.count(".")
    } & TRAINING_LAYERS
    # The packed target computes with words as PackedLogicNet does; it knows no layer.
    layers -= {"inference"} if path.name == "packed_net.py" else set()
    assert not layers or path.name in KNOW_TORCH_LAYERS
    assert "cli" not in _exported(names)


def test_targets_and_command_line_start_without_torch() -> None:
    code = "import sys, bitlogic.export.cli, bitlogic.export.targets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_export_refuses_another_name() -> None:
    code = "import sys; sys.path.insert(0, '.'); import export"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "import bitlogic.export" in done.stderr
