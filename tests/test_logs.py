"""Reading run logs: what is read, what is refused, and that no bytes whatever do harm."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs_made import make_log, sha256, write_log
from rich.console import Console
from speedrun.reading.logs import LogError, match_step, parse_log, printable, read_folder, read_log
from speedrun.reading.runs import Run
from speedrun.replay.following import Follower, Lines

HERE = Path("log.txt")
VALID = make_log(planned=20, every=5).encode()


def parse(text: str) -> Run:
    return parse_log(HERE, text.encode())


def test_a_complete_run_is_read_whole(tmp_path):
    run = read_log(write_log(tmp_path, seed=3, planned=20, every=5, final=1.75))
    assert (run.state, run.complete, run.planned_steps, run.last_step) == ("completed", True, 20, 20)
    assert [point.step for point in run.val] == [0, 5, 10, 15, 20]
    assert run.val[-1].loss == run.final_val_loss == 1.75
    assert run.val[0].ms == 0 < run.val[1].ms < run.train_time_ms
    assert len(run.train) == 20 and run.tokens == 20 * 8192
    assert run.header.seed == 3 and run.header.host.cpu == "AMD EPYC"
    assert run.header.val_data[0].tokens == 131_073


def test_step_like_lines_of_the_program_do_not_count():
    program = "step:5/7 val_loss:0.100000 train_time:1ms step_avg:1.00ms\n"
    run = parse(make_log(program=program, planned=10))
    assert run.complete and run.planned_steps == 10 and run.val[0].loss > 1


@pytest.mark.parametrize("program", ["no newline at its end", "one newline\n", "two\n\n", ""])
def test_the_program_is_known_by_its_sha256(program):
    run = parse(make_log(program=program))
    assert run.program_sha256 == sha256(program) and run.complete


def test_a_program_that_the_header_does_not_name_is_a_contradiction():
    run = parse(make_log().replace("val_loss:{loss:.6f}", "val_loss:{cheat:.6f}"))
    assert run.finished == "completed" and not run.complete and run.state == "contradictory"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("step:0/10 val_loss:10.825800 train_time:0ms step_avg:nanms\n", (0, 10, "val", 10.8258, 0)),
        ("step:1/10 train_loss:7.1 train_time:95ms step_avg:95.12ms", (1, 10, "train", 7.1, 95)),
        ("step:1/10 train_loss:7.1 train_time:95ms step_avg:95.12ms\r\n", (1, 10, "train", 7.1, 95)),
        ("step:1/10 train_loss:inf train_time:95ms step_avg:95.12ms", (1, 10, "train", float("inf"), 95)),
    ],
)
def test_step_lines(line, expected):
    assert match_step(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        " step:1/10 val_loss:7.1 train_time:95ms step_avg:95.12ms",
        "step:1/10 val_loss:7.1 train_time:95ms step_avg:95.12ms more",
        "step:1/10 val_loss:-7.1 train_time:95ms step_avg:95.12ms",
        "step:1/10 val_loss:7.1 train_time:-95ms step_avg:95.12ms",
        "step:1/10 val_loss:7.1 train_time:95ms step_avg:95.1",
        "step:١/10 val_loss:7.1 train_time:95ms step_avg:95.12ms",
        "x step:1/10 val_loss:7.1 train_time:95ms step_avg:95.12ms",
        "",
    ],
)
def test_other_lines_are_no_steps(line):
    assert match_step(line) is None


@pytest.mark.parametrize(("seconds", "left"), [(59.4, "0:59"), (59.7, "1:00"), (119.6, "2:00"), (3599.6, "60:00")])
def test_the_time_left_has_no_minute_of_60_seconds(seconds, left, tmp_path):
    said: list[str] = []
    clock = iter([0.0, seconds])
    shown = Lines(Console())
    shown.say = said.append
    follower = Follower(tmp_path / "no log yet", shown, clock=lambda: next(clock))
    for step in (0, 50):
        follower.line(f"step:{step}/100 val_loss:4.000000 train_time:0ms step_avg:nanms")
    assert said[-1].endswith(f"50/100 val 4.0000 {left} left")


def test_a_log_without_its_last_line_was_cut_off():
    run = parse(make_log(finished=None))
    assert run.finished is None and run.state == "cut off" and not run.complete
    assert run.val and run.last_step == 100


def test_text_between_the_steps_is_passed_over_and_line_ends_may_be_windows_own():
    text = make_log().replace("step:7/100", "a warning\nstep:7/100")
    assert parse(text).complete
    assert parse(text.replace("\n", "\r\n")).last_step == 100


def test_completed_is_not_believed_when_the_steps_stop_early():
    run = parse(make_log(stop_at=50))
    assert run.finished == "completed" and not run.complete
    assert "last planned step" in run.doubts[0]


def test_completed_is_not_believed_with_another_final_loss():
    lines = make_log(final=1.8).splitlines()
    end = json.loads(lines[-1]) | {"final_val_loss": 1.1}
    run = parse("\n".join([*lines[:-1], json.dumps(end)]))
    assert not run.complete and "differ" in run.doubts[0]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("step:6/100 ", "step:5/100 ", "step 5 follows step 5"),
        ("step:6/100 ", "step:6/101 ", "beyond the 100 planned"),
        ("step:6/100 ", "step:106/100 ", "beyond the 100 planned"),
        ('"speedrun_log": 1', '"speedrun_log": 2', "format 2"),
        ('"milestone": "00_baseline", ', "", "no milestone"),
        ('"seed": 1, "world', '"seed": "one", "world', "no seed"),
        ('"tokens_per_step": 8192', '"tokens_per_step": 0', "below 1"),
        ('{"speedrun_log"', "speedrun_log", "whose first line is a JSON header"),
        ('"git"', '"git', "not readable as JSON"),
        ('"AMD EPYC"', '"\\ud800"', "not readable as JSON"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(old, new, reason):
    text = make_log(planned=100, every=10)
    assert old in text
    with pytest.raises(LogError, match=reason) as caught:
        parse(text.replace(old, new, 1))
    assert str(caught.value).startswith("log.txt: ") and "\n" not in str(caught.value)


def test_a_clock_that_goes_back_is_refused():
    lines = make_log().splitlines()
    lines[10] = lines[10].replace("train_time:", "train_time:9")
    with pytest.raises(LogError, match="clock goes back"):
        parse("\n".join(lines))


def test_losses_that_are_not_finite_are_kept_out_of_the_curves():
    text = make_log(finished="diverged", stop_at=10)
    run = parse(text.replace(f"train_loss:{text.split('step:10/100 train_loss:')[1][:8]}", "train_loss:nan"))
    assert run.state == "diverged" and len(run.train) == 9


def test_terminal_escapes_do_not_survive():
    run = parse(make_log(milestone="\x1b[31mred\x1b[0m\u202e"))
    assert run.header.milestone.isprintable() and "red" in run.header.milestone
    assert printable("a\n b\x07") == "a b�"


def bytes_near_a_log():
    """Random bytes, and a valid log cut, spliced with itself, and with bytes replaced."""
    at = st.integers(0, len(VALID))
    cut = st.builds(lambda a, b: VALID[min(a, b) : max(a, b)], at, at)
    spliced = st.builds(lambda a, b: VALID[:a] + VALID[b:], at, at)
    flipped = st.builds(lambda a, new: VALID[:a] + new + VALID[a + len(new) :], at, st.binary(min_size=1, max_size=40))
    return st.one_of(st.binary(max_size=300), cut, spliced, flipped, st.builds(lambda a: VALID + VALID[a:], at))


@given(bytes_near_a_log())
def test_no_bytes_raise_anything_but_a_log_error(content):
    try:
        run = parse_log(HERE, content)
    except LogError as error:
        assert "\n" not in str(error)
    else:
        assert run.state in ("completed", "contradictory", "diverged", "interrupted", "cut off")
        json.dumps([run.header.hyperparameters, run.val], allow_nan=False)


@given(st.integers(0, len(VALID.rstrip()) - 1), st.binary(max_size=30))
def test_no_cut_log_is_complete(end, tail):
    """Whatever follows a cut that takes at least the last brace: a run without its last line is never complete."""
    with suppress(LogError):
        assert not parse_log(HERE, VALID[:end] + tail.replace(b"}", b"")).complete


@pytest.mark.parametrize(
    "header", [b"{" * 100_000, b'{"speedrun_log": ' + b"9" * 5000 + b"}", b'{"speedrun_log":1e999}', b"", b"\0" * 1000]
)
def test_headers_made_to_break_a_parser(header):
    with pytest.raises(LogError):
        parse_log(HERE, header + b"\n" + VALID)


def bad_files(folder: Path) -> dict[str, str]:
    """Files of every kind that cannot be read, and what is said of each."""
    (folder / "junk.txt").write_bytes(os.urandom(5000))
    (folder / "empty.txt").touch()
    (folder / "folder.txt").mkdir()
    (folder / "dangling.txt").symlink_to(folder / "nowhere")
    (folder / "loop.txt").symlink_to(folder / "loop.txt")
    os.mkfifo(folder / "pipe.txt")
    (folder / "around").symlink_to(folder)
    return {"junk": "no run log", "empty": "empty", "folder": "a folder", "dangling": "No such file",
            "loop": "symbolic links", "pipe": "not a regular file"}  # fmt: skip


def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path):
    for seed in range(4):
        write_log(tmp_path / "a b", seed=seed)
    expected = bad_files(tmp_path)
    runs, problems = read_folder(tmp_path)
    assert len(runs) == 4 and len(problems) == len(expected)
    for name, reason in expected.items():
        assert [p for p in problems if f"{name}.txt" in p and reason in p], (name, problems)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_log_without_read_permission_is_named(tmp_path):
    write_log(tmp_path, seed=1)
    write_log(tmp_path, seed=2).chmod(0)
    runs, problems = read_folder(tmp_path)
    assert len(runs) == 1 and "Permission denied" in problems[0]
