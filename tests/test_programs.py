"""The program inside a log: found in every dialect, split into the files it was glued from, under safe names."""

import hashlib

import pytest
from archive_made import KERNELS, LINE, PROGRAM, RECORDS, needs_sample, source_first, steps
from hypothesis import given
from hypothesis import strategies as st
from logs_made import PROGRAM as OWN_PROGRAM
from logs_made import make_log
from speedrun.reading.dialects import read_file
from speedrun.reading.programs import MAIN, embedded, separators, split

DASHES = b"-" * 40


def names(program: bytes) -> list[str]:
    return [file.name for file in split(program)]


def test_the_program_of_each_dialect():
    assert embedded(source_first()) == PROGRAM.encode()
    assert embedded(f"{LINE}\n".encode() + source_first()) == PROGRAM.encode()
    assert embedded(make_log().encode()) == OWN_PROGRAM.encode() + b"\n"
    assert embedded(source_first().replace(b"\n", b"\r\n")) == PROGRAM.encode()


@pytest.mark.parametrize("content", [b"", steps().encode(), b"s:0 tel:11.0\n", f"{LINE}\nimport os\n".encode()])
def test_none_where_there_is_none_or_its_end_is_missing(content):
    assert embedded(content) is None


@pytest.mark.parametrize("line", ["=" * 99, "=" * 101, "|" + LINE, " " + LINE, LINE + " "])
def test_only_a_line_of_exactly_100_separates(line):
    assert separators(f"a\n{line}\nb\n".encode()) == []
    assert len(separators(f"{LINE}\na\n{line}\n{LINE}".encode())) == 2


def test_split_names_the_kernels_and_keeps_their_text():
    main, kernels = split((PROGRAM + KERNELS).encode())
    assert (main.name, main.text) == (MAIN, PROGRAM.encode())
    assert (kernels.name, kernels.text) == ("triton_kernels.py", b"def kernel(x):\n    return x\n")


def test_split_of_a_program_without_dividers_is_the_program():
    program = b"# ------------------------------------------------------\nx = 1\n"
    assert [(file.name, file.text) for file in split(program)] == [(MAIN, program)]


def test_split_without_names_gives_those_of_the_public_logs_in_order():
    program = b"a\n" + b"".join(DASHES + b"\n%d\n" % n for n in range(3))
    assert names(program) == [MAIN, "triton_kernels.py", "dc_triton_kernels.py", "part_4.py"]


def test_a_name_may_stand_behind_the_dashes():
    assert names(b"a\n" + DASHES + b" # dc_triton_kernels.py\nb\n") == [MAIN, "dc_triton_kernels.py"]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (b"# ../../etc/cron.py", "cron.py"),
        (b"# C:\\\\x\\\\y.py", "y.py"),
        (b"# ...py", "py"),
        (b"# a\x1b[31m b.py", "a_31m_b.py"),
        (b"# -rf.py", "rf.py"),
        (b"# train_gpt.py", "train_gpt_2.py"),
        (b"# TRAIN_GPT.py", "TRAIN_GPT_2.py"),
        ("# \u202egpj.py".encode(), "_gpj.py"),
    ],
)
def test_names_are_safe_to_write(stated, expected):
    assert names(b"a\n" + DASHES + b"\n" + stated + b"\n" + DASHES + b"\nb\n") == [MAIN, expected]


@given(st.lists(st.sampled_from([DASHES, b"# x.py", b"/../y.py", b"\n", b"a", b" ", DASHES + b"\n# x.py\n" + DASHES])))
def test_any_program_splits_into_texts_of_its_own_under_names_of_their_own(parts):
    program = b"\n".join(parts)
    files = split(program)
    assert len({file.name for file in files}) == len(files)
    for file in files:
        assert file.name.isprintable() and not set(file.name) & set("/\\") and ".." not in file.name
        assert file.text.rstrip(b"\n") in program


@needs_sample
def test_real_logs_with_kernels():
    folder = RECORDS / "track_1_short/2026-07-13_PrefixTokenPrediction/prefix-1375"
    path = folder / "1b20ccf2-cb2f-4b6b-bc8a-2d9cd146f549.txt"
    content = path.read_bytes()
    program = embedded(content)
    file = read_file("x", content)
    assert program and file.program_files == (MAIN, "triton_kernels.py")
    assert file.program_sha256 == hashlib.sha256(program).hexdigest()
