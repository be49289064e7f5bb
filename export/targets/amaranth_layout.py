"""Where the nets of an Amaranth component live: 64-bit words, combinational ones and registers.

Words suit pysim: reading one bit is a shift of a short integer, and a level that settles is a few signal updates. With
one wide signal a level, each read would shift thousands of bits; with one signal a net, each net would be an update.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.stages import Schedule

Array = npt.NDArray[Any]
WORD = 64
MAX_BLOCK_LUTS = 8192


@dataclass(frozen=True)
class Block:
    """LUTs of one level that become one submodule; they fill the words from ``first_word`` on, in order."""

    level: int
    number: int  # among the blocks of its level
    stage: int
    luts: Array  # int64, ascending
    first_word: int

    @property
    def name(self) -> str:
        return f"level{self.level}_{self.number}"

    @property
    def class_name(self) -> str:
        return f"_Level{self.level}Block{self.number}"


@dataclass(frozen=True)
class RegisterBank:
    """The registers at the end of one stage; they fill the register words from ``first_word`` on, in order."""

    stage: int
    nets: Array  # int32, in the order in which they are held
    first_word: int


@dataclass(frozen=True)
class Layout:
    """Places of nets: slot ``s`` is bit ``s % 64`` of word ``s // 64``, of ``w`` (combinational) or ``r`` (held)."""

    num_words: int
    num_register_words: int
    blocks: tuple[Block, ...]
    register_banks: tuple[RegisterBank, ...]
    head_stage: int  # the stage as which the head reads
    made: Array  # int32 (num_nets,): the stage that makes a net; 0 for input bits
    slots: Array  # int64 (num_nets,): in w; -1 for the constants
    register_slots: dict[int, Array]  # by stage, int64 (num_nets,): in r, at the end of that stage; -1: not held

    def read(self, nets: Array, stage: int) -> tuple[Array, Array]:
        """For each net, as ``stage`` sees it: whether it stands in a register, and its slot."""
        held = self.register_slots.get(stage - 1)
        if held is None:
            return np.zeros(len(nets), dtype=bool), self.slots[nets]
        registered = (self.made[nets] < stage) & (nets >= FIRST_INPUT)
        return registered, np.where(registered, held[nets], self.slots[nets])

    def names(self, nets: Array, stage: int) -> dict[int, str]:
        """The texts of single nets, constants left out."""
        nets = nets[nets >= FIRST_INPUT]
        registered, slots = self.read(nets, stage)
        rows = zip(nets.tolist(), registered.tolist(), slots.tolist(), strict=True)
        return {net: f"{'r' if held else 'w'}[{slot // WORD}][{slot % WORD}]" for net, held, slot in rows}

    def run_texts(self, nets: Array, stage: int) -> list[str]:
        """Texts that stand for the nets in order; neighbours in a word are one text, a whole word or a slice of it."""
        if not len(nets):
            return []
        registered, slots = self.read(nets, stage)
        follows = (np.diff(slots) == 1) & (slots[1:] % WORD != 0) & (registered[1:] == registered[:-1])
        follows &= nets[:-1] >= FIRST_INPUT
        starts = np.flatnonzero(np.concatenate([[True], ~follows]))
        lengths = np.diff(np.append(starts, len(nets)))
        rows = zip(
            nets[starts].tolist(), registered[starts].tolist(), slots[starts].tolist(), lengths.tolist(), strict=True
        )
        return [_run_text(net, "r" if held else "w", slot, length) for net, held, slot, length in rows]

    def register_texts(self, bank: RegisterBank) -> dict[str, Any]:
        """The holes of a register bank: its stage, and the number and the sources of each word."""
        words = [
            {
                "number": bank.first_word + start // WORD,
                "sources": self.run_texts(bank.nets[start : start + WORD], bank.stage),
            }
            for start in range(0, len(bank.nets), WORD)
        ]
        return {"stage": bank.stage, "words": words}


def lay_out(netlist: Netlist, pipeline: Schedule) -> Layout:
    """The places of all nets: input bit ``j`` at slot ``j``, then the LUTs by level, each block on a new word."""
    made = np.zeros(netlist.num_nets, dtype=np.int32)
    made[netlist.first_lut :] = pipeline.lut_stages
    slots = np.full(netlist.num_nets, -1, dtype=np.int64)
    slots[FIRST_INPUT : netlist.first_lut] = np.arange(netlist.num_inputs)
    blocks = []
    word = _words(netlist.num_inputs)
    for level, luts in enumerate(netlist.luts_by_level(), 1):
        for number, start in enumerate(range(0, len(luts), MAX_BLOCK_LUTS)):
            part = luts[start : start + MAX_BLOCK_LUTS]
            blocks.append(Block(level, number, int(pipeline.lut_stages[part[0]]), part, word))
            slots[netlist.first_lut + part] = WORD * word + np.arange(len(part))
            word += _words(len(part))
    banks, register_slots, num_register_words = _registers(pipeline, made, slots)
    return Layout(
        num_words=word,
        num_register_words=num_register_words,
        blocks=tuple(blocks),
        register_banks=tuple(banks),
        head_stage=len(pipeline.boundaries),
        made=made,
        slots=slots,
        register_slots=register_slots,
    )


def _registers(pipeline: Schedule, made: Array, slots: Array) -> tuple[Sequence[RegisterBank], dict[int, Array], int]:
    """The banks, the registers' slots by stage, and the number of words they take."""
    banks: list[RegisterBank] = []
    register_slots: dict[int, Array] = {}
    word = 0
    for stage, nets in enumerate(pipeline.boundaries):
        if stage == 0 and not pipeline.registers_inputs:
            continue
        before = register_slots.get(stage - 1)
        carried = (made[nets] < stage) if before is not None else np.zeros(len(nets), dtype=bool)
        source = slots[nets] if before is None else np.where(carried, before[nets], slots[nets])
        nets = nets[np.lexsort((source, carried))]  # in the order of their sources, so that whole words are copied
        held = np.full(len(made), -1, dtype=np.int64)
        held[nets] = WORD * word + np.arange(len(nets))
        banks.append(RegisterBank(stage, nets, word))
        register_slots[stage] = held
        word += _words(len(nets))
    return banks, register_slots, word


def _run_text(net: int, bank: str, slot: int, length: int) -> str:
    if net < FIRST_INPUT:
        return "ONE" if net else "ZERO"
    word, bit = divmod(slot, WORD)
    if length == WORD:
        return f"{bank}[{word}]"
    return f"{bank}[{word}][{bit}]" if length == 1 else f"{bank}[{word}][{bit}:{bit + length}]"


def _words(num_nets: int) -> int:
    return -(-num_nets // WORD)
