"""The engine: one library for all networks, a network as a flat file, ``bitlogic.Engine``."""

from bitlogic.export.engine.engine import WIDTHS as WIDTHS
from bitlogic.export.engine.engine import Engine as Engine
from bitlogic.export.engine.engine import usable_widths as usable_widths
from bitlogic.export.engine.inputs import Planes as Planes
