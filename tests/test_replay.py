"""replay, with real torchrun and stand-in scripts: what is kept, what is refused, and that nothing is left running."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from logs_made import write_log
from rich.console import Console
from speedrun.cli import run_verb
from speedrun.machine import cpu_fact
from speedrun.reading.logs import read_log
from speedrun.replay.following import Bars, Follower
from speedrun.replay.plans import revisions, sessions
from standin import make_house, none_left_with, start_verb, verb, wait_for_line

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return make_house(tmp_path)


def plans(root: Path) -> list[Path]:
    return sorted((root / "runs").glob("*/")) if (root / "runs").exists() else []


def outcomes(plan: Path) -> list[dict]:
    return [json.loads(line) for line in (plan / "outcomes.jsonl").read_text().splitlines()]


# ----------------------------------------------------------------------------------------------------------------------
# What is refused before anything starts


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["00_frist"], "did you mean 00_first"),
        (["00", "--track", "tov"], "did you mean toy?"),
        (["00", "--nproc", "3"], "must divide 8"),
        (["00", "--runs", "0"], "--runs 0"),
        (["00", "--runs", "many"], "--runs"),
        (["00", "--set", "num_iterations"], "FIELD=VALUE"),
        (["00", "--set", "seed=4"], "replay sets seed itself"),
        (["00", "--set", "train_files=data/none_*.bin"], "python data/toy.py"),
        (["00", "--set", "val_files="], "val_files=: names no files"),
        (["00", "--set", "train_files=data/**x"], "names no files"),
        ([], "milestones"),
    ],
)
def test_a_wrong_call_is_one_line_and_leaves_nothing(root, capsys, arguments, expected):
    assert run_verb("replay", "replay", ["--track", "toy", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and expected in err
    assert not (root / "runs").exists()


def test_to_compile_without_a_compiler_is_refused(root, capsys, monkeypatch):
    monkeypatch.setenv("CXX", "no_such_compiler")
    monkeypatch.setattr("shutil.which", lambda name: None)  # no nvidia-smi either
    assert run_verb("replay", "replay", ["00", "--track", "toy", "--set", "compile=true"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "no_such_compiler" in err
    assert not (root / "runs").exists()


@pytest.mark.parametrize("damage", ["missing", "empty", "val missing"])
def test_without_data_it_names_the_command_that_gets_it(root, capsys, damage):
    if damage == "missing":
        shutil.rmtree(root / "data/toy")
    else:
        for file in (root / "data/toy").glob("*val*" if damage == "val missing" else "*"):
            file.unlink()
    assert run_verb("replay", "replay", ["00", "--track", "toy"]) == 2
    assert "to get them: python data/toy.py" in capsys.readouterr().err
    assert not (root / "runs").exists()


def test_a_changed_frozen_script_is_refused_even_as_the_second_of_two(root, capsys):
    (root / "history/01_second/train_gpt2.py").write_text("print('faster')\n")
    assert run_verb("replay", "replay", ["00", "01", "--track", "toy"]) == 2
    assert "01_second/train_gpt2.py is not the frozen program" in capsys.readouterr().err
    assert not (root / "runs").exists()


def with_full_disk(root: Path, free_bytes: int, call: str) -> subprocess.CompletedProcess[str]:
    """A verb that, with all its children, can write no file longer than that."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({free_bytes}, {free_bytes}))"
    program = f"{limit}; import speedrun.cli; speedrun.cli.main()"
    return subprocess.run([sys.executable, "-c", program, *call.split()], cwd=root, capture_output=True, text=True)


def test_a_full_disk_leaves_no_empty_plan(root):
    done = with_full_disk(root, 0, "replay 00 --track toy")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "File too large" in done.stderr
    assert plans(root) == []


# ----------------------------------------------------------------------------------------------------------------------
# What is kept


def test_milestones_take_turns_and_every_run_is_kept(root):
    code, out, err = verb(root, "replay 00 train --track toy --runs 2 --nproc 2 --seed 5 --json")
    assert code == 0, err
    document = json.loads(out)
    first, live = document["plans"]
    assert (first["milestone"], live["milestone"]) == ("00_first", "train")
    assert first["seeds"] == [5, 6] and first["nproc"] == 2 and first["flags"]["num_iterations"] == 4
    starts = [line for line in err.splitlines() if line.startswith("run ") and ": 0/4" not in line and "seed" in line]
    turns = [line for line in starts if line.endswith(("seed 5", "seed 6"))]
    assert [line.split(": ")[1] for line in turns] == [
        "00_first on toy, seed 5", "train on toy, seed 5", "00_first on toy, seed 6", "train on toy, seed 6",
    ]  # fmt: skip
    for plan in document["plans"]:
        folder = root / "runs" / plan["plan"]
        stored = json.loads((folder / "plan.json").read_text())
        assert stored == {"speedrun_plan": 1} | {key: value for key, value in plan.items() if key != "outcomes"}
        assert outcomes(folder) == plan["outcomes"]
        for seed, outcome in zip((5, 6), plan["outcomes"], strict=True):
            run = read_log(folder / outcome["log"])
            assert run.complete and outcome["exit_code"] == 0
            assert (run.header.seed, run.header.world_size, run.header.track) == (seed, 2, "toy")
            assert run.header.run_id == outcome["run_id"] and run.header.milestone == plan["milestone"]
            assert run.header.code_sha256 == plan["code_sha256"]
            assert run.header.hyperparameters["log_file"] == f"runs/{plan['plan']}/seed_{seed}.txt"


def add_switches(root: Path) -> None:
    for manifest in root.glob("*/**/milestone.toml"):
        manifest.write_text(manifest.read_text() + '[without.luck]\nmode = "none"\n[without.care]\nval_every = 1\n')


def test_a_technique_that_is_turned_off_stands_in_flags_plan_and_name(root):
    add_switches(root)
    code, out, err = verb(root, "replay 00 --track toy --set val_every=3 --without care --without luck --json")
    assert code == 0 and "00_first without care, luck on toy, seed 1: 1/4" in err
    (plan,) = json.loads(out)["plans"]
    assert plan["without"] == ["care", "luck"] and plan["plan"].endswith("Z_00_first-care-luck_toy")
    assert plan["flags"]["mode"] == "none" and plan["flags"]["val_every"] == 1  # in spite of --set
    folder = root / "runs" / plan["plan"]
    assert json.loads((folder / "plan.json").read_text())["without"] == ["care", "luck"]
    silicon = json.loads((folder / "plan.json").read_text())["silicon"]
    assert silicon is None or cpu_fact("model") in silicon  # Linux tells, other systems do not
    run = read_log(folder / "seed_1.txt")
    assert run.header.hyperparameters["mode"] == "none" and len(run.val) == 5


def test_a_technique_without_a_switch_is_refused_with_the_nearest(root, capsys):
    add_switches(root)
    assert run_verb("replay", "replay", ["00", "--track", "toy", "--without", "lukc"]) == 2
    assert "00_first has no switch 'lukc' (did you mean luck?)" in capsys.readouterr().err
    assert run_verb("replay", "replay", ["00", "--track", "toy", "--without", "untied_head"]) == 2
    assert "(there are: luck, care)" in capsys.readouterr().err and plans(root) == []


def test_plans_of_before_there_were_switches_are_read(root):
    run = read_log(write_log(root / "runs" / "old"))
    (run.path.parent / "plan.json").write_text(
        json.dumps({"milestone": "00_first", "code_sha256": "a", "revision": 1, "created": "2026-11-21T07:48:18Z"})
    )
    assert revisions([run]) == {("00_first", "a"): 1} and sessions([run]) == {run.path.parent: "2026-11-21T07:48:18Z"}


def test_plain_progress_and_a_summary_with_what_to_type_next(root):
    code, out, err = verb(root, "replay 00 --track toy --set num_iterations=6")
    assert code == 0
    assert "4/6 val 1.6384 train 1.6384 5,120 tokens/s" in err  # 512 tokens every 100 ms
    assert "completed" in out and "step 2, 0.2 s" in out
    assert out.rstrip().endswith("next: speedrun leaderboard --from runs")
    assert max(map(len, out.splitlines())) <= 80


def test_a_flag_of_the_wrong_type_is_the_scripts_own_line_and_leaves_no_plan(root):
    code, out, err = verb(root, "replay 00 --track toy --nproc 2 --set num_iterations=many")
    assert code == 2 and out == ""
    assert err.splitlines()[-1] == "speedrun replay: 00_first: --num_iterations=many: 'many' is not of type int"
    assert plans(root) == []


def test_a_run_that_diverges_does_not_stop_the_others(root):
    code, out, _ = verb(root, "replay 00 --track toy --runs 2 --set mode=diverge1")
    assert code == 1 and "diverged" in out
    (plan,) = plans(root)
    assert [(o["exit_code"], o["finished"]) for o in outcomes(plan)] == [(3, "diverged"), (0, "completed")]


def test_progress_in_a_terminal_shows_no_control_characters_of_the_script(root):
    text, seconds = io.StringIO(), iter([0.0, 1.0, 2.0, 3.0])
    bars = Bars(Console(file=text, force_terminal=True, color_system=None, width=80))
    follower = Follower(root / "no log yet", bars, clock=lambda: next(seconds))
    bars.start("run 1 of 1")
    follower.line("step:0/100 val_loss:4.000000 train_time:0ms step_avg:nanms")
    follower.line("no flash-attn \x1b[2J here, [bold]slower[/bold]")
    follower.line("step:25/100 train_loss:3.500000 train_time:2500ms step_avg:100.00ms")
    bars.end()
    assert "25/100 val 4.0000 train 3.5000" in text.getvalue()
    assert "\x1b[2J" not in text.getvalue() and "[bold]slower[/bold]" in text.getvalue()


# ----------------------------------------------------------------------------------------------------------------------
# Crashes and interruptions


@linux
def test_a_crash_of_one_rank_shows_its_words_and_leaves_no_process(root):
    code, out, err = verb(root, "replay 00 --track toy --nproc 2 --runs 3 --set mode=crash")
    assert code == 1
    assert "rank 1 of 2 crashed (exit code 1)" in err
    assert "RuntimeError: rank one is [bold]broken[/bold]" in err
    assert "ChildFailedError" not in err + out and "run 2 of 3" not in err
    (plan,) = plans(root)
    assert [o["exit_code"] for o in outcomes(plan)] == [1]
    everything = (plan / "seed_1.stderr").read_text()
    assert "==== rank 0" in everything and "ChildFailedError" in everything
    assert none_left_with(plan.name)


@pytest.mark.parametrize(("mode", "how"), [("both", "exit code 1"), ("gone", "signal 9")])
def test_when_two_ranks_fail_the_first_is_named(root, mode, how):
    os.mkfifo(root / "pipe")
    code, _, err = verb(root, f"replay 00 --track toy --nproc 2 --set mode={mode}")
    assert code == 1 and f"rank 1 of 2 crashed ({how})" in err and "rank 0 failed" not in err


def test_a_rank_that_is_killed_is_named_with_the_signal(root):
    code, _, err = verb(root, "replay 00 --track toy --set mode=killed")
    assert code == 1 and "rank 0 of 1 crashed (signal 9)" in err
    assert outcomes(plans(root)[0])[0]["finished"] is None


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_replay_keeps_the_log_and_leaves_no_process(root, number):
    if signal.getsignal(number) == signal.SIG_IGN and number == signal.SIGHUP:
        pytest.skip("these tests run under nohup, and so does the replay")
    process = start_verb(root, "replay 00 --track toy --nproc 2 --runs 2 --set mode=slow")
    wait_for_line(process, ": 0/4")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    (plan,) = plans(root)
    *progress, last = err.splitlines()  # after what was read above; a busy machine may still show a line of progress
    assert out == "" and all(line.startswith("run 1 of 2") for line in progress)
    assert last.startswith(f"replay: interrupted; 0 of 2 runs were completed; the log so far is in runs/{plan.name}")
    assert [(o["exit_code"], o["finished"]) for o in outcomes(plan)] == [(130, "interrupted")]
    assert read_log(plan / "seed_1.txt").finished == "interrupted"
    assert none_left_with(plan.name)


@linux
def test_a_replay_that_is_killed_takes_every_process_with_it(root):
    process = start_verb(root, "replay 00 --track toy --nproc 2 --set mode=slow")
    wait_for_line(process, ": 0/4")
    process.kill()
    process.communicate(timeout=60)
    (plan,) = plans(root)
    assert none_left_with(plan.name)
    log = read_log(plan / "seed_1.txt")
    assert log.val and not log.complete  # kept so far; whether a rank still gets to its last line is a matter of luck


@linux
@pytest.mark.slow  # waits out the grace that scripts are given
def test_ranks_that_do_not_listen_are_killed(root):
    process = start_verb(root, "replay 00 --track toy --nproc 2 --set mode=deaf")
    wait_for_line(process, ": 0/4")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    (plan,) = plans(root)
    assert process.returncode == 130 and none_left_with(plan.name)
    assert [(o["exit_code"], o["finished"]) for o in outcomes(plan)] == [(130, None)]


def test_a_disk_that_fills_up_while_training_ends_the_run_and_keeps_its_log(root):
    # 8 KiB are enough for plan.json and the start of the run log
    done = with_full_disk(root, 1 << 13, "replay 00 --track toy --set num_iterations=500")
    assert done.returncode == 1 and "OSError: [Errno 27] File too large" in done.stderr
    (plan,) = plans(root)
    assert (plan / "seed_1.txt").stat().st_size == 1 << 13
    assert [(o["exit_code"], o["finished"]) for o in outcomes(plan)] == [(1, None)]


def test_help_has_an_example_and_needs_no_torch(root):
    code = "import sys; from speedrun.cli import run_verb; run_verb('replay', 'replay', ['--help']); "
    code += "sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'scipy', 'numpy')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0 and "replay 00_baseline --track toy-cpu --runs 3" in done.stdout
