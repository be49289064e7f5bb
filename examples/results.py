"""README's results: recipes trained as they stand, then exported to every target and verified, all measured here.

    python examples/results.py --root FOLDER --folder build/results --readme README.md

runs ``bitlogic train`` on each recipe and seed, then ``bitlogic export`` and ``bitlogic verify`` on the models of
`EXPORTED`, as a user would, and stops at the first command that fails. What a recipe's folder holds already is not
trained again; ``--force`` does it anew.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RECIPES = Path(__file__).with_name("recipes")
# Recipes and their seeds; the headline has three.
TRAINED = {
    "mnist": (0, 1, 2),
    "mnist_4000": (0,),
    "mnist_deep": (0,),
    "mnist_conv": (0,),
    "digits": (0,),
    "breast_cancer": (0,),
}
EXPORTED = ("mnist", "mnist_conv")  # with their first seeds
# Images of the test set: all where a target is quick, some in a simulator.
TARGETS = {"c": 10_000, "packed": 10_000, "verilog": 200, "vhdl": 200, "amaranth": 200, "blif": 200, "aiger": 200}
TRAINING = (
    "| recipe | seed | trained LUTs | LUTs after passes | relaxed test accuracy | discrete | gap | training |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)
EXPORT = (
    "| recipe | target | LUTs extracted | after passes | export | verify | vectors | mismatches |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="README's results tables")
    parser.add_argument("--root", help="folder with the original MNIST files, default $BITLOGIC_MNIST")
    parser.add_argument("--folder", type=Path, required=True, help="where models and exports go")
    parser.add_argument("--recipes", nargs="*", default=list(TRAINED), choices=list(TRAINED))
    parser.add_argument("--targets", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--set", dest="changes", nargs="*", default=[], help="changes to every recipe, KEY=VALUE")
    parser.add_argument("--force", action="store_true", help="train anew what the folder holds already")
    parser.add_argument("--readme", type=Path, help="put the tables between the marks of this file")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    training = table(TRAINING, (row_of(name, seed, options) for name in options.recipes for seed in TRAINED[name]))
    exports = table(EXPORT, (row for name in options.recipes if name in EXPORTED for row in export_rows(name, options)))
    if options.readme is not None:
        put_between_marks(options.readme, {"results": training, "exports": exports})


def put_between_marks(path: Path, tables: Mapping[str, str]) -> None:
    """Each table between ``<!-- name -->`` and ``<!-- /name -->``."""
    text = path.read_text()
    for mark, content in tables.items():
        marks = re.compile(rf"(?<=<!-- {mark} -->\n).*?(?=<!-- /{mark} -->)", flags=re.DOTALL)
        text = marks.sub(content.replace("\\", r"\\"), text)
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(text)
    beside.replace(path)


def table(header: str, rows: Iterator[str]) -> str:
    """The table as text; every row is printed as soon as it is there."""
    lines = [header]
    print(header, flush=True)
    for row in rows:
        lines.append(row)
        print(row, flush=True)
    return "\n".join([*lines, ""])


def row_of(name: str, seed: int, options: argparse.Namespace) -> str:
    folder = trained(name, seed, options)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    end = lines[-1]
    luts = described(folder / "model.pt")["after_passes"]["luts"]
    relaxed, discrete, gap = (f"{100 * end[f'test_{kind}']:.2f}" for kind in ("relaxed", "discrete", "gap"))
    return f"| {name} | {seed} | {end['luts']} | {luts} | {relaxed} % | {discrete} % | {gap} | {end['seconds']:.0f} s |"


def trained(name: str, seed: int, options: argparse.Namespace) -> Path:
    """The folder of a training, run now unless it is there."""
    folder: Path = options.folder / f"{name}_{seed}"
    if not (folder / "model.pt").is_file() or options.force:
        words = ["train", RECIPES / f"{name}.toml", "-o", folder, "--seed", seed]
        words += ["--force"] if options.force else ["--resume"]
        words += ["--root", options.root] if options.root and name.startswith("mnist") else []
        bitlogic(*words, *(word for change in options.changes for word in ("--set", change)))
    return folder


def export_rows(name: str, options: argparse.Namespace) -> Iterator[str]:
    model = options.folder / f"{name}_{TRAINED[name][0]}" / "model.pt"
    sizes = described(model)
    for target in options.targets:
        folder = options.folder / f"{name}_{target}"
        export_seconds = bitlogic("export", model, "--target", target, "-o", folder, "--force")[1]
        data = ["--data", "mnist", "--limit", TARGETS[target], *(["--root", options.root] if options.root else [])]
        verify_seconds = bitlogic("verify", folder, "--model", model, *data)[1]
        report = json.loads((folder / "verify.json").read_text())
        (check,) = [check for check in report["checks"] if check["name"] == target]
        yield (
            f"| {name} | {target} | {sizes['before_passes']['luts']} | {sizes['after_passes']['luts']} "
            f"| {export_seconds:.1f} s | {verify_seconds:.1f} s | {check['vectors']} | {check['mismatches']} |"
        )


def described(model: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads(bitlogic("inspect", model, "--json")[0])
    return description


def bitlogic(*words: object) -> tuple[str, float]:
    """What a command prints and how long it takes; its progress is shown, a failure ends everything."""
    started = time.monotonic()
    command = [sys.executable, "-m", "bitlogic", *map(str, words)]
    print("$ bitlogic " + " ".join(command[3:]), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}: bitlogic {' '.join(command[3:])}")
    return done.stdout, time.monotonic() - started


if __name__ == "__main__":
    main()
