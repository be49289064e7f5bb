"""Whole networks."""

from bitlogic.models.feedforward import FeedForward

__all__ = ["FeedForward"]
