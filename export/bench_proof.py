"""The proof of an export's Verilog in a process of its own: ``python -m bitlogic.export.bench_proof FOLDER``.

It writes ``proof.json`` into the folder. ``bitlogic verify --formal`` does the same and also runs the export.
"""

import json
import sys
from pathlib import Path

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.formal.artifacts import prove_artifacts
from bitlogic.export.formal.log import PROOF


def main(folder: Path) -> int:
    """0 if everything is proven, else 1."""
    log = prove_artifacts(Artifacts.read(folder))
    (folder / PROOF).write_text(json.dumps([log.to_json()], indent=2) + "\n")
    print(log.text())
    return 0 if log.holds else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
