"""Run in a child process: a tool that a Python package brings, so that it can be ended and its log kept.

``python -m bitlogic.export.synthesis.launch pyosys SCRIPT`` runs a Yosys script, ``… launch yowasp-NAME ARGUMENTS`` the
console script of that name.
"""

import sys
from importlib.metadata import entry_points


def main(arguments: list[str]) -> int:
    """The tool's exit code."""
    name = arguments[0]
    if name == "pyosys":
        from pyosys import libyosys

        libyosys.run_pass(f"script {arguments[1]}", libyosys.Design())
        return 0
    (script,) = entry_points(group="console_scripts", name=name)
    sys.argv = arguments
    code = script.load()()
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
