"""The speed of a serial line: what a clock makes of a wished baud rate, and the pause that ends a frame."""

from dataclasses import dataclass

from bitlogic.errors import OptionError

MAX_ERROR = 0.02  # of the rate; at the tenth bit a fifth of a bit, and the other side is as far off at worst
MIN_DIVISOR = 8  # below, one edge more or less is too large a part of a bit
MIN_BAUD = 300
DEFAULT_BAUD = 115_200
GAP_SECONDS = 0.05  # well above the pauses that a busy host leaves between bytes of one write


@dataclass(frozen=True)
class Line:
    """A line of 8 data bits, no parity, one stop bit."""

    divisor: int  # clock edges a bit
    gap_bits: int  # after so many bits of silence the next byte is the first of a frame

    def __post_init__(self) -> None:
        if self.divisor < MIN_DIVISOR or self.gap_bits < 1:
            raise ValueError(f"a line of {self.divisor} edges a bit with a gap of {self.gap_bits} bits")

    @property
    def edges_a_byte(self) -> int:
        return 10 * self.divisor


def line_for(clock_hz: int, baud: int) -> Line:
    """The line of a clock; OptionError where the clock has no divisor within 2 % of the wished rate."""
    if baud < MIN_BAUD or clock_hz < baud * MIN_DIVISOR:
        raise OptionError(
            f"--baud {baud}: a clock of {clock_hz / 1e6:g} MHz serves {MIN_BAUD} to {clock_hz // MIN_DIVISOR} baud"
        )
    divisor = round(clock_hz / baud)
    error = abs(clock_hz / divisor / baud - 1)
    if error > MAX_ERROR:
        raise OptionError(
            f"--baud {baud}: a clock of {clock_hz / 1e6:g} MHz divided by {divisor} is {clock_hz / divisor:.0f} baud, "
            f"{100 * error:.1f} % off; at most {100 * MAX_ERROR:g} % is allowed"
        )
    return Line(divisor, max(1, round(GAP_SECONDS * baud)))
