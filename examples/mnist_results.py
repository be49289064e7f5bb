"""README's results table: train on MNIST, export to every target, verify on the test set, all measured here.

    python examples/mnist_results.py --root FOLDER --folder build/mnist --readme README.md

runs ``train_mnist.py`` twice (thresholds distinct, and plain quantiles), then ``bitlogic export`` and ``bitlogic
verify`` as a user would, and stops at the first command that fails.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TRAIN = Path(__file__).with_name("train_mnist.py")
VARIANTS: dict[str, list[str]] = {"distinct=True": [], "plain quantiles": ["--plain-quantiles"]}
TARGETS = {"c": 10_000, "packed": 10_000, "verilog": 200, "amaranth": 200}  # images of the test set
HEADER = (
    "| thresholds | test accuracy | training | target | LUTs before | after | export | verify | images | mismatches |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True)
class Done:
    """A command that succeeded: what it printed and how long it took."""

    text: str
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description="README's results table")
    parser.add_argument("--root", required=True, help="folder with the original MNIST files")
    parser.add_argument("--folder", type=Path, required=True, help="where models and exports go")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--width", type=int, default=2000, help="LUTs of each of the two layers")
    parser.add_argument("--targets", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--readme", type=Path, help="put the table between the results marks of this file")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = [row for variant in VARIANTS for row in rows_of(variant, options)]
    text = "\n".join([HEADER, *rows])
    print(text)
    if options.readme is not None:
        readme = options.readme.read_text()
        marks = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", flags=re.DOTALL)
        options.readme.write_text(marks.sub(lambda _: text + "\n", readme))


def rows_of(variant: str, options: argparse.Namespace) -> list[str]:
    model = options.folder / (variant.split()[0].partition("=")[0] + ".pt")
    words = ["--root", options.root, "--epochs", str(options.epochs), "--width", str(options.width)]
    trained = run([str(TRAIN), *words, "--output", str(model), *VARIANTS[variant]])
    found = re.findall(r"discrete test accuracy ([\d.]+) %", trained.text)
    if not found:
        sys.exit(f"{TRAIN} printed no accuracy:\n{trained.text}")
    described = json.loads(bitlogic("inspect", model, "--json").text)
    rows = []
    for target in options.targets:
        images = TARGETS[target]
        folder = options.folder / model.stem / target
        exported = bitlogic("export", model, "--target", target, "-o", folder, "--force")
        data = ["--data", "mnist", "--root", options.root, "--limit", str(images)]
        verified = bitlogic("verify", folder, "--model", model, *data)
        report = json.loads((folder / "verify.json").read_text())
        (check,) = [check for check in report["checks"] if check["name"] == target]
        before, after = described["before_passes"]["luts"], described["after_passes"]["luts"]
        rows.append(
            f"| {variant} | {found[-1]} % | {trained.seconds:.0f} s | {target} | {before} | {after} "
            f"| {exported.seconds:.1f} s | {verified.seconds:.1f} s | {images} | {check['mismatches']} |"
        )
        print(rows[-1], flush=True)
    return rows


def bitlogic(*words: object) -> Done:
    return run(["-m", "bitlogic.export.cli", *map(str, words)])


def run(words: list[str]) -> Done:
    """Runs Python with these words, its output shown as it comes; a failure ends everything."""
    started = time.monotonic()
    print("$ python " + " ".join(words), file=sys.stderr, flush=True)
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        print(line, end="", file=sys.stderr, flush=True)
    if process.wait():
        sys.exit(f"exit code {process.returncode}: python {' '.join(words)}")
    return Done("".join(lines), time.monotonic() - started)


if __name__ == "__main__":
    main()
