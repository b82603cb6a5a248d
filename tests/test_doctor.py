"""doctor: what starts here, what is missing, and what to type next, in 80 columns."""

import json
import os
import shutil
from pathlib import Path

import pytest
from speedrun.cli import run_verb
from standin import make_house


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return make_house(tmp_path)


def add_track(root: Path, name: str, old: str = "", new: str = "") -> None:
    (root / "records" / name).mkdir()
    text = (root / "records/toy/track.toml").read_text().replace('name = "toy"', f'name = "{name}"')
    (root / "records" / name / "track.toml").write_text(text.replace(old, new) if old else text)


def diagnosis(capsys) -> dict:
    capsys.readouterr()
    run_verb("doctor", "doctor", ["--json"])
    return json.loads(capsys.readouterr().out)


def missing(found: dict) -> dict[tuple[str, str], list[str]]:
    return {(start["milestone"], start["track"]): start["missing"] for start in found["matrix"]}


def test_where_all_is_there_it_says_what_to_type(root, capsys):
    assert run_verb("doctor", "doctor", []) == 0
    out, err = capsys.readouterr()
    lines = out.rstrip().splitlines()
    assert lines[-2:] == ["next: speedrun replay 00_first --track toy", "then: speedrun leaderboard --from runs"]
    assert err == "" and max(map(len, lines)) <= 80
    for word in ("Python", "torch", "CPU", "bfloat16", "GPU", "disk", "00_first", "01_second", "train"):
        assert word in out


def test_json_is_one_document_with_the_machine_and_every_pair(root, capsys):
    found = diagnosis(capsys)
    assert found["machine"]["torch"] and found["machine"]["cores"] >= 1 and found["machine"]["disk_free_gib"] > 0
    assert found["shards"][0]["train_tokens"] == 3  # as the header of the stand-in's shard states
    assert missing(found) == {(name, "toy"): [] for name in ("00_first", "01_second", "train")}


def test_without_data_nothing_starts_and_the_command_that_gets_it_comes_next(root, capsys):
    shutil.rmtree(root / "data")
    assert run_verb("doctor", "doctor", []) == 1
    out, err = capsys.readouterr()
    assert "\nget toy: python data/toy.py\n" in out and err == ""
    lines = out.rstrip().splitlines()
    assert lines[-3:] == [
        "Nothing starts here yet.", "next: python data/toy.py", "then: speedrun replay 00_first --track toy",
    ]  # fmt: skip


def test_each_kind_of_gap_is_named(root, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # no GPU for torch, even where there is one
    add_track(root, "fineweb-124m")
    add_track(root, "elsewhere", "data/toy", "data/elsewhere")
    with open(root / "history/01_second/train_gpt2.py", "a") as script:
        script.write("# changed\n")
    found = diagnosis(capsys)
    assert missing(found) == {
        ("00_first", "elsewhere"): ["flags", "data"],
        ("00_first", "fineweb-124m"): ["GPU"],
        ("00_first", "toy"): [],
        ("01_second", "elsewhere"): ["script", "flags", "data"],
        ("01_second", "fineweb-124m"): ["script", "GPU"],
        ("01_second", "toy"): ["script"],
        ("train", "elsewhere"): ["flags", "data"],
        ("train", "fineweb-124m"): ["GPU"],
        ("train", "toy"): [],
    }
    assert any("01_second/train_gpt2.py is not the frozen program" in fault for fault in found["faults"])


def test_a_shard_that_is_cut_in_half_is_named_and_does_not_start(root, capsys):
    shard = root / "data/toy/toy_train_000001.bin"
    os.truncate(shard, shard.stat().st_size - 2)
    assert run_verb("doctor", "doctor", []) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "damaged" in out and "toy_train_000001.bin: cut off" in out and "next: python data/toy.py" in out


def test_shards_may_lie_outside_of_the_clone(root, capsys, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "toy"
    shutil.move(root / "data/toy", outside)
    add_track(root, "elsewhere", "data/toy/toy", f"{outside}/toy")
    found = diagnosis(capsys)
    told = {shards["track"]: (shards["train"], shards["train_tokens"], shards["val"]) for shards in found["shards"]}
    assert told == {"elsewhere": (1, 3, 1), "toy": (0, 0, 0)}


@pytest.mark.parametrize("pattern", ["", "/", "data/toy/**x.bin"])
def test_a_pattern_that_names_no_files_is_named_and_the_rest_is_told(root, capsys, pattern):
    add_track(root, "elsewhere", "data/toy/toy_train_*.bin", pattern)
    assert run_verb("doctor", "doctor", []) == 0  # the other track starts
    assert capsys.readouterr().err == ""
    (fault,) = diagnosis(capsys)["faults"]
    assert fault.startswith(f"records/elsewhere/track.toml: train = {pattern!r} names no files: ")


def test_many_milestones_and_tracks_fit_80_columns(root, capsys):
    for name in ("fineweb-124m", "fineweb-350m", "shakespeare-char", "your-text"):
        add_track(root, name)
    run_verb("doctor", "doctor", [])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "shakespeare-char" in next(line for line in lines if line.startswith("starts here"))  # not folded


def test_an_empty_house_is_a_no_and_not_a_crash(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    assert run_verb("doctor", "doctor", []) == 1
    assert capsys.readouterr().err == ""


def test_a_broken_manifest_is_one_line(root, capsys):
    (root / "records/toy/track.toml").write_text("name =")
    assert run_verb("doctor", "doctor", []) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "records/toy/track.toml: not readable as TOML" in err
