"""What build systems want beside C sources: one folder that CMake, Arduino, Zephyr and ESP-IDF take as it stands."""

import re
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Any

import bitlogic
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.render import render
from bitlogic.export.samples import Result, Samples
from bitlogic.export.targets.c_selftest import selftest_sources

_RELEASE = re.compile(r"\d+\.\d+\.\d+")


class Project(StrEnum):
    """The build system that the files beside the sources are for."""

    NONE = "none"
    CMAKE = "cmake"
    ARDUINO = "arduino"
    ZEPHYR = "zephyr"
    ESP_IDF = "esp-idf"
    ALL = "all"


def device_files(
    artifacts: Artifacts, samples: Samples, expected: Result, made_by: tuple[str, int]
) -> dict[str, bytes]:
    """What an export with the options ``selftest`` or ``project`` holds beside its sources; nothing without them.

    A project always has the self-test, which a linker leaves out where nobody calls it. The arguments are those of
    ``selftest_sources``.
    """
    options = artifacts.manifest["options"]
    project = Project(options["project"])
    if project is Project.NONE and not options["selftest"]:
        return {}
    selftest = selftest_sources(artifacts, samples, expected, made_by)
    return selftest | _tree_files(replace(artifacts, files={**artifacts.files, **selftest}), project)


def _tree_files(artifacts: Artifacts, project: Project) -> dict[str, bytes]:
    """The files of that build system for the sources in ``artifacts``."""
    netlist, prefix = artifacts.manifest["netlist"], artifacts.manifest["options"]["prefix"]
    header = artifacts.files[f"include/{prefix}.h"].decode()
    work = re.search(r"_WORK_BYTES (\d+)", header)
    if work is None:
        raise ValueError(f"include/{prefix}.h names no WORK_BYTES")
    found = _RELEASE.match(bitlogic.__version__)
    holes = {
        "prefix": prefix,
        "upper": prefix.upper(),
        "sources": sorted(name for name in artifacts.files if name.startswith("src/") and name.endswith(".c")),
        "num_luts": netlist["num_luts"],
        "num_classes": artifacts.manifest["output"]["num_classes"],
        "work_bytes": work[1],
        "version": found[0] if found else "0.0.0",
    }
    files: dict[str, bytes] = {}
    for name, make in _FILES.items():
        if project in (name, Project.ALL):
            files |= make(holes)
    return files


def _cmake(holes: dict[str, Any]) -> dict[str, bytes]:
    return {"CMakeLists.txt": render("c_tree_cmakelists.j2", **holes)}


def _arduino(holes: dict[str, Any]) -> dict[str, bytes]:
    prefix = holes["prefix"]
    headers = (f"{prefix}.h", f"{prefix}_selftest.h")
    sketch = f"{prefix}_selftest"
    return {
        "library.properties": render("c_tree_library.properties.j2", **holes),
        **{f"src/{header}": render("c_tree_forward.h.j2", header=header) for header in headers},
        f"examples/{sketch}/{sketch}.ino": render("c_tree_sketch.ino.j2", **holes),
    }


def _zephyr(holes: dict[str, Any]) -> dict[str, bytes]:
    return {
        **_cmake(holes),
        "zephyr/module.yml": render("c_tree_module.yml.j2", **holes),
        "zephyr/Kconfig": render("c_tree_kconfig.j2", **holes),
    }


def _esp_idf(holes: dict[str, Any]) -> dict[str, bytes]:
    return {**_cmake(holes), "idf_component.yml": render("c_tree_idf_component.yml.j2", **holes)}


_FILES: dict[Project, Callable[[dict[str, Any]], dict[str, bytes]]] = {
    Project.CMAKE: _cmake,
    Project.ARDUINO: _arduino,
    Project.ZEPHYR: _zephyr,
    Project.ESP_IDF: _esp_idf,
}
