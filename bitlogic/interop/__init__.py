"""Trained models of other libraries, turned into this one's."""

from bitlogic.interop.difflogic import DiffLogicFacts as DiffLogicFacts
from bitlogic.interop.difflogic import from_difflogic as from_difflogic
from bitlogic.interop.dwn import DWNFacts as DWNFacts
from bitlogic.interop.dwn import from_dwn as from_dwn
from bitlogic.interop.thresholds import InputGrid as InputGrid
from bitlogic.interop.torchlogix import from_torchlogix as from_torchlogix
from bitlogic.interop.torchlogix_state import TorchlogixFacts as TorchlogixFacts
