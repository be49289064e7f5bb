"""A LUT as some 32-bit words of flash: where its pins, tests and table stand, and the C text that reads them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_WORD = 32


@dataclass(frozen=True)
class Record:
    """The words of the LUTs of one loop.

    Ids (of cells, or of what an input bit is read from) stand in pairs at the bottom of the first words. A LUT over
    input bits has ``test_bits`` for each pin, which say what of the thing read is the bit. With a ``dictionary`` the
    tests are a number of 8 bits in a list that LUTs share. The table stands at the top of a word, entry 0 at the
    highest bit; where no word has that much room, a table of 16 bits is folded: its upper bits stand on top of word 0,
    and the rest on top of word 1, exclusive-ored with what word 0 holds in their place.
    """

    rank: int
    id_width: int  # 10 or 12 where the ids allow it, else 16
    test_bits: int = 0
    dictionary: bool = False

    @property
    def num_words(self) -> int:
        return self._table_word + max(1, self._table_bits // _WORD) if self._table_apart else self._table_word

    @property
    def ids(self) -> list[str]:
        """The C expression of each id, over ``word0``, ``word1``, … for the words of the record."""
        return [_field(pin // 2, pin % 2 * self.id_width, self.id_width) for pin in range(self.rank)]

    @property
    def tests(self) -> list[str]:
        """The C expression of each test."""
        places = [self._test_place(pin) for pin in range(self.rank)]
        return [_field(word, shift, self.test_bits) for word, shift in places]

    @property
    def test_word(self) -> str:
        """The C expression of the word that holds the first four tests of 8 bits."""
        if self.dictionary:
            return f"tests[{_field(1, 2 * self.id_width, 8)}]"
        return f"word{self._test_place(0)[0]}"

    @property
    def table(self) -> str:
        """The C expression of a word with the table at its top; of 64 entries, the half that ``address`` is in."""
        if self._folded:
            return f"word0 ^ word1 >> {self._upper_bits}"
        if self._table_bits > _WORD:
            return f"(address & 32u ? word{self._table_word + 1} : word{self._table_word})"
        return f"word{self._table_place}"

    def pack(self, ids: Array, tests: Array, tables: Array) -> Array:
        """uint32 ``(n, num_words)`` from ids and tests ``(n, rank)`` and uint64 tables, entry j at bit j.

        With a dictionary ``tests`` is ``(n, 1)``, the numbers in it.
        """
        words = np.zeros((len(ids), self.num_words), dtype=np.uint64)
        for pin in range(self.rank):
            words[:, pin // 2] |= ids[:, pin].astype(np.uint64) << np.uint64(pin % 2 * self.id_width)
        if self.dictionary:
            words[:, 1] |= tests[:, 0].astype(np.uint64) << np.uint64(2 * self.id_width)
        else:
            for pin in range(self.rank if self.test_bits else 0):
                word, shift = self._test_place(pin)
                words[:, word] |= tests[:, pin].astype(np.uint64) << np.uint64(shift)
        self._put_tables(words, tables)
        return words.astype(np.uint32)

    def _put_tables(self, words: Array, tables: Array) -> None:
        if self._table_bits > _WORD:
            words[:, -2] = mirrored(tables & np.uint64(0xFFFFFFFF), _WORD)
            words[:, -1] = mirrored(tables >> np.uint64(_WORD), _WORD)
            return
        top = mirrored(tables, self._table_bits) << np.uint64(_WORD - self._table_bits)
        if not self._folded:
            words[:, self._table_place] |= top
            return
        kept = np.uint64((1 << _WORD) - (1 << _WORD - self._upper_bits))
        words[:, 0] |= top & kept
        rest = ((top ^ words[:, 0]) & ~kept) >> np.uint64(_WORD - self._table_bits)
        words[:, 1] |= rest << np.uint64(_WORD - self._table_bits + self._upper_bits)

    @property
    def _table_bits(self) -> int:
        return 1 << self.rank

    @property
    def _id_words(self) -> int:
        return -(-self.rank // 2)

    def _test_place(self, pin: int) -> tuple[int, int]:
        """The word and the lowest bit of a test; with one pin it stands beside the id."""
        if self.rank == 1:
            return 0, self.id_width
        per_word = _WORD // self.test_bits
        return self._id_words + pin // per_word, pin % per_word * self.test_bits

    @property
    def _filled(self) -> list[int]:
        """How many bits of each word the ids and tests take, from the bottom."""
        ids = [min(2, self.rank - 2 * word) * self.id_width for word in range(self._id_words)]
        if self.dictionary:
            return [ids[0], ids[1] + 8]
        if self.test_bits == 0:
            return ids
        if self.rank == 1:
            return [ids[0] + self.test_bits]
        per_word = _WORD // self.test_bits
        tests = [min(per_word, self.rank - pin) * self.test_bits for pin in range(0, self.rank, per_word)]
        return ids + tests

    @property
    def _table_place(self) -> int:
        """The word on top of which the table stands, where it is not folded."""
        room = (word for word, filled in enumerate(self._filled) if filled + self._table_bits <= _WORD)
        return next(room, len(self._filled))

    @property
    def _folded(self) -> bool:
        return self.rank == 4 and self._table_place == len(self._filled) and self.id_width <= 12

    @property
    def _upper_bits(self) -> int:
        """How many bits of a folded table stand on top of word 0."""
        return _WORD - 2 * self.id_width

    @property
    def _table_apart(self) -> bool:
        return not self._folded and self._table_place == len(self._filled)

    @property
    def _table_word(self) -> int:
        return len(self._filled)


def _field(word: int, shift: int, width: int) -> str:
    if shift == 0:
        return f"word{word}" if width == _WORD else f"(word{word} & {(1 << width) - 1:#x}u)"
    if shift + width == _WORD:
        return f"(word{word} >> {shift})"
    return f"(word{word} >> {shift} & {(1 << width) - 1:#x}u)"


def mirrored(values: Array, width: int) -> Array:
    """The lowest ``width`` bits, the first one last."""
    result = np.zeros_like(values)
    for bit in range(width):
        result |= (values >> np.uint64(bit) & np.uint64(1)) << np.uint64(width - 1 - bit)
    return result
