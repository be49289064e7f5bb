"""`python -m bitlogic`, which is also what torchrun starts: the command line."""

from importlib import import_module

if __name__ == "__main__":
    # Found by its name: nothing in the training library imports the deployment toolchain.
    import_module("bitlogic.export.cli").main()
