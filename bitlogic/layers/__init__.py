"""Layers of look-up tables."""

from bitlogic.layers.conv import LogicConv2d as LogicConv2d
from bitlogic.layers.conv import LogicConv3d as LogicConv3d
from bitlogic.layers.dense import LogicDense as LogicDense
from bitlogic.layers.pooling import OrPooling2d as OrPooling2d
from bitlogic.layers.pooling import OrPooling3d as OrPooling3d
from bitlogic.layers.residual import ResidualLogicBlock as ResidualLogicBlock
