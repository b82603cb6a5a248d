"""What milestone.toml says of earlier revisions: those in trains_as train to the same losses, to the last digit."""

import tomllib
from pathlib import Path

import pytest
from milestone_scripts import HOUSE
from speedrun.reading.logs import read_log
from speedrun.reading.programs import embedded
from test_training_script import flags, last_line, losses, run, write_shards

EARLIER = [
    (manifest.parent, sha256)
    for manifest in sorted(HOUSE.glob("history/*/milestone.toml"))
    for sha256 in tomllib.loads(manifest.read_text()).get("trains_as", [])
]


def a_filed_log(milestone: str, sha256: str) -> Path:
    logs = sorted(HOUSE.glob(f"records/*/{milestone}/*/seed_*.txt"))
    return next(log for log in logs if read_log(log).program_sha256 == sha256)


@pytest.mark.parametrize(("folder", "sha256"), EARLIER, ids=lambda value: getattr(value, "name", str(value)[:8]))
def test_an_earlier_revision_trains_to_the_same_losses(folder: Path, sha256: str, tmp_path: Path) -> None:
    """Both programs train the small model in float32 and in bfloat16; the earlier one comes out of a filed log."""
    data, earlier = write_shards(tmp_path / "data"), tmp_path / folder.name / "train_gpt2.py"
    earlier.parent.mkdir()
    program = embedded(a_filed_log(folder.name, sha256).read_bytes())
    assert program
    earlier.write_bytes(program)
    for precision in ("float32", "bfloat16"):
        found = []
        for script in (earlier, folder / "train_gpt2.py"):
            log = tmp_path / f"{precision}_{len(found)}.txt"
            code, error = run(script, tmp_path, *flags(script, data, log, "--seed=3", f"--precision={precision}"))
            assert code == 0, error
            found.append((losses(log), last_line(log)["final_val_loss"]))
        assert found[0] == found[1] and len(found[0][0]) == 28  # 22 steps, 6 validations
