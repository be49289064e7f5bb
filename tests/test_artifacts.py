"""Artifacts: written whole or not at all, nobody else's file touched, and every damage found on reading."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bitlogic.errors import ExportError, FormatError
from bitlogic.export.artifacts import FORMAT, MANIFEST, VERSION, Artifacts

ABOUT = {"format": FORMAT, "version": VERSION, "target": "none"}
FIRST = Artifacts(ABOUT, {"a.txt": b"first", "src/b.txt": b"more", "only_first.txt": b"1"})
SECOND = Artifacts(ABOUT, {"a.txt": b"second", "src/b.txt": b"more", "src/c.txt": b"2"})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def written(artifacts: Artifacts) -> dict[str, bytes]:
    return {**artifacts.files, MANIFEST: artifacts.manifest_bytes()}


def test_a_written_folder_reads_back_as_it_was(tmp_path: Path) -> None:
    FIRST.write(tmp_path / "out")
    assert contents(tmp_path / "out") == written(FIRST)
    read = Artifacts.read(tmp_path / "out")
    assert (read.manifest, read.files, read.changed) == (ABOUT, FIRST.files, ())
    assert read.digest() == FIRST.digest()
    assert os.listdir(tmp_path) == ["out"]


def test_the_manifest_holds_the_hash_of_every_file() -> None:
    listed = json.loads(FIRST.manifest_bytes())["files"]
    assert listed == {name: hashlib.sha256(content).hexdigest() for name, content in FIRST.files.items()}


def test_the_digest_changes_with_the_manifest_and_with_each_file() -> None:
    others = [
        Artifacts({**ABOUT, "target": "other"}, FIRST.files),
        Artifacts(ABOUT, {**FIRST.files, "a.txt": b"First"}),
        Artifacts(ABOUT, {**FIRST.files, "d.txt": b""}),
    ]
    assert len({artifacts.digest() for artifacts in [FIRST, *others]}) == 4
    assert (
        Artifacts(dict(sorted(ABOUT.items(), reverse=True)), dict(sorted(FIRST.files.items(), reverse=True))).digest()
        == FIRST.digest()
    )


@pytest.mark.parametrize("made", ["missing", "empty", "deep"])
def test_a_new_or_empty_folder_is_filled(tmp_path: Path, made: str) -> None:
    folder = tmp_path / "x" / "y" if made == "deep" else tmp_path / "out"
    if made == "empty":
        folder.mkdir()
    FIRST.write(folder)
    assert contents(folder) == written(FIRST)


def test_our_own_folder_is_replaced_whole(tmp_path: Path) -> None:
    FIRST.write(tmp_path / "out")
    (tmp_path / "out" / "verify.json").write_text("{}")  # a report of ours belongs to the old artifacts
    SECOND.write(tmp_path / "out")
    assert contents(tmp_path / "out") == written(SECOND)
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("exported", [False, True], ids=["plain_folder", "export_folder"])
def test_a_folder_with_other_peoples_files_is_refused_and_untouched(tmp_path: Path, exported: bool) -> None:
    if exported:
        FIRST.write(tmp_path)
    (tmp_path / "thesis.tex").write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(ExportError, match=r"files that are not ours \(thesis.tex\).*--force"):
        SECOND.write(tmp_path)
    assert contents(tmp_path) == before


def test_an_edited_file_is_refused_and_untouched(tmp_path: Path) -> None:
    FIRST.write(tmp_path / "out")
    (tmp_path / "out" / "a.txt").write_text("my own change")
    before = contents(tmp_path)
    with pytest.raises(ExportError, match=r"were edited \(a.txt\)"):
        SECOND.write(tmp_path / "out")
    assert contents(tmp_path) == before


def test_force_replaces_our_files_edited_ones_too_and_keeps_the_others(tmp_path: Path) -> None:
    FIRST.write(tmp_path / "out")
    (tmp_path / "out" / "a.txt").write_text("my own change")
    (tmp_path / "out" / "src" / "thesis.tex").write_text("years of work")
    SECOND.write(tmp_path / "out", force=True)
    assert contents(tmp_path / "out") == {**written(SECOND), "src/thesis.tex": b"years of work"}
    assert os.listdir(tmp_path) == ["out"]


def test_force_on_an_edited_folder_without_foreign_files_replaces_it_whole(tmp_path: Path) -> None:
    FIRST.write(tmp_path / "out")
    (tmp_path / "out" / "a.txt").write_text("my own change")
    SECOND.write(tmp_path / "out", force=True)
    assert contents(tmp_path / "out") == written(SECOND)


@pytest.mark.parametrize("name", ["a.txt", MANIFEST, "src/b.txt", "src"])
def test_force_never_overwrites_a_file_that_is_not_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("theirs")
    with pytest.raises(ExportError, match=f"{name} is not ours and is never overwritten"):
        FIRST.write(tmp_path, force=True)
    assert contents(tmp_path) == {name: b"theirs"}


def test_a_new_file_over_a_foreign_one_in_our_folder_is_refused(tmp_path: Path) -> None:
    FIRST.write(tmp_path)
    (tmp_path / "src" / "c.txt").write_text("theirs")
    before = contents(tmp_path)
    with pytest.raises(ExportError, match=r"src/c.txt is not ours"):
        SECOND.write(tmp_path, force=True)
    assert contents(tmp_path) == before


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("theirs")
    with pytest.raises(ExportError, match="is a file"):
        FIRST.write(tmp_path / "out")
    with pytest.raises(ExportError, match="cannot be written"):
        FIRST.write(tmp_path / "out" / "below")
    assert contents(tmp_path) == {"out": b"theirs"}


def test_a_failure_in_mid_write_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FIRST.write(tmp_path / "out")
    real = Path.write_bytes

    def full_disk(path: Path, data: bytes) -> int:
        if path.name == "c.txt":
            raise OSError(28, "No space left on device", str(path))
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(ExportError, match="No space left on device"):
        SECOND.write(tmp_path / "out")
    assert contents(tmp_path) == {f"out/{name}": content for name, content in written(FIRST).items()}


KILLED = """
import sys
import time
from pathlib import Path
from bitlogic.export.artifacts import Artifacts
step, folder = sys.argv[1], Path(sys.argv[2])
real_write, real_rename = Path.write_bytes, Path.rename
def hang(text):
    print(text, flush=True)
    time.sleep(60)
def write_bytes(path, data):
    if step == "write" and path.name == "src_last.txt":
        real_write(path, data[: len(data) // 2])
        hang("half a file")
    return real_write(path, data)
def rename(path, target):
    if step == "move" and "partial" in path.name and "old" not in path.name:
        hang("the old folder is away")
    return real_rename(path, target)
def replace(path, target):
    if step == "replace" and path.name == "src_last.txt":
        hang("half of the files are in")
    return real_replace(path, target)
real_replace = Path.replace
Path.write_bytes, Path.rename, Path.replace = write_bytes, rename, replace
about = {"format": "bitlogic-artifacts", "version": 1, "target": "none"}
Artifacts(about, {"a.txt": b"third", "src_last.txt": b"x" * 1000}).write(folder, force=step == "replace")
"""


def kill_while_it_writes(folder: Path, step: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, step, str(folder)], stdout=subprocess.PIPE, env={**os.environ}
    )
    assert child.stdout is not None
    assert child.stdout.readline(), "the child hangs in mid-write"
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=30)
    child.stdout.close()


@pytest.mark.parametrize("exists", [False, True], ids=["new_folder", "old_folder"])
def test_a_killed_export_leaves_no_half_written_folder(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "out"
    if exists:
        FIRST.write(folder)
    kill_while_it_writes(folder, "write")
    assert folder.exists() == exists
    if exists:
        assert contents(folder) == written(FIRST)
    SECOND.write(folder)
    assert contents(folder) == written(SECOND)
    assert os.listdir(tmp_path) == ["out"], "the next export sweeps up what the killed one left"


def test_an_export_killed_between_the_two_moves_leaves_no_folder_and_the_next_one_recovers(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    FIRST.write(folder)
    kill_while_it_writes(folder, "move")
    with pytest.raises(FormatError, match="no finished export"):
        Artifacts.read(folder)
    SECOND.write(folder)
    assert contents(folder) == written(SECOND)
    assert os.listdir(tmp_path) == ["out"]


def test_an_export_killed_among_other_peoples_files_is_no_export_and_the_next_one_recovers(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    FIRST.write(folder)
    (folder / "theirs.txt").write_text("theirs")
    kill_while_it_writes(folder, "replace")
    with pytest.raises(FormatError, match="no finished export"):
        Artifacts.read(folder)
    SECOND.write(folder, force=True)
    assert contents(folder) == {**written(SECOND), "theirs.txt": b"theirs"}


def test_the_stage_of_a_running_export_is_left_alone(tmp_path: Path) -> None:
    stage = tmp_path / f".out.partial-{os.getppid()}"
    stage.mkdir()
    FIRST.write(tmp_path / "out")
    assert stage.exists()


def test_a_changed_file_is_named_on_reading(tmp_path: Path) -> None:
    FIRST.write(tmp_path)
    (tmp_path / "src" / "b.txt").write_bytes(b"changed")
    read = Artifacts.read(tmp_path)
    assert read.changed == ("src/b.txt",)
    assert read.files["src/b.txt"] == b"changed"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    FIRST.write(tmp_path)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(FormatError, match=r"a.txt: No such file or directory; the export is not whole"):
        Artifacts.read(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "no finished export"),
        ("not json", "Expecting value"),
        ([], "is not a bitlogic manifest"),
        ({"format": "other"}, "is not a bitlogic manifest"),
        ({"format": FORMAT}, "format None is unknown"),
        ({"format": FORMAT, "version": "1", "files": {}}, "format '1' is unknown"),
        ({"format": FORMAT, "version": VERSION + 1, "files": {}}, r"newer than this bitlogic reads \(1\)"),
        ({"format": FORMAT, "version": VERSION}, "does not list its files"),
        ({"format": FORMAT, "version": VERSION, "files": ["a.txt"]}, "does not list its files"),
        ({"format": FORMAT, "version": VERSION, "files": {"../a.txt": ""}}, "does not list its files"),
        ({"format": FORMAT, "version": VERSION, "files": {"/etc/hostname": ""}}, "does not list its files"),
    ],
)
def test_a_folder_that_is_no_export_is_an_error(tmp_path: Path, manifest: Any, message: str) -> None:
    if manifest is not None:
        (tmp_path / MANIFEST).write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    with pytest.raises(FormatError, match=message):
        Artifacts.read(tmp_path)


def test_a_manifest_of_bytes_that_are_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match=r"manifest\.json"):
        Artifacts.read(tmp_path)
