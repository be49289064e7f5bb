"""Places in the signals' memory: runs of slots that are taken and given back."""

from bisect import insort


class Slots:
    """Free intervals of slots; slot 0 is never free. Taken lowest first where they fit, so that memory stays small."""

    def __init__(self) -> None:
        self.num = 1  # slots there are, the constant's included
        self._free: list[tuple[int, int]] = []  # (start, end), ascending, none touching the next

    def take(self, num: int) -> int:
        """The first of ``num`` consecutive slots, from the smallest free interval that holds them, or new ones."""
        fitting = [interval for interval in self._free if interval[1] - interval[0] >= num]
        if fitting:
            start, end = min(fitting, key=lambda interval: interval[1] - interval[0])
            self._free.remove((start, end))
            if end - start > num:
                insort(self._free, (start + num, end))
            return start
        start = self.num
        if self._free and self._free[-1][1] == self.num:
            start, _ = self._free.pop()
        self.num = start + num
        return start

    def give(self, start: int, num: int) -> None:
        """Makes an interval that was taken free again."""
        end = start + num
        for interval in [interval for interval in self._free if start in interval or end in interval]:
            self._free.remove(interval)
            start, end = min(start, interval[0]), max(end, interval[1])
        insort(self._free, (start, end))
