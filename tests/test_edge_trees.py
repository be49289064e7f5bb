"""The files for build systems: CMake builds them; of the others the form is checked, as far as it goes without them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bitlogic.export.folder import export
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c import COptions, Style
from bitlogic.export.targets.c_trees import Project
from tests.nets import random_netlist

HERE = Path(__file__).resolve().parent


def exported(folder: Path, project: Project = Project.ALL, style: Style = Style.TABLES) -> Path:
    options = COptions(prefix="Digits", style=style, project=project, input=InputKind.X)
    export(random_netlist(3), "c", options).write(folder / "Digits")
    return folder / "Digits"


def files_of(project: Project) -> set[str]:
    return set(export(random_netlist(3), "c", COptions(prefix="Digits", project=project)).files)


def test_a_project_adds_its_own_files_and_all_adds_those_of_each() -> None:
    plain = files_of(Project.NONE)
    added = {project: files_of(project) - plain for project in Project}
    selftest = added[Project.CMAKE] - {"CMakeLists.txt"}
    assert selftest == {
        "include/Digits_selftest.h",
        "src/Digits_selftest.c",
        *(f"selftest/{name}" for name in ("Makefile", "main.c", "cortex_m.c", "cortex_m.ld")),
    }
    assert added[Project.ZEPHYR] - selftest == {"CMakeLists.txt", "zephyr/module.yml", "zephyr/Kconfig"}
    assert added[Project.ESP_IDF] - selftest == {"CMakeLists.txt", "idf_component.yml"}
    assert added[Project.ARDUINO] - selftest == {
        "library.properties",
        "src/Digits.h",
        "src/Digits_selftest.h",
        "examples/Digits_selftest/Digits_selftest.ino",
    }
    every = (added[project] for project in (Project.CMAKE, Project.ARDUINO, Project.ZEPHYR, Project.ESP_IDF))
    assert added[Project.ALL] == set().union(*every)


def test_two_exports_of_a_project_are_byte_identical() -> None:
    first, second = (export(random_netlist(3), "c", COptions(project=Project.ALL)) for _ in range(2))
    assert first.files == second.files


# CMake.


@pytest.mark.cc
@pytest.mark.cmake
@pytest.mark.parametrize("style", list(Style))
def test_cmake_builds_the_folder_and_its_test_passes(style: Style, tmp_path: Path) -> None:
    folder = exported(tmp_path, Project.CMAKE, style)
    cmake = ["cmake", "-S", str(folder), "-B", "build"]
    subprocess.run(cmake, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    subprocess.run(["cmake", "--build", "build"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    done = subprocess.run(
        ["ctest", "-V"], cwd=tmp_path / "build", check=True, capture_output=True, text=True, timeout=60
    )
    assert "PASS 16/16" in done.stdout
    if shutil.which("size"):
        size = ["cmake", "--build", "build", "--target", "Digits_size"]
        report = subprocess.run(size, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60).stdout
        assert re.search(r"^ +\d+\t +0\t +0\t.*TOTALS", report, re.MULTILINE)


@pytest.mark.cc
@pytest.mark.cmake
def test_cmake_takes_two_folders_as_parts_of_one_program(tmp_path: Path) -> None:
    for prefix in ("left", "right"):
        options = COptions(prefix=prefix, style=Style.TABLES, project=Project.CMAKE)
        export(random_netlist(len(prefix)), "c", options).write(tmp_path / prefix)
    (tmp_path / "main.c").write_text(
        "#include <left_selftest.h>\n#include <right_selftest.h>\n"
        "int main(void) { return (int)(left_selftest(0) + right_selftest(0)); }\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(both C)\nadd_subdirectory(left)\nadd_subdirectory(right)\n"
        "add_executable(both main.c)\ntarget_link_libraries(both left right)\n"
    )
    subprocess.run(["cmake", "-B", "build"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    subprocess.run(["cmake", "--build", "build"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    assert subprocess.run([tmp_path / "build" / "both"], timeout=60).returncode == 0


@pytest.mark.cmake
@pytest.mark.parametrize(
    ("given", "calls"),
    [
        ({"ESP_PLATFORM": "1"}, ["idf_component_register SRCS {sources} INCLUDE_DIRS {folder}/include"]),
        ({"ZEPHYR_BASE": "/z"}, []),
        (
            {"ZEPHYR_BASE": "/z", "CONFIG_DIGITS": "y"},
            [
                "zephyr_library_named Digits",
                "zephyr_library_sources {sources}",
                "zephyr_include_directories {folder}/include",
            ],
        ),
    ],
    ids=["esp-idf", "zephyr, switched off", "zephyr"],
)
def test_the_same_file_registers_with_esp_idf_and_with_zephyr(
    given: dict[str, str], calls: list[str], tmp_path: Path
) -> None:
    folder = exported(tmp_path)
    names = ("idf_component_register", "zephyr_library_named", "zephyr_library_sources", "zephyr_include_directories")
    stubs = "".join(f'function({name})\n  message("{name} ${{ARGV}}")\nendfunction()\n' for name in names)
    (tmp_path / "stub.cmake").write_text(f"{stubs}include({folder}/CMakeLists.txt)\n")
    command = ["cmake", *(f"-D{name}={value}" for name, value in given.items()), "-P", "stub.cmake"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    sources = ";".join(str(path) for path in sorted(folder.glob("src/*.c")))
    expected = [call.format(sources=sources, folder=folder).replace(" ", ";").replace(";", " ", 1) for call in calls]
    assert done.stderr.splitlines() == expected


# Arduino.


def test_the_arduino_library_has_the_fields_and_folders_of_its_form(tmp_path: Path) -> None:
    folder = exported(tmp_path, Project.ARDUINO)
    lines = (folder / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"} < set(fields)
    assert fields["name"] == "Digits" and re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["architectures"] == "*" and (folder / "src" / fields["includes"]).exists()
    for sketch in folder.glob("examples/*/*.ino"):
        assert sketch.stem == sketch.parent.name


@pytest.mark.edge
def test_the_arduino_library_and_its_sketch_compile_and_link(tmp_path: Path) -> None:
    folder = exported(tmp_path, Project.ARDUINO)
    core = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-Wall", "-Wextra", "-Werror", f"-I{folder / 'src'}", "-c"]
    sources = [str(path) for path in sorted(folder.glob("src/*.c"))]
    subprocess.run(["arm-none-eabi-gcc", "-std=gnu11", *core, *sources], cwd=tmp_path, check=True, timeout=60)
    sketch = folder / "examples" / "Digits_selftest" / "Digits_selftest.ino"
    include = ["-include", str(HERE / "edge" / "Arduino.h"), "-x", "c++", "-std=gnu++11", str(sketch), "-o", "sketch.o"]
    subprocess.run(["arm-none-eabi-g++", *core, *include], cwd=tmp_path, check=True, timeout=60)
    objects = [str(path) for path in tmp_path.glob("*.o")]
    subprocess.run(["arm-none-eabi-ld", "-r", "-o", "all.elf", *objects], cwd=tmp_path, check=True, timeout=60)
    undefined = subprocess.check_output(["arm-none-eabi-nm", "-u", "all.elf"], cwd=tmp_path, text=True, timeout=60)
    names = set(undefined.split()) - {"U"}
    assert {name for name in names if "igits" in name} == set()
    assert "Serial" in names


# Zephyr and ESP-IDF.


def test_the_zephyr_module_has_the_keys_of_its_schema(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    folder = exported(tmp_path, Project.ZEPHYR)
    module = yaml.safe_load((folder / "zephyr" / "module.yml").read_text())
    assert module == {"name": "Digits", "build": {"cmake": ".", "kconfig": "zephyr/Kconfig"}}
    assert (folder / module["build"]["kconfig"]).exists() and (folder / "CMakeLists.txt").exists()


def test_the_kconfig_defines_one_switch_that_is_off(tmp_path: Path) -> None:
    kconfiglib = pytest.importorskip("kconfiglib")
    folder = exported(tmp_path, Project.ZEPHYR)
    parsed = kconfiglib.Kconfig(str(folder / "zephyr" / "Kconfig"))
    assert [symbol.name for symbol in parsed.unique_defined_syms] == ["DIGITS"]
    assert parsed.syms["DIGITS"].str_value == "n" and not parsed.warnings


def test_the_idf_component_has_the_keys_of_its_form(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    manifest = yaml.safe_load((exported(tmp_path, Project.ESP_IDF) / "idf_component.yml").read_text())
    assert set(manifest) == {"version", "description", "dependencies"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"]) and manifest["dependencies"] == {"idf": ">=4.4"}
