"""benchmarks/tune.py: tries lie in the box that was asked for, and every run leaves a line, whatever came of it."""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from speedrun.milestones import load_milestone
from speedrun.reading.logs import read_log
from standin import make_house

HOUSE = Path(__file__).resolve().parents[1]
PATH = HOUSE / "benchmarks" / "tune.py"
TUNING = HOUSE / "docs" / "tuning.md"


@pytest.fixture(scope="module")
def tune():
    spec = importlib.util.spec_from_file_location("tune", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tune"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_points_fill_the_box_and_are_the_same_every_time(tune):
    found = tune.points(["learning_rate=1e-3:1e-2", "warmup_iterations=20:400"], 24)
    assert found == tune.points(["learning_rate=1e-3:1e-2", "warmup_iterations=20:400"], 24)
    rates = sorted(point["learning_rate"] for point in found)
    assert 1e-3 <= rates[0] < 1.2e-3 and 8e-3 < rates[-1] <= 1e-2
    assert 10 <= sum(rate < 10**-2.5 for rate in rates) <= 14  # as many below the middle, on a log scale, as above
    assert all(type(point["warmup_iterations"]) is int for point in found)


def test_every_run_leaves_a_line(tmp_path):
    house = make_house(tmp_path)
    tries = "--try num_iterations=2 --try mode=diverge,num_iterations=6 --try wrong=1"
    call = f"00_first --track toy {tries} --seed 1 --seed 7"
    environment = os.environ | {"SPEEDRUN_HOUSE": str(house), "RANK": "0", "WORLD_SIZE": "1"}
    subprocess.run([sys.executable, str(PATH), *call.split()], env=environment, check=True)
    lines = [json.loads(line) for line in (house / "runs/tuning_toy.jsonl").read_text().splitlines()]
    assert [(line["changed"], line["seed"]) for line in lines[:2]] == [
        ({"num_iterations": 2}, 1),
        ({"num_iterations": 2}, 7),
    ]
    assert [line["final_val_loss"] for line in lines] == [2.56, 2.56, 2.56, 2.56, None, None]  # 4 x 0.8^2
    assert [line.get("finished") for line in lines[:4]] == ["completed", "completed", "diverged", "diverged"]
    assert all("no such field" in line["error"] for line in lines[4:])
    assert lines[0]["flags"]["num_iterations"] == 2 and "toy_val" in lines[0]["flags"]["val_files"]
    assert {"cpu", "precision"} <= lines[0].keys()  # rounding is as good as another seed


def test_a_file_that_cannot_be_written_ends_the_tries_in_one_line(tmp_path):
    house = make_house(tmp_path)
    (house / "runs/tuning_toy.jsonl").mkdir(parents=True)  # as good as a full disk
    call = "00_first --track toy --try num_iterations=2 --seed 1 --seed 2 --seed 3"
    environment = os.environ | {"SPEEDRUN_HOUSE": str(house), "RANK": "0", "WORLD_SIZE": "1"}
    ended = subprocess.run(
        [sys.executable, str(PATH), *call.split()], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2 and "tuning_toy.jsonl: Is a directory" in ended.stderr
    assert ended.stderr.count("\n") == 1 and ended.stdout.startswith("2.56 1 ")  # the loss of the run is not lost


@pytest.mark.parametrize(
    ("call", "word"),
    [
        ("05_none --track toy", "05_none"),
        ("00_first --track none", "none"),
        ("00_first --track toy --try learning_rate", "FLAG=VALUE"),
        ("00_first --track toy --points 4", "--range"),
        ("00_first --track toy --range learning_rate=1e-3:1e-2", "--points"),
        ("00_first --track toy --points 4 --range learning_rate=1e-3", "LOW:HIGH"),
        ("00_first --track toy --points 4 --range learning_rate=0:1", "LOW:HIGH"),
        ("00_first --track toy --points 4 --range learning_rate=a:b", "LOW:HIGH"),
    ],
)
def test_a_wrong_call_is_answered_in_one_line(tmp_path, call, word):
    environment = os.environ | {"SPEEDRUN_HOUSE": str(make_house(tmp_path))}
    ended = subprocess.run(
        [sys.executable, str(PATH), *call.split()], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2 and word in ended.stderr and ended.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def tries(track: str, file: str = "tuning.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HOUSE / "records" / track / file).read_text().splitlines()]


FILED = [(path.parent.name, path.name) for path in sorted(HOUSE.glob("records/*/*.jsonl"))]


@pytest.mark.parametrize(("track", "file"), FILED)
def test_filed_tries_are_whole(track, file):
    """What is said of the tuning can be followed: which program, all flags, seed, and a loss for every try."""
    assert tries(track, file)
    for one in tries(track, file):
        assert (HOUSE / "history" / one["milestone"] / "train_gpt2.py").is_file()
        assert one["finished"] == "completed" and math.isfinite(one["final_val_loss"])
        assert one["flags"] | one["changed"] == one["flags"] and type(one["seed"]) is int


def test_tuning_document_counts_the_filed_tries():
    """The same small effort for each milestone can be counted in the files; 1.60's search, with 3 layers, is apart."""
    rows = re.findall(r"^\| (\d\d_\w+) \| \d+ \+ (\d+) \| \d+ \+ (\d+) \|$", TUNING.read_text(), re.MULTILINE)
    for track, column in (("shakespeare-char", 1), ("toy-cpu", 2)):
        filed = Counter(one["milestone"] for one in tries(track) if one["flags"]["num_layers"] == 4)
        assert filed == {row[0]: int(row[column]) for row in rows}


def test_tuning_document_has_the_losses_of_the_filed_tries():
    """Every candidate for 1.60: the shape, and the mean of its four seeds."""
    seeds: dict[str, list[float]] = defaultdict(list)
    shapes = {}
    for one in tries("shakespeare-char"):
        flags = one["flags"]
        if flags["num_layers"] == 3:
            seeds[key := json.dumps(flags, sort_keys=True)].append(one["final_val_loss"])
            shapes[key] = f"3 x {flags['model_dim']}", flags["batch_size"], flags["num_iterations"]
    assert f"Then {sum(map(len, seeds.values()))} filed runs" in TUNING.read_text()
    known = {(*shapes[key], f"{sum(losses) / 4:.4f}") for key, losses in seeds.items() if len(losses) == 4}
    rows = re.findall(r"^\| (3 x \d+) \| (\d+) \| ([\d,]+) \| .* \| ([\d.]+) \|$", TUNING.read_text(), re.MULTILINE)
    assert len(rows) == 10
    assert {(shape, int(batch), int(steps.replace(",", "")), mean) for shape, batch, steps, mean in rows} <= known


def test_tuning_document_has_the_largest_losses():
    """Each `steps: largest loss` of the tables: of the filed tries, present flags but for the steps, and of the ladder.

    Three are of a session that is in the history of git alone, as the page says.
    """
    ten_seeds, toy = TUNING.read_text().split("### Ten seeds")[1].split("## On toy-cpu")
    gone = {("00_baseline", 2000), ("02_modern_arch", 520), ("04_skip_connections", 460)}
    seen = set()
    for track, section, seeds in (
        ("shakespeare-char", ten_seeds, range(1, 11)),
        ("toy-cpu", toy.split("## 1.60")[0], range(1, 6)),
    ):
        for row in re.findall(r"^\| \d\d_.*$", section, re.MULTILINE):
            name = row.split()[1].rstrip(",")
            for number, loss, seed in re.findall(r"([\d,]+)(?:, as before)?: (1\.\d{4})(?: \(seed (\d+)\))?", row):
                steps = int(number.replace(",", ""))
                found = losses(track, name, steps)
                found = [found[one] for one in ([int(seed)] if seed else seeds) if one in found]
                if found or (name, steps) not in gone:
                    assert f"{max(found):.4f}" == loss, (track, name, steps)
                seen.add((track, name, steps))
    assert len(seen) == 18


def test_tuning_document_has_the_largest_losses_of_the_seeds_that_had_no_part():
    said = re.search(r"all end below 1\.70: at most at ([\d., and]+) \(00 to 04\)", TUNING.read_text())
    largest = []
    for milestone in sorted((HOUSE / "records/shakespeare-char").glob("0*")):
        runs = [read_log(path) for path in milestone.glob("20261122T184212Z*/seed_*.txt")]
        assert sorted(run.header.seed for run in runs) == [11, 12, 13, 14, 15]
        largest.append(f"{max(run.val[-1].loss for run in runs):.4f}")
    assert said and re.findall(r"1\.\d{4}", said[1]) == largest


def losses(track: str, name: str, steps: int) -> dict[int, float]:
    """Seed -> last loss: of the tries with the present flags but for the steps, and of the ladder of ten seeds."""

    def kept(flags: Mapping[str, Any]) -> dict[str, Any]:
        data, own = ("train_files", "val_files", "val_tokens"), ("num_iterations", "cooldown_iterations", "val_every")
        return {flag: value for flag, value in flags.items() if flag not in data + own}

    present = kept(load_milestone(name).flags[track])
    found = {}
    for one in tries(track):
        if (one["milestone"], one["flags"]["num_iterations"], kept(one["flags"])) == (name, steps, present):
            found[one["seed"]] = one["final_val_loss"]
    for path in (HOUSE / "records" / track / name).glob("20261122T100157Z*/seed_*.txt"):
        run = read_log(path)
        if run.header.hyperparameters["num_iterations"] == steps:
            found[run.header.seed] = run.final_val_loss
    return found


def test_tuning_document_has_the_losses_of_the_smaller_shapes():
    """Two seeds each, with as many value embeddings as the layers allow and no other flag changed."""
    found = defaultdict(dict)
    for one in tries("shakespeare-char", "shapes.jsonl"):
        if one["changed"].keys() <= {"num_layers", "model_dim", "value_embeddings"}:
            shape = f"{one['flags']['num_layers']} x {one['flags']['model_dim']}"
            found[shape, one["milestone"][:2]][one["seed"]] = one["final_val_loss"]
    rows = re.findall(r"^\| (\d x \d+)" + r" \| ([\d.–]+)" * 4 + r" \|$", TUNING.read_text(), re.MULTILINE)
    said = {(row[0], name): mean for row in rows for name, mean in zip(("00", "01", "02", "04"), row[1:], strict=True)}
    known = {key: f"{(losses[1] + losses[2]) / 2:.4f}" for key, losses in found.items() if losses.keys() == {1, 2}}
    assert len(known) == 15 and {key: mean for key, mean in said.items() if mean != "–"} == known
