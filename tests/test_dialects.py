"""Every dialect of the public archive's logs, trap by trap, and that no bytes whatever do harm."""

import json
import math

import pytest
from archive_made import HEADER, LINE, PROGRAM, RECORDS, needs_sample, source_first, steps
from hypothesis import given, settings
from hypothesis import strategies as st
from logs_made import make_log
from speedrun.reading.dialects import read_file
from speedrun.reading.logfile import LogFile, LoggedRun, Val

TRACK_1, TRACK_2, TRACK_3 = "track_1_short", "track_2_medium", "track_3_optimization/results"
TRUNCATED = f"{TRACK_1}/2026-01-30_MimeticValueOutput/runs/6037e443-df16-4eeb-ba71-282b5f7096d0.txt"
SODA = f"{TRACK_3}/20260518_soda_fade_3000_n9"
PREFIX = f"{TRACK_1}/2026-07-13_PrefixTokenPrediction/prefix-1375"
AURORA = f"{TRACK_3}/20260525_aurora_ema_ref/15223178-b211-42d7-a6ba-b969c3148973.txt"
TRUSTLIGHT = f"{TRACK_3}/20260506_trustlight"
SEED_0 = f"{TRUSTLIGHT}/idea_10e_attnproj_bounded_trust_floor_soapish/seed_0"
H100 = "NVIDIA H100 80GB HBM3"
LLM_C = b"s:0 tel:10.9830\ns:0 trl:10.9\ns:1 trl:10.8 lr:0.000002 norm:15.24\ns:2 tel:9.5\n"


def read(content: str | bytes) -> LogFile:
    return read_file("x.txt", content.encode() if isinstance(content, str) else content)


def sample(path: str) -> LogFile:
    return read_file(path, (RECORDS / path).read_bytes())


def only(file: LogFile) -> LoggedRun:
    (run,) = file.runs
    return run


# Shapes


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        (source_first(), "source-first"),
        (f"{LINE}\n".encode() + source_first(), "separator-first"),
        (f"logs/x.txt\nW0518 torchrun warns\n=== seed 2 start ===\n{steps()}".encode(), "console"),
        (b"step:20/20 val_loss:3.27713 train_time:1134.603s step_avg:357.36ms\n", "fragment"),
        (LLM_C, "llm.c"),
        (make_log().encode(), "speedrun"),
    ],
)
def test_a_dialect_is_told_by_content(content, dialect):
    file = read(content)
    assert file.dialect == dialect and file.reason is None and file.runs
    assert (file.program_sha256 is None) == (not file.program_files) == (dialect in ("console", "fragment", "llm.c"))
    assert file.size == len(content) and len(file.content_sha256) == 64


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"script=train.py\nstarted_at=2026-05-06T02:35:44Z\n", "has no step lines"),
        (source_first(body="Resetting Model\n"), "after its last line of 100"),
        (steps().encode("utf-16"), "UTF-16"),
        (b"\0\xff" * 500, "has no step lines"),
        (make_log(hyperparameters={}).replace('"seed": 1', '"seed": "x"', 1).encode(), "seed"),
    ],
)
def test_what_is_no_log_says_why(content, reason):
    file = read(content)
    assert file.dialect == "none" and file.runs == () and file.reason and reason in file.reason
    assert "\n" not in file.reason


def test_our_own_logs_say_what_they_say_to_the_leaderboard():
    file = read(make_log(seed=7, planned=20, every=5, final=1.75))
    run = only(file)
    assert run.complete and run.final and run.final[:2] == (20, 1.75) and len(run.val) == 5 and not run.warnings
    assert file.more["seed"] == 7 and file.more["milestone"] == "00_baseline" and file.date == "2026-11-21T01:07:03Z"


@pytest.mark.parametrize(("finished", "said"), [(None, "cut off"), ("interrupted", "inter"), ("diverged", "di")])
def test_our_own_logs_that_ended_early_say_so(finished, said):
    run = only(read(make_log(finished=finished, stop_at=50)))
    assert not run.complete and said in run.warnings[0] and "step 50 of 100" in run.warnings[0]


def test_line_ends_and_a_byte_order_mark_do_not_matter():
    plain = read(source_first())
    for content in (source_first().replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + source_first()):
        file = read(content)
        assert (file.runs, file.program_sha256, file.gpu, file.date) == (
            plain.runs, plain.program_sha256, plain.gpu, plain.date)  # fmt: skip


# The traps of the public archive, by their numbers


def test_trap_1_a_loss_in_the_program_does_not_count():
    program = PROGRAM + "step:5/7 val_loss:0.4 train_time:1ms step_avg:1.00ms\n"
    run = only(read(source_first(program=program)))
    assert run.planned_steps == 20 and [val.step for val in run.val] == [0, 10, 20]


@pytest.mark.parametrize(
    "line",
    [
        "val_loss:0.4",
        " step:5/20 val_loss:0.4 train_time:1ms step_avg:1.00ms",
        "x step:5/20 val_loss:0.4 train_time:1ms step_avg:1.00ms",
        'print(f"step:5/20 val_loss:0.4 train_time:1ms step_avg:1.00ms")',
        "step:5/20 val_loss:.4 train_time:1ms step_avg:1.00ms",
        "step:5/20 val_loss:0.4 train_time:1 step_avg:1.00ms",
        "step:5/20 val_loss:-0.4 train_time:1ms step_avg:1.00ms",
        "step:1234567890/20 val_loss:0.4 train_time:1ms step_avg:1.00ms",
    ],
)
def test_trap_1_only_whole_lines_count(line):
    assert only(read(source_first(body=f"{line}\n{steps()}"))) == only(read(source_first()))


def test_trap_2_seconds_and_milliseconds():
    run = only(read(source_first(body=steps(unit="s"))))
    assert run.val == only(read(source_first())).val and run.val[-1] == Val(20, 3.2765, 2000)
    exact = only(read("step:125/125 val_loss:4.66393 train_time:22.870s step_avg:182.95ms"))
    assert exact.val == (Val(125, 4.66393, 22870),)


def reset_log(planned: int = 20, last: int | None = None) -> bytes:
    lines = [f"step:0/{planned} val_loss:10.8258 train_time:0ms step_avg:nanms"]
    for step in range(1, (last or planned) + 1):
        ms = 30_000 + 100 * step if step <= 10 else 100 * (step - 10)
        average = "100.00" if step > 12 else "nan"
        lines.append(f"step:{step}/{planned} train_loss:5.1234 train_time:{ms}ms step_avg:{average}ms")
    lines.append(f"step:{planned}/{planned} val_loss:3.2785 train_time:1010ms step_avg:101.00ms")
    return source_first(body="\n".join(lines[: None if last is None else -1]) + "\n")


def test_trap_3_the_clock_starts_anew_after_step_10():
    run = only(read(reset_log()))
    assert run.clock_reset_at == 10 and run.complete and run.final == Val(20, 3.2785, 1010)
    assert any("after step 10" in warning for warning in run.warnings)


def test_trap_3_a_log_cut_at_step_10_shows_it_by_nan():
    assert only(read(reset_log(last=10))).clock_reset_at == 10
    assert only(read(reset_log(last=9))).clock_reset_at is None


def test_trap_3_whatever_the_date_no_fall_is_no_reset():
    old = HEADER.replace("Mon Jul 13 06:17:32 2026", "Sun Nov 10 06:17:32 2024")
    file = read(source_first(header=old))
    assert file.date == "2024-11-10T06:17:32" and only(file).clock_reset_at is None


@needs_sample
@pytest.mark.parametrize(
    ("path", "reset"),
    [
        (f"{TRACK_1}/2025-01-16_Sub3Min/1d3bd93b-a69e-4118-aeb8-8184239d7566.txt", 10),
        (f"{TRACK_2}/2025-01-18/241dd7a7-3d76-4dce-85a4-7df60387f32a.txt", 10),
        (f"{TRACK_1}/2025-02-01_RuleTweak/eff63a8c-2f7e-4fc5-97ce-7f600dae0bc7.txt", None),
        (f"{TRACK_3}/1bd8db7a-f3a3-4195-856d-cab7e0816443.txt", None),
    ],
)
def test_trap_3_real_logs(path, reset):
    assert {run.clock_reset_at for run in sample(path).runs} == {reset}


def test_trap_4_programs_tell_runs_of_one_folder_apart():
    one, other = read(source_first()), read(source_first(program=PROGRAM + "# other\n"))
    assert one.program_sha256 != other.program_sha256 and one.runs == other.runs


@needs_sample
def test_trap_5_how_many_gpus_is_the_logs_word():
    one = sample(f"{PREFIX}/1b20ccf2-cb2f-4b6b-bc8a-2d9cd146f549.txt")
    eight = sample(f"{PREFIX}-8x/22c7c92f-f881-446a-8c03-eb32e1b1eb87.txt")
    assert (one.gpu, one.gpu_count, eight.gpu, eight.gpu_count) == (H100, 1, H100, 8)


def test_trap_7_several_runs_split_where_the_step_goes_back():
    body = steps() + "trial:1/25 seed:0\n" + steps(first=1) + steps(planned=20, first=20) + steps(first=3, last=7)
    body = body.replace("val_loss:3.2765 ", "val_loss:3.2 ", 1)
    runs = read(source_first(body=body)).runs
    assert [[val.step for val in run.val] for run in runs] == [[0, 10, 20], [10, 20], []]
    assert [run.last_step for run in runs] == [20, 20, 7] and [run.complete for run in runs] == [True, True, False]
    assert "run 1 of the 3" in runs[0].warnings[0] and [run.index for run in runs] == [0, 1, 2]


def test_trap_7_runs_with_only_their_final_line():
    lines = [f"step:3350/3350 val_loss:3.27{n} train_time:49{n}.855s step_avg:146.79ms" for n in range(5)]
    runs = read("\n".join(lines)).runs
    assert [run.final and run.final.loss for run in runs] == [3.27, 3.271, 3.272, 3.273, 3.274]
    assert all(run.complete for run in runs)


@needs_sample
def test_trap_7_a_file_of_20_runs():
    runs = sample(f"{TRACK_3}/1bd8db7a-f3a3-4195-856d-cab7e0816443.txt").runs
    assert len(runs) == 20 and all(run.complete and run.last_step == 3350 for run in runs)
    assert runs[0].final == Val(3350, 3.27874, 496855) and runs[-1].final == Val(3350, 3.27839, 492485)


@needs_sample
def test_trap_7_a_console_that_repeats_the_last_lines_of_each_of_its_7_runs():
    file = sample(f"{SODA}/batch_combined_stdout.txt")
    assert file.dialect == "console" and len(file.runs) == 7 and all(run.complete for run in file.runs)
    assert [run.final and run.final.loss for run in file.runs] == [
        3.27569, 3.27668, 3.27615, 3.27340, 3.27493, 3.27478, 3.27497]  # fmt: skip
    assert (file.gpu, file.gpu_count) == ("NVIDIA H200", 4)
    assert all("3 lines repeat" in " ".join(run.warnings) for run in file.runs)


def test_trap_7_a_run_that_crashed_and_began_anew_is_two_runs():
    crashed = steps(planned=100, every=50, last=30)
    for body in (crashed + steps(planned=100, every=50), steps(planned=100, every=50) + crashed):
        runs = read(source_first(body=body)).runs
        assert sorted((run.last_step, run.complete) for run in runs) == [(30, False), (100, True)]


def test_trap_7_lines_printed_twice_count_once():
    twice = "".join(f"{line}\n{line}\n" for line in steps(every=5).splitlines() if "val_loss" in line)
    assert len(only(read(twice)).val) == 5


@needs_sample
def test_trap_8_copies_of_a_run_have_one_identity():
    paths = [f"{TRUSTLIGHT}/fake_log_from_seed0.txt", f"{SEED_0}/stdout.txt", f"{SEED_0}/final_val_loss.txt"]
    files = [sample(path) for path in paths]
    assert [file.dialect for file in files] == ["source-first", "console", "fragment"]
    assert len({identity for file in files for identity in file.identities}) == 1


@needs_sample
def test_trap_9_a_run_that_stops_before_the_planned_steps():
    run = only(sample(AURORA))
    assert (run.planned_steps, run.last_step, run.complete) == (2900, 2860, False)
    assert run.final == Val(2860, 3.27837, 2145235) and "ends at its validation 2860 of 2900" in run.warnings


@needs_sample
def test_trap_10_other_loss_columns():
    path = f"{TRACK_3}/20260619_cwd_rowfloor_tailema/A40_seed0_5c87fa44-7ca7-4d54-971d-d952f9b15792.txt"
    run = only(sample(path))
    assert set(run.others) == {"val_avg_loss", "val_ema_loss"}
    at = [val.step for val in run.val].index(2690)
    assert (run.val[at].loss, run.others["val_ema_loss"][at]) == (3.28208, 3.27795)
    assert len(run.others["val_ema_loss"]) == len(run.val) and run.complete
    assert "val_ema_loss" in run.warnings[-1]


def test_trap_10_a_column_that_begins_late_is_none_before():
    late = steps().replace("val_loss:3.2765", "val_loss:3.2765 val_ema_loss:3.27")
    assert only(read(late)).others == {"val_ema_loss": (None, None, 3.27)}


@needs_sample
def test_trap_11_the_truncated_log():
    run = only(sample(TRUNCATED))
    assert not run.complete and run.last_step == 1555 and run.final == Val(1500, 3.2950, 91701)
    assert "ends at train line 1555 of 1555; last validation 1500" in run.warnings


def test_trap_13_the_time_is_the_validations():
    val = "step:20/20 val_loss:3.2 train_time:2000ms step_avg:100.00ms\n"
    body = f"step:20/20 train_time:1990ms step_avg:99.50ms\n{val}"
    assert only(read(body)).val == (Val(20, 3.2, 2000),)


def test_trap_14_other_lines_with_steps_in_them():
    others = (
        "Warmup step 1/10\nSampling steps [0, 1, 453] for warmup\ntrial:1/25 seed:0\nUsing train_steps=3125\n"
        "captured_ref_extrap_state step:2375\ntailavg step:2740 tau:400 lambda:0.75 val_loss:3.28226\n"
        "trail_delta step:2850 gamma:-0.12\ntail_ema initialized step:2400\n"
    )
    body = others.join(steps().splitlines(keepends=True))
    assert only(read(source_first(body=body))) == only(read(source_first()))


def test_trap_16_planned_steps_are_of_the_step_lines():
    assert only(read(source_first(header="Using train_steps=9\n"))).planned_steps == 20


def test_trap_18_dates_come_from_lines_of_the_header():
    assert read(source_first()).date == "2026-07-13T06:17:32"
    assert read(f"Mon May 18 13:54:45 UTC 2026\n{steps()}").date == "2026-05-18T13:54:45Z"
    assert read(f"Run UTC timestamp=2026-05-25T02:45:21Z\n{steps()}").date == "2026-05-25T02:45:21Z"
    assert read(f"Mon Feb 31 13:54:45 2026\n{steps()}").date is None
    named = read_file("2024-10-10_Muon/2026-02-16_21-30-05_8xH100.txt", steps().encode())
    assert (named.date, named.gpu) == (None, None)


@pytest.mark.parametrize(
    ("header", "facts"),
    [
        ("Running python 3.10.12 (main)\n", {"python": "3.10.12"}),
        ("Running pytorch 2.4.1+cu121 compiled for CUDA 12.1\n", {"torch": "2.4.1+cu121", "cuda": "12.1"}),
        (HEADER, {"gpu": "NVIDIA H800", "gpu_count": 2, "driver": "580.126.09", "cuda": "13.0", "python": "3.12.3"}),
        (
            "Running PyTorch 2.11.0 compiled for CUDA 12.8 on NVIDIA GH200 480GB with world_size 8\n",
            {"gpu": "NVIDIA GH200 480GB", "gpu_count": 8, "torch": "2.11.0", "cuda": "12.8"},
        ),
        (HEADER + "Running PyTorch 9.9 compiled for CUDA 9.9\n", {"torch": "2.11.0+cu130", "cuda": "13.0"}),
        (HEADER + "Running on device_name=NVIDIA L40S with world_size=1\n", {"gpu": "NVIDIA L40S", "gpu_count": 1}),
        ("GPU 0: NVIDIA H200 (UUID: GPU-b8)\ntorch 2.11.0+cu130\n", {"gpu": "NVIDIA H200", "torch": "2.11.0+cu130"}),
        (
            "GPU Name   \n0   NVIDIA H100 80GB HBM3     35    117        6340            81559           0     %\n",
            {"gpu": H100, "gpu_count": 1},
        ),
        ("nothing of that kind\n", {"gpu": None, "gpu_count": None, "python": None, "torch": None, "date": None}),
        ("Running PyTorch \x1b[31m2.0 compiled\n", {"torch": "�[31m2.0"}),
    ],
)
def test_trap_19_wordings_of_headers(header, facts):
    file = read(source_first(header=header))
    assert {name: getattr(file, name) for name in facts} == facts


def test_trap_20_headers_in_the_program_do_not_count():
    program = PROGRAM + "Running PyTorch 1.0 compiled for CUDA 9.0\nMon Jan  1 00:00:00 2024\n"
    file = read(source_first(program=program))
    assert (file.torch, file.date) == ("2.11.0+cu130", "2026-07-13T06:17:32")


@pytest.mark.parametrize(
    ("line", "memory"),
    [
        ("peak memory allocated: 36348 MiB reserved: 52032 MiB", 36348),
        ("peak memory consumption: 30724 MiB", 30724),
        ("", None),
    ],
)
def test_peak_memory(line, memory):
    assert read(source_first(body=steps() + line)).peak_memory_mib == memory


# Runs that are not as they should be


def test_llm_c_states_neither_plan_nor_time():
    run = only(read(LLM_C))
    assert run.val == (Val(0, 10.983, None), Val(2, 9.5, None)) and run.planned_steps is None and not run.complete
    assert "how many steps were planned" in run.warnings[0]


def test_losses_that_are_not_finite_are_told_and_left_out():
    run = only(read(steps().replace("val_loss:3.2765", "val_loss:nan")))
    assert [val.step for val in run.val] == [0, 10] and not run.complete
    assert "validations that are not finite: 1" in run.warnings


def test_a_clock_that_goes_back_later_is_told():
    body = steps(planned=100, every=50).replace("train_time:10000ms", "train_time:10ms")
    assert "its clock goes back from 5000 to 10 ms at step 100" in only(read(body)).warnings


def test_another_number_of_planned_steps_is_another_run():
    assert [run.planned_steps for run in read(steps(planned=20) + steps(planned=40, first=21)).runs] == [20, 40]


def test_trap_17_a_name_may_be_anything():
    names = ("record.txt", "train_gpt-20250329.txt", "NorMuon Fixes and PreMul-O - 06113.txt", "2025-01-18/main.log")
    assert all(read_file(name, source_first()).runs == read(source_first()).runs for name in names)


def test_a_file_of_very_many_runs_is_read_in_part_and_says_so():
    runs = read("step:1/2 train_time:1ms step_avg:1.0ms\n" * 2000).runs
    assert len(runs) == 1000 and "of the 2000 in its file, of which only 1000 are read" in runs[0].warnings[0]


# The sample, against what grep says of its files


# dialect, validations, GPUs, peak memory, last step, its loss, its ms, path: by grep, tail and eye; - is not stated
BY_GREP = f"""
separator-first  51 8 -      6200 3.2785   1339067  {TRACK_1}/2024-10-10_Muon/eb5659d0-fb6a-49e5-a311-f1f89412f726.txt
separator-first  16 8 -      1875 3.2783    301825  {TRACK_1}/2024-11-19_FlexAttention/8384493d-dba9-4991-b16b-8696953f5e6d.txt
source-first     14 8 -      1530 3.2751    264608  {TRACK_1}/2024-12-04_ValueEmbed/00008ea0-21dd-442a-82ee-d12799249d0f.txt
source-first     16 8 30724  1770 3.2788    179828  {TRACK_1}/2025-02-01_RuleTweak/eff63a8c-2f7e-4fc5-97ce-7f600dae0bc7.txt
source-first     15 8 34460  1750 3.2780    169042  {TRACK_1}/2025-07-18_TritonMuon/record.txt
source-first      7 8 30617  1375 3.2805     78513  {PREFIX}-8x/22c7c92f-f881-446a-8c03-eb32e1b1eb87.txt
source-first      7 1 36348  1375 3.2767    595779  {PREFIX}/1b20ccf2-cb2f-4b6b-bc8a-2d9cd146f549.txt
source-first     55 8 57971  6710 2.919423 1556945  {TRACK_2}/2025-03-25_ArchOptTweaks/train_gpt-20250329.txt
source-first     61 8 56828  7500 2.9166   1756892  {TRACK_2}/2025-01-18/241dd7a7-3d76-4dce-85a4-7df60387f32a.txt
source-first     47 8 56505  5640 2.919060 1405181  {TRACK_2}/2025-09-16_Snoo/000_01db7a67-f715-4114-a7b5-6bfe23bac1b1.txt
source-first     28 4 -      3040 3.27560  1053667  {SODA}/code_logs/0fdbe617-37dd-470d-b033-b6ec24fc13fc.txt
console          28 4 -      3040 3.27655  1080660  {SODA}/stdout/seed0_stdout.txt
llm.c            80 - -     19560 3.2722         -  {TRACK_1}/2024-10-13_llmc/main.log
llm.c           241 - -     60000 2.9282         -  {TRACK_2}/2025-01-18/main.log
fragment          1 - -      3175 3.27713  1134603  {SEED_0}/final_val_loss.txt
"""  # noqa: E501


@needs_sample
@pytest.mark.parametrize("row", BY_GREP.strip().splitlines())
def test_real_logs_against_grep(row):
    dialect, *stated, path = row.split()
    vals, gpus, memory, *final = (None if text == "-" else float(text) for text in stated)
    file = sample(path)
    run = only(file)
    assert (file.dialect, file.gpu_count, file.peak_memory_mib) == (dialect, gpus, memory)
    assert len(run.val) == vals and run.final == tuple(final)
    assert run.complete == (dialect != "llm.c")


# Any bytes


def sound(file: LogFile) -> None:
    json.dumps(vars(file), default=vars, allow_nan=False)
    assert (file.reason is None) == bool(file.runs) == (file.dialect != "none")
    for run in file.runs:
        assert 0 <= (run.planned_steps or 0) < 10**9 and 0 <= (run.last_step or 0) < 10**9
        assert all(math.isfinite(val.loss) and (val.ms is None or math.isfinite(val.ms)) for val in run.val)
        assert [val.step for val in run.val] == sorted({val.step for val in run.val})
        assert all(len(column) == len(run.val) for column in run.others.values())


SEEDS = [source_first(body=steps(last=15) + steps(unit="s")), reset_log(), LLM_C, make_log(planned=6, every=3).encode()]
SEEDS.append(f"{LINE}\n".encode() + source_first(program=PROGRAM * 2) + b"peak memory consumption: 30724 MiB")
if RECORDS.is_dir():  # real ones that are short
    SEEDS += [(RECORDS / SODA / "batch_combined_stdout.txt").read_bytes(), (RECORDS / AURORA).read_bytes()]
    SEEDS += [(RECORDS / TRACK_1 / "2024-10-10_Muon/eb5659d0-fb6a-49e5-a311-f1f89412f726.txt").read_bytes()[:12_000]]


@st.composite
def bytes_near_a_log(draw):
    """Random bytes, and logs cut, spliced with each other, with bytes replaced, and in other encodings."""
    one, other = draw(st.sampled_from(SEEDS)), draw(st.sampled_from(SEEDS))
    start, end = draw(st.integers(0, len(one))), draw(st.integers(0, len(other)))
    new = draw(st.one_of(st.binary(max_size=40), st.sampled_from([b"\n", b"\r", b"\0", b"9" * 5000, LINE.encode()])))
    text = draw(st.sampled_from([one[:start] + new + other[end:], one[:start] + new + one[start + len(new) :], new]))
    return draw(st.sampled_from([text, text.replace(b"\n", b"\r"), text.decode("latin-1").encode("utf-16"), text * 2]))


@settings(max_examples=300)
@given(bytes_near_a_log())
def test_no_bytes_raise_anything(content):
    sound(read(content))


@pytest.mark.parametrize(
    "content",
    [
        b"=" * 3_000_000,
        (b"=" * 99 + b"\n") * 20_000,
        (LINE + "\n").encode() * 10_000,
        b"step:1/1 val_loss:" * 100_000,
        b"\n step:1/9 val_loss:" * 100_000,
        b"step:1/2 val_loss:1.0 train_time:1ms step_avg:1.0ms " * 50_000,
        b"".join(b"step:%d/2 val_loss:1.0 train_time:1ms step_avg:1.0ms\n" % (step % 2) for step in range(4000)),
        b"step:1/2 train_time:1ms step_avg:1.0ms\n" * 20_000,
        b"s:0 tel:" + b"9" * 1_000_000,
        b"\n" + b"-" * 40 + b"\n",
        (b"\n" + b"-" * 40) * 20_000 + f"\n{LINE}\n{steps()}".encode(),
        b'{"speedrun_log' * 100_000,
        b"Running PyTorch " + b" " * 1_000_000 + steps().encode(),
        b"|   0  " + b"N " * 500_000 + b"\n" + steps().encode(),
    ],
)  # fmt: skip
def test_texts_made_to_take_long(content):
    """Each within a fraction of a second: a pattern that backtracks would take minutes."""
    sound(read(content))
