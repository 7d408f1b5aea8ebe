"""A synthetic district: 27 departments, 14 halls, 322 windows, and eight months of reviews with DOMAIN's stories."""

from streams.district.places import references
from streams.district.plan import Plan
from streams.district.timeline import timeline

__all__ = ["Plan", "references", "timeline"]
