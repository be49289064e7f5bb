"""The package list, the lazy names and what a wheel carries."""

import importlib
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import bitlogic

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _packages() -> set[str]:
    """Every folder with an ``__init__.py`` under its name in the installed package."""
    found = set()
    for top, name in (("bitlogic", "bitlogic"), ("export", "bitlogic.export"), ("templates", "bitlogic.templates")):
        for init in (ROOT / top).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / top).parts
            if top != "bitlogic" or not {"export", "templates"} & set(parts):
                found.add(".".join([name, *parts]))
    return found


def test_every_package_is_listed() -> None:
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == _packages()


@pytest.mark.parametrize("name", bitlogic.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(bitlogic, name) is not None


def test_public_names_are_the_same_for_people_and_type_checkers() -> None:
    source = (ROOT / "bitlogic" / "__init__.py").read_text()
    for name, home in bitlogic._HOME.items():
        assert f"from {home} import {name} as {name}" in source
    assert source.count(" as ") == len(bitlogic._HOME)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'LogicDens'"):
        _ = bitlogic.LogicDens


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["project"]["version"] == bitlogic.__version__
    assert f"## {bitlogic.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_symlinks_show_the_installed_tree() -> None:
    for name in ("export", "templates"):
        assert (ROOT / "bitlogic" / name).is_symlink()
        assert (ROOT / "bitlogic" / name).resolve() == ROOT / name
        assert importlib.import_module(f"bitlogic.{name}").__name__ == f"bitlogic.{name}"


def test_a_wheel_carries_every_module_and_template_and_no_top_level_export(tmp_path: Path) -> None:
    source = tmp_path / "source"  # setuptools builds inside the source: a copy keeps the checkout clean
    outside = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, symlinks=True, ignore=outside)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(source),
    ]
    if subprocess.run([sys.executable, "-c", "import setuptools"], capture_output=True).returncode:
        build.remove("--no-build-isolation")
    subprocess.run(build, check=True, timeout=300, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bitlogic"}
    for top, home in (("export", "bitlogic/export"), ("templates", "bitlogic/templates")):
        for path in [*(ROOT / top).rglob("*.py"), *(ROOT / top).rglob("*.j2")]:
            assert f"{home}/{path.relative_to(ROOT / top)}" in names
    assert "bitlogic/py.typed" in names
