"""Parametrizations: the trainable forms of a look-up table."""

from typing import Any

from bitlogic.keywords import look_up, own_keywords
from bitlogic.parametrizations.base import Parametrization as Parametrization
from bitlogic.parametrizations.difflogic import DiffLogicParametrization as DiffLogicParametrization
from bitlogic.parametrizations.dwn import DWNParametrization as DWNParametrization
from bitlogic.parametrizations.fourier import FourierParametrization as FourierParametrization
from bitlogic.parametrizations.hybrid import HybridParametrization as HybridParametrization
from bitlogic.parametrizations.light import LightParametrization as LightParametrization
from bitlogic.parametrizations.linear import LinearParametrization as LinearParametrization
from bitlogic.parametrizations.neurallut import NeuralLUTParametrization as NeuralLUTParametrization
from bitlogic.parametrizations.polylut import PolyLUTParametrization as PolyLUTParametrization
from bitlogic.parametrizations.warp import WarpParametrization as WarpParametrization

PARAMETRIZATIONS: dict[str, type[Parametrization]] = {
    "light": LightParametrization,
    "warp": WarpParametrization,
    "difflogic": DiffLogicParametrization,
    "linear": LinearParametrization,
    "polylut": PolyLUTParametrization,
    "neurallut": NeuralLUTParametrization,
    "dwn": DWNParametrization,
    "hybrid": HybridParametrization,
    "fourier": FourierParametrization,
}
PARAMETRIZATION_ALIASES = {"probabilistic": "light", "raw": "difflogic", "linear_lut": "linear"}


def setup_parametrization(name: str, lut_rank: int, **options: Any) -> Parametrization:
    """The parametrization of that name.

    Options that only another parametrization takes are ignored, an unknown one is a TypeError.
    """
    strategy = look_up("parametrization", name, PARAMETRIZATIONS, PARAMETRIZATION_ALIASES)
    given = {"lut_rank": lut_rank, **options}
    return strategy(**own_keywords(f"parametrization {name!r}", strategy, PARAMETRIZATIONS, given))


def list_parametrizations() -> list[str]:
    """The names `setup_parametrization` takes, aliases left out."""
    return list(PARAMETRIZATIONS)
