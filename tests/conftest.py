"""For all tests: hypothesis allows an example 200 ms unless told otherwise, and a loaded machine is slow, not wrong."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
