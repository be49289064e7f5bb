"""Artifacts: the named contents that a target emits, in memory until they are written, whole or not at all."""

import hashlib
import json
import os
import re
import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from bitlogic.errors import ExportError, FormatError

MANIFEST = "manifest.json"
FORMAT = "bitlogic-artifacts"
VERSION = 1
_LIST_OF_NUMBERS = re.compile(r"\[\s+([^\[\]{}\"]+?)\s+\]")
UNFINISHED = ".manifest.partial"  # in a folder whose files are just being replaced among other people's
REPORTS = ("verify.json", "proof.json")  # written beside the artifacts by later commands; ours, but in no manifest


@dataclass(frozen=True)
class Artifacts:
    """Files by relative path, and the manifest that says what they are.

    ``manifest`` is JSON-able and complete but for the files' hashes, which ``manifest_bytes`` adds: format version,
    bitlogic version, target, options, netlist digest, input, output, latency. It holds no time, host or path.
    """

    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]
    changed: tuple[str, ...] = field(default=())  # on reading: files that are not as the manifest's hash says

    def manifest_bytes(self) -> bytes:
        hashes = {name: hashlib.sha256(self.files[name]).hexdigest() for name in sorted(self.files)}
        text = json.dumps({**self.manifest, "files": hashes}, indent=2, sort_keys=True, allow_nan=False)
        return (_LIST_OF_NUMBERS.sub(_on_few_lines, text) + "\n").encode()

    def digest(self) -> str:
        """sha256 (hex) of the manifest, and by its hashes of every file."""
        return hashlib.sha256(self.manifest_bytes()).hexdigest()

    def write(self, folder: str | Path, *, force: bool = False) -> None:
        """Makes ``folder`` hold these artifacts, all of them or none; ``manifest.json`` arrives last.

        A folder that is new, empty or wholly ours is replaced. One that also holds other people's files, or files of
        ours that somebody edited, is an ExportError unless ``force``; then our own files are replaced and the others
        stay. A file that is not ours is never overwritten.
        """
        folder = Path(folder).resolve()
        _remove_abandoned_stages(folder)
        own, foreign = check_writable(folder, force=force)
        taken = _taken(folder, [*self.files, MANIFEST], own)
        if taken is not None:
            raise ExportError(f"{folder}/{taken} is not ours and is never overwritten; choose another folder")
        stage = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            for name, content in self.files.items():
                path = stage / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            stage.mkdir(parents=True, exist_ok=True)
            (stage / MANIFEST).write_bytes(self.manifest_bytes())
            _move_in(stage, folder, own, keep=bool(foreign))
        except OSError as error:
            raise ExportError(f"{folder} cannot be written: {error.strerror}: {error.filename}") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    @staticmethod
    def read(folder: str | Path) -> "Artifacts":
        """The artifacts of a folder that ``write`` filled; FormatError where the manifest or a file is missing."""
        folder = Path(folder)
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
        except OSError as error:
            raise FormatError(f"{folder}: no finished export: {MANIFEST}: {error.strerror}") from error
        except ValueError as error:
            raise FormatError(f"{folder}/{MANIFEST}: {error}") from error
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise FormatError(f"{folder}/{MANIFEST} is not a bitlogic manifest")
        if manifest.get("version") not in range(1, VERSION + 1):
            raise FormatError(
                f"{folder}/{MANIFEST}: format {manifest.get('version')!r} is unknown, perhaps newer than this bitlogic "
                f"reads ({VERSION})"
            )
        hashes = manifest.pop("files", None)
        if not isinstance(hashes, dict) or not all(map(_stays_inside, hashes)):
            raise FormatError(f"{folder}/{MANIFEST} does not list its files")
        files: dict[str, bytes] = {}
        for name in hashes:
            try:
                files[name] = (folder / name).read_bytes()
            except OSError as error:
                raise FormatError(f"{folder}/{name}: {error.strerror}; the export is not whole") from error
        changed = tuple(name for name in files if hashlib.sha256(files[name]).hexdigest() != hashes[name])
        return Artifacts(manifest, files, changed)


def _on_few_lines(found: re.Match[str]) -> str:
    """A long list of numbers, wrapped: thousands of thresholds would else be as many lines."""
    return "[" + textwrap.fill(" ".join(found[1].split()), 118) + "]"


def check_writable(folder: Path, *, force: bool) -> tuple[set[str], set[str]]:
    """The files in ``folder`` that are ours and those that are not; ExportError where ``write`` would refuse."""
    own, foreign, edited = _owners(folder)
    if (foreign or edited) and not force:
        what = "files that are not ours" if foreign else "exported files that were edited"
        names = ", ".join(sorted(foreign or edited)[:3])
        raise ExportError(f"{folder} holds {what} ({names}); choose another folder or use --force")
    return own, foreign


def _owners(folder: Path) -> tuple[set[str], set[str], set[str]]:
    """The files in ``folder``: ours, other people's, and ours but edited (also in the first set)."""
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file; an export is a folder")
    if not folder.exists():
        return set(), set(), set()
    hashes = _listed(folder / MANIFEST)
    names = {*hashes, *_listed(folder / UNFINISHED)}
    if not names:
        return set(), set(os.listdir(folder)), set()
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    own = present & {*names, MANIFEST, UNFINISHED, *REPORTS}
    edited = {
        name for name in own & set(hashes) if hashlib.sha256((folder / name).read_bytes()).hexdigest() != hashes[name]
    }
    return own, present - own, edited


def _listed(path: Path) -> dict[str, Any]:
    """The files and hashes that a manifest of ours lists; nothing for any other file."""
    try:
        listed = json.loads(path.read_text())
        return dict(listed["files"]) if listed["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _taken(folder: Path, names: list[str], own: set[str]) -> str | None:
    """The first thing in ``folder`` that is not ours and stands where one of the names, or its directory, has to."""
    for name in names:
        if name not in own and os.path.lexists(folder / name):
            return name
        for parent in list(PurePosixPath(name).parents)[:-1]:
            if str(parent) not in own and (folder / parent).exists() and not (folder / parent).is_dir():
                return str(parent)
    return None


def _stays_inside(name: str) -> bool:
    return not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts


def _move_in(stage: Path, folder: Path, own: set[str], *, keep: bool) -> None:
    if not folder.exists():
        stage.rename(folder)
        return
    if not keep:
        old = stage.with_name(f"{stage.name}-old")
        folder.rename(old)
        stage.rename(folder)
        shutil.rmtree(old)
        return
    # Should we be stopped from here on, the folder is no export, and the next one still knows which files are ours.
    new = {str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file()}
    (folder / UNFINISHED).write_text(json.dumps({"format": FORMAT, "files": dict.fromkeys(sorted(own | new))}))
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in own - {MANIFEST, UNFINISHED}:
        (folder / name).unlink()
    for path in sorted(stage.rglob("*")):
        if path.is_file() and path != stage / MANIFEST:
            target = folder / path.relative_to(stage)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    (stage / MANIFEST).replace(folder / MANIFEST)
    (folder / UNFINISHED).unlink()


def _remove_abandoned_stages(folder: Path) -> None:
    """Removes what a killed export left beside ``folder``; an old folder that was moved away comes back first."""
    for stage in folder.parent.glob(f".{folder.name}.partial-*"):
        pid = stage.name.removeprefix(f".{folder.name}.partial-").removesuffix("-old")
        if not pid.isdigit() or _is_running(int(pid)):
            continue
        if stage.name.endswith("-old") and not folder.exists():
            stage.rename(folder)
        else:
            shutil.rmtree(stage, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
