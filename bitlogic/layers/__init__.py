"""Layers of look-up tables."""

from bitlogic.layers.dense import LogicDense as LogicDense
