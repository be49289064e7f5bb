"""The deployment toolchain: netlist, passes, targets, verification. Installed and imported as ``bitlogic.export``."""

if __name__ != "bitlogic.export":
    raise ImportError(
        f"this folder is the package 'bitlogic.export' and was imported as {__name__!r}; "
        "every class would exist twice: import bitlogic.export"
    )
