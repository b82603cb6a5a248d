"""The verb parse: run logs as JSON and for people, the program inside them, and its exit codes."""

import json
import os

import pytest
from archive_made import HEADER, KERNELS, LINE, PROGRAM, source_first, steps
from logs_made import write_log
from speedrun.cli import run_verb

RUN_KEYS = [
    *("index", "planned_steps", "last_step", "complete", "final_val_loss", "train_time_ms", "val", "gpu", "gpu_count"),
    *("python", "torch", "cuda", "driver", "date", "program_sha256", "peak_memory_mib", "clock_reset_at", "warnings"),
]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def parse(*arguments) -> int:
    return run_verb("parse", "parse", [str(argument) for argument in arguments])


def put(path, content: bytes | str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_one_log_as_json(tmp_path, capsys):
    path = put(tmp_path / "x.txt", source_first())
    assert parse(path, "--json") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert list(document) == ["path", "dialect", "runs", "program_files"] and err == ""
    assert (document["path"], document["dialect"]) == (str(path), "source-first")
    (run,) = document["runs"]
    assert list(run) == RUN_KEYS
    assert run["val"] == [[0, 3.4765, 0], [10, 3.3765, 1000], [20, 3.2765, 2000]]
    assert (run["final_val_loss"], run["train_time_ms"], run["complete"]) == (3.2765, 2000, True)
    assert (run["gpu"], run["gpu_count"], run["date"]) == ("NVIDIA H800", 2, "2026-07-13T06:17:32")
    assert document["program_files"] == ["train_gpt.py"]


def test_an_incomplete_run_has_no_final_loss_and_says_why(tmp_path, capsys):
    assert parse(put(tmp_path / "x.txt", source_first(body=steps(last=15))), "--json") == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["final_val_loss"] is None and run["val"][-1][0] == 10
    assert run["warnings"] == ["ends at train line 15 of 20; last validation 10"]


def test_a_log_of_our_own_tells_more(tmp_path, capsys):
    path = write_log(tmp_path, seed=5, planned=10, every=5, final=1.7)
    assert parse(path, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    (run,) = document["runs"]
    assert document["dialect"] == "speedrun" and document["path"] == str(path)
    assert run["complete"] and run["val"][-1][:2] == [10, 1.7] and run["gpu"] is None and run["warnings"] == []
    more = {"run_id", "milestone", "track", "seed", "finished", "tokens", "cpu", "cores", "world_size", "code_sha256"}
    assert set(run) >= {*RUN_KEYS, *more, "hyperparameters"} and run["seed"] == 5


def test_what_is_no_log_ends_with_1_and_the_reason(tmp_path, capsys):
    path = put(tmp_path / "stderr.txt", "W0518 a warning\n")
    assert parse(path, "--json") == 1
    out, err = capsys.readouterr()
    reason = "has no step lines"
    assert json.loads(out) == {
        "path": str(path), "dialect": "none", "runs": [], "program_files": [], "reason": reason}  # fmt: skip
    assert err == f"parse: {path}: {reason}\n"
    assert parse(path) == 1 and capsys.readouterr() == ("", err)


def test_what_is_not_there_or_not_to_be_read_ends_with_2(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "hollow").mkdir()
    for path in ("nowhere.txt", "pipe.txt", "hollow"):
        assert parse(tmp_path / path) == 2
        out, err = capsys.readouterr()
        assert not out and err.count("\n") == 1 and path in err


def test_a_folder_is_a_list_with_what_is_no_log_in_it(tmp_path, capsys):
    for seed in range(200):
        write_log(tmp_path / "runs", f"{seed:04}.txt", seed=seed, planned=10, every=5)
    put(tmp_path / "runs" / "0050_junk.txt", b"\x00\xff" * 99)
    os.mkfifo(tmp_path / "runs" / "pipe.txt")
    for _ in range(2):
        assert parse(tmp_path / "runs", "--json") == 0
        out, err = capsys.readouterr()
        documents = json.loads(out)
        assert len(documents) == 201 and sum(document["dialect"] == "none" for document in documents) == 1
        assert documents[0]["path"] == str(tmp_path / "runs" / "0000.txt")
        assert err.count("\n") == 1 and "pipe.txt" in err


def test_several_files_are_a_list(tmp_path, capsys):
    paths = [put(tmp_path / name, source_first()) for name in ("a.txt", "b.txt")]
    assert parse(*paths, "--json") == 0
    assert [document["path"] for document in json.loads(capsys.readouterr().out)] == [*map(str, paths)]


def test_a_folder_without_logs_ends_with_1(tmp_path, capsys):
    put(tmp_path / "a" / "x.txt", "nothing")
    assert parse(tmp_path / "a", "--json") == 1
    assert json.loads(capsys.readouterr().out)[0]["dialect"] == "none"


# For people


def test_one_log_for_people(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert parse(put(tmp_path / "x.txt", source_first(body=steps(last=15)))) == 0
    out = capsys.readouterr().out
    words = ["incomplete, step 15 of 20", "3.3765 after step 10", "2 × NVIDIA H800", "torch 2.11.0", "! ends at train"]
    assert [word for word in words if word not in out] == []
    assert parse(write_log(tmp_path, seed=5)) == 0
    assert "completed, step 100 of 100" in capsys.readouterr().out


def test_several_runs_of_one_file_for_people(tmp_path, capsys):
    body = steps() + steps(final=3.27) + steps(final=3.26, last=15)
    assert parse(put(tmp_path / "x.txt", source_first(body=body))) == 0
    out = capsys.readouterr().out
    assert "3 runs, 2 complete" in out and "copies" not in out and "ends at train line 15 of 20" in out


def test_several_files_for_people(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    put(tmp_path / "logs" / "a.txt", source_first())
    put(tmp_path / "logs" / "copy.txt", source_first())
    put(tmp_path / "logs" / "llm.log", "s:0 tel:11.0\ns:250 tel:6.3\n")
    put(tmp_path / "logs" / "stderr.txt", "no\n")
    write_log(tmp_path / "logs", seed=6, finished=None, stop_at=40, milestone="[bold]no markup[/bold]")
    assert parse(tmp_path / "logs") == 0
    out = capsys.readouterr().out
    assert "cut off" in out and "[bold]" in out and "2 × H800" in out and "250/?" in out
    assert "5 files (1 not logs): 4 runs, 2 complete, 3 distinct" in out
    assert "stderr.txt: has no step lines" in out


def test_runs_without_an_end_or_a_clock_are_copies_only_in_files_of_the_same_content(tmp_path, capsys):
    for seed in (1, 2, 3):
        text = write_log(tmp_path / "own", seed=seed, finished=None).read_text()
        before = text[: text.index("step:0/100 val")]
        put(tmp_path / "before" / f"{seed}.txt", before)
        put(tmp_path / "at" / f"{seed}.txt", before + text[len(before) :].partition("\n")[0] + "\n")
        put(tmp_path / "llm" / f"{seed}.log", f"s:0 tel:11.{seed}\ns:250 tel:6.3\n")
    for folder, runs in (("before", 3), ("at", 3), ("llm", 3)):
        assert parse(tmp_path / folder) == 0
        assert f"{runs} runs" in (out := capsys.readouterr().out) and "copies" not in out
        first = next((tmp_path / folder).iterdir())
        put(tmp_path / folder / f"copy{first.suffix}", first.read_bytes())
        assert parse(tmp_path / folder) == 0
        assert f"{runs} distinct (the others are copies)" in capsys.readouterr().out


def test_texts_of_a_log_are_shown_as_they_are(tmp_path, capsys):
    header = HEADER.replace("NVIDIA H800 ", "[red]x[/red]")
    assert parse(put(tmp_path / "x.txt", source_first(header=header))) == 0
    assert "[red]x[/red]" in capsys.readouterr().out


# The program inside


def test_the_program_is_written_and_nothing_overwritten(tmp_path, capsys):
    path = put(tmp_path / "x.txt", source_first(program=PROGRAM + KERNELS))
    assert parse(path, "--program", tmp_path / "out", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["program_files"] == ["train_gpt.py", "triton_kernels.py"]
    assert (tmp_path / "out" / "train_gpt.py").read_text() == PROGRAM and err.count("wrote") == 2
    (tmp_path / "out" / "train_gpt.py").unlink()
    assert parse(path, "--program", tmp_path / "out") == 2
    assert "triton_kernels.py exists" in capsys.readouterr().err
    assert not (tmp_path / "out" / "train_gpt.py").exists()


def test_a_log_without_a_program_and_several_logs_are_refused(tmp_path, capsys):
    path = put(tmp_path / "logs" / "x.txt", steps())
    assert parse(path, "--program", tmp_path / "out") == 2
    assert "holds no program" in capsys.readouterr().err
    assert parse(path.parent, "--program", tmp_path / "out") == 2
    assert "one log" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_program_is_never_run(tmp_path, capsys):
    program = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    path = put(tmp_path / "x.txt", f"{program}{LINE}\n{LINE}\n{steps()}")
    assert parse(path, "--json") == 0 and parse(path, "--program", tmp_path / "out") == 0
    assert not (tmp_path / "ran").exists() and (tmp_path / "out" / "train_gpt.py").read_text() == program
