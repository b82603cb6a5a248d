"""Reading an archive: what is found, what is refused and named, and what is read again."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from time import sleep

import pytest
from archive_made import SAMPLE, needs_sample, source_first, steps
from logs_made import write_log
from speedrun.errors import UserError
from speedrun.reading import archive, log_cache
from speedrun.reading.archive import SETTLED_NS, read_archive, read_files

SETTLED = 2 * SETTLED_NS / 1e9  # seconds after which a file is old enough to be kept


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "speedrun"


@pytest.fixture
def top(tmp_path) -> Path:
    """An archive of three logs and one file that is none."""
    top = tmp_path / "archive"
    for name in ("b/two words.txt", "a/one.log", "b/c/three.stdout"):
        put(top / "records" / name, source_first())
    put(top / "records" / "a" / "metadata.txt", b"seed=0\n")
    put(top / "records" / "README.md", steps().encode())
    put(top / "outside_of_records.txt", source_first())
    return top


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def paths(top: Path, **options) -> list[str]:
    return [file.path for file in read_archive(top, **options).files]


NAMES = ["records/a/metadata.txt", "records/a/one.log", "records/b/c/three.stdout", "records/b/two words.txt"]


def test_files_are_found_by_name_below_records_and_sorted(top):
    told = read_archive(top)
    assert [file.path for file in told.files] == NAMES and told.problems == ()
    assert [file.dialect for file in told.files] == ["none"] + ["source-first"] * 3


def test_without_records_all_of_the_folder_is_read(top):
    assert paths(top / "records" / "b") == ["c/three.stdout", "two words.txt"]


def test_no_folder_is_a_wrong_call(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_archive(tmp_path / "nowhere")


def test_what_cannot_or_must_not_be_read_is_named(top, tmp_path):
    put(tmp_path / "secret" / "s.txt", source_first())
    records = top / "records"
    (records / "out.txt").symlink_to(tmp_path / "secret" / "s.txt")
    (records / "outside").symlink_to(tmp_path / "secret")
    (records / "up.txt").symlink_to("../../secret/s.txt")
    (records / "dangling.txt").symlink_to(records / "nowhere")
    (records / "loop.txt").symlink_to(records / "loop.txt")
    (records / "around").symlink_to(records)
    (records / "folder_link.txt").symlink_to(records / "a")
    (records / "same.txt").symlink_to(records / "a" / "one.log")
    (records / "a folder.txt").mkdir()
    os.mkfifo(records / "pipe.txt")
    with open(records / "huge.txt", "wb") as file:
        file.truncate((256 << 20) + 1)
    told = read_archive(top)
    assert [file.path for file in told.files] == [*NAMES, "records/same.txt"]
    said = dict(problem.split(": ", 1) for problem in told.problems)
    outside = ["records/out.txt", "records/outside", "records/up.txt"]
    assert all("outside" in said[name] for name in outside)
    assert "No such file" in said["records/dangling.txt"] and "symbolic links" in said["records/loop.txt"]
    assert "not a regular file" in said["records/pipe.txt"] and "268,435,457" in said["records/huge.txt"]
    assert len(said) == len(outside) + 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_without_permission_it_is_named(top):
    (top / "records" / "a" / "one.log").chmod(0)
    (top / "records" / "b" / "c").chmod(0)
    told = read_archive(top)
    (top / "records" / "b" / "c").chmod(0o700)
    assert len(told.files) == 2 and all("Permission denied" in problem for problem in told.problems)
    assert len(told.problems) == 2


def test_what_a_clone_lists_and_does_not_have_is_named(top):
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", "-C", str(top), *command], check=True, capture_output=True)
    (top / "records" / "a" / "one.log").unlink()
    (top / "records" / "README.md").unlink()
    told = read_archive(top)
    assert len(told.files) == 3 and len(told.problems) == 1
    assert told.problems[0].startswith("records/a/one.log: the git clone lists it")


def test_what_a_clone_says_to_run_is_not_run(top, tmp_path):
    program = put(tmp_path / "program", f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n".encode())
    program.chmod(0o755)
    for command in (["init", "-q"], ["add", "."], ["config", "core.fsmonitor", str(program)]):
        subprocess.run(["git", "-C", str(top), *command], check=True, capture_output=True)
    (top / "records" / "a" / "one.log").unlink()
    assert len(read_archive(top).problems) == 1 and not (tmp_path / "ran").exists()
    subprocess.run(["git", "-C", str(top), "ls-files", "--deleted"], check=True, capture_output=True)
    assert (tmp_path / "ran").exists(), "git would have run it"


def test_strange_names_are_shown_safely(top):
    put(top / "records" / "a" / "\x1b[31m\n.txt", source_first())
    put(Path(os.fsdecode(os.fsencode(top / "records") + b"/\xff.txt")), source_first())
    for _ in range(2):
        told = read_archive(top)
        assert len(told.files) == 6 and all(file.path.isprintable() for file in told.files)
        sleep(SETTLED)


def test_progress_tells_of_every_file(top):
    told = []
    read_archive(top, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


# What is kept


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """The names of the files that were read."""
    names: list[str] = []
    read = archive.read_file
    monkeypatch.setattr(archive, "read_file", lambda name, content: names.append(name) or read(name, content))
    return names


def test_an_unchanged_file_is_not_read_again_and_says_the_same(top, counted):
    sleep(SETTLED)
    first = read_archive(top)
    assert len(counted) == 4
    assert read_archive(top) == first and len(counted) == 4
    assert read_archive(top, cache=False) == first and len(counted) == 8


def test_logs_of_our_own_come_back_from_the_cache_as_they_were(tmp_path, counted):
    write_log(tmp_path / "runs", seed=3)
    sleep(SETTLED)
    assert read_archive(tmp_path / "runs") == read_archive(tmp_path / "runs") and len(counted) == 1


def test_a_changed_file_is_read_again_though_size_and_mtime_are_as_they_were(top, counted):
    path = top / "records" / "a" / "one.log"
    sleep(SETTLED)
    read_archive(top)
    status = path.stat()
    path.write_bytes(source_first().replace(b"3.2765", b"3.1765"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns and path.stat().st_size == status.st_size
    final = read_archive(top).files[1].runs[0].final
    assert final and final.loss == 3.1765 and counted[4:] == ["records/a/one.log"]


def test_a_file_as_young_as_the_clocks_tick_is_not_kept(top, counted):
    read_archive(top)
    read_archive(top)
    assert len(counted) == 8


def test_a_file_that_grew_while_it_was_read_is_not_kept(top, counted, monkeypatch):
    read = archive.read_file
    monkeypatch.setattr(archive, "read_file", lambda name, content: read(name, content + b"more"))
    sleep(SETTLED)
    read_archive(top)
    read_archive(top)
    assert len(counted) == 8


def test_new_and_vanished_files(top, counted):
    sleep(SETTLED)
    read_archive(top)
    (top / "records" / "a" / "one.log").unlink()
    put(top / "records" / "new.txt", source_first())
    assert paths(top) == [NAMES[0], *sorted([*NAMES[2:], "records/new.txt"])] and counted[4:] == ["records/new.txt"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"3.2765", b"1.0000"),
        lambda content: b"",
        lambda content: os.urandom(1000),
        lambda content: b"[" * 100_000,
    ],
)
def test_a_cache_file_that_is_cut_or_tampered_with_is_ignored(top, cache_folder, damage, counted):
    sleep(SETTLED)
    first = read_archive(top)
    (kept,) = cache_folder.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert read_archive(top) == first and len(counted) == 8
    assert read_archive(top) == first and len(counted) == 8  # mended


@pytest.mark.parametrize(
    "table", [[], {}, {"files": 1}, {"files": {"x": [[1], {}]}}, {"files": {"x": [[1, 2, 3, 4], {"a": 1}]}}]
)
def test_a_cache_file_of_another_shape_is_ignored(top, cache_folder, table):
    sleep(SETTLED)
    first = read_archive(top)
    (kept,) = cache_folder.iterdir()
    rest = json.dumps(table | {"version": log_cache.version()} if isinstance(table, dict) else table).encode()
    kept.write_bytes(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    assert read_archive(top) == first


def test_what_another_version_of_the_reader_kept_is_ignored(top, monkeypatch, counted):
    sleep(SETTLED)
    read_archive(top)
    monkeypatch.setattr(log_cache, "version", lambda: "other")
    read_archive(top)
    assert len(counted) == 8


def test_a_cache_folder_that_cannot_be_written_is_no_error(top, cache_folder):
    put(cache_folder, b"a file where the folder should be")
    assert paths(top) == NAMES


def test_without_cache_nothing_is_written(top, cache_folder):
    sleep(SETTLED)
    read_archive(top, cache=False)
    assert not cache_folder.exists()


# Files and folders named


def test_named_files_and_folders_keep_the_names_that_were_typed(top, monkeypatch):
    monkeypatch.chdir(top)
    files, problems = read_files([Path("records/a/one.log"), Path("records/b"), Path("records/a/one.log")])
    assert [file.path for file in files] == ["records/a/one.log", "records/b/c/three.stdout", "records/b/two words.txt"]
    assert problems == []


def test_named_files_that_cannot_be_read_are_problems(top):
    os.mkfifo(top / "pipe")
    files, problems = read_files([top / "nowhere", top / "pipe", Path("nul\0")])
    assert files == [] and len(problems) == 3


@needs_sample
def test_the_sample_as_a_whole_against_grep_and_awk():
    """166 files with step lines hold 198 runs where the step goes back, 7 of them repeats; and 3 files are llm.c's."""
    told = read_archive(SAMPLE, cache=False)
    runs = [run for file in told.files for run in file.runs]
    assert told.problems == ()
    assert (len(told.files), sum(not file.runs for file in told.files)) == (176, 7)
    distinct = {identity for file in told.files for identity in file.identities}
    assert (len(runs), sum(run.complete for run in runs), len(distinct)) == (194, 177, 183)
    assert sum(run.clock_reset_at == 10 for run in runs) == 30
    assert sum(len(file.runs) > 1 for file in told.files) == 2
