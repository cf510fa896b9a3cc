"""Strategies that installed packages offer."""

from mtlray.identity.plugins import Offered
from mtlray.strategies import STRATEGIES, AbstractStrategy

OFFERED = Offered("mtlray.strategies", "strategy", AbstractStrategy, STRATEGIES)
