"""The errors a user can cause, each one clear line: what was given, what is allowed, and where."""


class BitlogicError(Exception):
    """The base of all errors that the command line prints as one line and ends with exit code 2."""


class FormatError(BitlogicError):
    """A file is not what its reader expects: no model, a newer format version, an edited netlist."""


class NetlistError(BitlogicError):
    """Arrays that are no netlist: a wrong dtype or shape, a pin that reads a later net, a class without outputs."""


class ExportError(BitlogicError):
    """A model, a netlist or a folder that cannot be exported: an unsupported layer, an unfitted encoder, NaN."""


class OptionError(BitlogicError):
    """An option of a target that does not exist, or a value that it does not allow."""


class MissingToolError(BitlogicError):
    """A tool or extra that is not installed; the message names what brings it."""


class TargetError(BitlogicError):
    """A target that does not run, or whose own entry points disagree with each other."""


class DivergenceError(BitlogicError):
    """A training whose loss, gradient or weights are no longer finite; the message names the step."""


class ToolError(BitlogicError):
    """An outside tool that crashed, ran out of time or printed what its reader does not know; the exit code is 1."""
