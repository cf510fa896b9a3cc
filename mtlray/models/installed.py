"""Models that installed packages offer."""

from mtlray.identity.plugins import Offered
from mtlray.models import MODELS, ModelSpec

OFFERED = Offered("mtlray.models", "model", ModelSpec, MODELS)
