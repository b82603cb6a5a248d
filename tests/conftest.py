"""For all tests: hypothesis allows an example 200 ms unless told otherwise, and a loaded machine is slow, not wrong."""

import pytest
from hypothesis import settings
from logs_made import write_milestone, write_track

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A made clone with one track, whose one target is 2.0, and one milestone, to be read in 80 columns."""
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    write_track(tmp_path, targets=[2.0])
    write_milestone(tmp_path)
    return tmp_path
