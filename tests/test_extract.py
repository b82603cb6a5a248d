"""speedrun extract: programs out of git clones, archives and logs, made for the test; hostile ones too."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import git
import pytest
from logs_made import write_log
from speedrun.cli import run_verb
from speedrun.reading.programs import ProgramFile
from speedrun.study import snapshot_files, snapshots

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "archive_sample"
needs_sample = pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample of the public archive is not on this machine")
OLD, NEW = "import sys\n\nprint('old')\n", "print('new')\n"
RULE = "=" * 100
STEPS = f"{RULE}\nRunning PyTorch 2.5.0\n{RULE}\nstep:0/10 val_loss:10.8 train_time:0ms step_avg:nanms\n"
STEPS += "step:10/10 val_loss:3.27 train_time:1000ms step_avg:100.00ms\n"
AUTHOR = git.Actor("Someone", "someone@example.org")


def extract(*arguments: object) -> int:
    return run_verb("extract", "extract", [str(argument) for argument in arguments])


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def provenance(folder: Path) -> dict:
    return json.loads((folder / "provenance.json").read_text())


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def commit(repo: git.Repo, message: str, **files: str) -> str:
    """The sha of a commit that adds these files."""
    for name, text in files.items():
        path = Path(repo.working_dir, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    repo.git.add("--all")
    date = "2024-10-10T12:00:00 +0000"
    return repo.index.commit(message, author=AUTHOR, committer=AUTHOR, author_date=date, commit_date=date).hexsha


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory; git knows no settings of this machine, and what is kept of archives is kept in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def clone(here):
    """A clone with two commits: train_gpt2.py and kernels/one.py, old and then new."""
    repo = git.Repo.init(here / "clone", initial_branch="master")
    first = commit(repo, "old", **{"train_gpt2.py": OLD, "kernels/one.py": "1\n"})
    repo.create_tag("v1", first)
    commit(repo, "new", **{"train_gpt2.py": NEW})
    yield repo
    repo.close()


# Out of a git clone


def test_a_file_at_a_revision(clone, here, capsys):
    sha = clone.commit("v1").hexsha
    assert extract("--repo", "clone", "--rev", sha[:7], "--path", "train_gpt2.py", "--to", "old") == 0
    assert (here / "old" / "train_gpt2.py").read_text() == OLD
    assert files_below(here / "old") == {"train_gpt2.py", "provenance.json"}
    said = provenance(here / "old")
    assert said["source"] == "git" and said["where"] == "clone" and said["path"] == "train_gpt2.py"
    assert said["revision"] == sha and said["committed"] == "2024-10-10T12:00:00+00:00"
    assert said["files"] == [
        {"name": "train_gpt2.py", "bytes": len(OLD), "lines": 3, "sha256": sha256(OLD), "syntax": None}
    ]
    line, following = capsys.readouterr().out.splitlines()
    assert line.split() == ["old", "train_gpt2.py", "3", "lines", sha256(OLD)[:12]]
    assert following == "next: speedrun diff 00_baseline old"


def test_the_same_call_gives_the_same_bytes(clone, here):
    for name in ("one", "two"):
        assert extract("--repo", "clone", "--rev", "v1", "--path", "train_gpt2.py", "--to", name) == 0
    assert files_below(here / "one") == files_below(here / "two")
    for name in files_below(here / "one"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


@pytest.mark.parametrize("rev", ["HEAD", "master", "v1", "HEAD~1", "master^0", ":/old"])
def test_any_revision_does(clone, here, rev):
    assert extract("--repo", "clone", "--rev", rev, "--path", "./train_gpt2.py", "--to", "out") == 0
    assert (here / "out" / "train_gpt2.py").read_text() == (NEW if rev in ("HEAD", "master", "master^0") else OLD)


def test_without_rev_it_is_head_and_the_working_tree_does_not_matter(clone, here):
    (here / "clone" / "train_gpt2.py").write_text("changed, not committed\n")
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out") == 0
    assert (here / "out" / "train_gpt2.py").read_text() == NEW


def test_bare_and_packed_clones_and_files_in_folders(clone, here):
    clone.git.repack("-ad")
    clone.clone(str(here / "bare.git"), bare=True)
    assert extract("--repo", "bare.git", "--rev", "v1", "--path", "kernels/one.py", "--to", "out") == 0
    assert files_below(here / "out") == {"one.py", "provenance.json"}
    assert provenance(here / "out")["path"] == "kernels/one.py"


def test_a_file_that_is_no_python_is_taken_as_it_is(clone, here):
    commit(clone, "binary")
    Path(clone.working_dir, "a.bin").write_bytes(b"\x00\xff\r\n")
    commit(clone, "binary")
    assert extract("--repo", "clone", "--path", "a.bin", "--to", "out") == 0
    assert (here / "out" / "a.bin").read_bytes() == b"\x00\xff\r\n"
    assert provenance(here / "out")["files"][0]["syntax"] is None


@pytest.mark.parametrize(
    ("rev", "path", "said"),
    [
        ("0123456", "train_gpt2.py", "no commit '0123456'"),
        ("no-such-branch", "train_gpt2.py", "no commit 'no-such-branch'"),
        ("--upload-pack=touch marker", "train_gpt2.py", "no commit '--upload-pack=touch marker'"),
        ("--output=marker", "train_gpt2.py", "no commit"),
        ("-1", "train_gpt2.py", "no commit '-1'"),
        ("HEAD~9999999", "train_gpt2.py", "no commit"),
        ("HEAD^{", "train_gpt2.py", "no commit"),
        ("HEAD:train_gpt2.py", "train_gpt2.py", "no commit"),
        ("v1\nHEAD", "train_gpt2.py", "no commit"),
        ("x" * 5000, "train_gpt2.py", "no commit"),
        ("HEAD", "train_gpt.py", "did you mean train_gpt2.py?"),
        ("HEAD", "kernels/two.py", "kernels/one.py"),
        ("HEAD", "kernels", "is a folder"),
        ("HEAD", "train_gpt2.py/x", "train_gpt2.py is no folder"),
        ("HEAD", "../secret", "name a file inside the clone"),
        ("HEAD", "/etc/passwd", "name a file inside the clone"),
        ("HEAD", "", "name a file inside the clone"),
    ],
)
def test_a_wrong_revision_or_path_ends_in_one_line(clone, here, capsys, rev, path, said):
    assert extract("--repo", "clone", f"--rev={rev}", f"--path={path}", "--to", "out") == 2
    out, err = capsys.readouterr()
    assert said in err and err.count("\n") == 1 and out == "" and len(err) < 600
    assert not (here / "out").exists() and not list(here.rglob("marker"))


def test_links_and_submodules_are_refused(clone, here, capsys):
    Path(clone.working_dir, "link.py").symlink_to("/etc/passwd")
    clone.git.add("--all")
    clone.git.update_index("--add", "--cacheinfo", f"160000,{clone.head.commit.hexsha},vendored")
    clone.index.update()
    clone.index.commit("links", author=AUTHOR, committer=AUTHOR)
    for path, said in (("link.py", "symbolic link"), ("vendored", "submodule"), ("vendored/x.py", "is no folder")):
        assert extract("--repo", "clone", "--path", path, "--to", "out") == 2
        assert said in capsys.readouterr().err
    assert not (here / "out").exists()
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out") == 0  # what lies beside them is read


def test_what_is_no_clone_ends_in_one_line(here, capsys):
    (here / "plain").mkdir()
    url = "https://example.org/x"
    for where, said in (("plain", "no git clone"), ("absent", "no such folder"), (url, "git clone URL")):
        assert extract("--repo", where, "--path", "x.py", "--to", "out") == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1


def test_clones_without_a_commit_and_of_another_format_end_in_one_line(here, capsys):
    for arguments, said in (((), "no commit 'HEAD'"), (("--object-format=sha256",), "SHA-256")):
        shutil.rmtree("empty", ignore_errors=True)
        subprocess.run(["git", "init", "-q", *arguments, "empty"], check=True)
        assert extract("--repo", "empty", "--path", "x.py", "--to", "out") == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1


def test_malformed_commits_and_trees_end_in_one_line(clone, here, capsys):
    def store(kind: str, content: bytes) -> str:
        call = ["git", "-C", "clone", "hash-object", "-t", kind, "-w", "--stdin", "--literally"]
        return subprocess.run(call, input=content, capture_output=True, check=True).stdout.decode().strip()

    blob = (clone.commit("HEAD").tree / "train_gpt2.py").binsha
    person = b"x <x> 1 +0000"
    trees = [b"100644 ../x.py\0" + blob, b"100644 ..\0" + blob, b"777777 x.py\0" + blob, b"100644 x.py\0" + blob[:7]]
    commits = [b"", b"tree", b"tree zz\n", b"tree " + blob.hex()[:39].encode() + b"\nauthor x\ncommitter y\n\n"]
    for tree in trees:
        sha = store("tree", tree).encode()
        commits.append(b"tree %s\nauthor %s\ncommitter %s\n\nm" % (sha, person, person))
    for content in commits:
        assert extract("--repo", "clone", "--rev", store("commit", content), "--path", "x.py", "--to", "out") == 2
        assert capsys.readouterr().err.count("\n") == 1 and not (here / "out").exists()


def test_a_damaged_clone_ends_in_one_line(clone, here, capsys):
    blob = clone.commit("HEAD").tree / "train_gpt2.py"
    Path(clone.git_dir, "objects", blob.hexsha[:2], blob.hexsha[2:]).unlink()
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out") == 2
    assert "does not hold" in capsys.readouterr().err
    Path(clone.git_dir, "HEAD").write_bytes(b"ref: refs/heads/\xff\x00\n")
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out") == 2
    assert capsys.readouterr().err.count("\n") == 1


def hostile_settings(repo: git.Repo, marker: Path) -> None:
    """Every setting with a command that git might run while it reads."""
    command = f"touch {marker}"
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "pager.cat-file", "core.editor", "gpg.program",
                 "filter.bad.smudge", "filter.bad.clean", "filter.bad.process", "diff.bad.textconv", "diff.external",
                 "diff.bad.command", "credential.helper", "core.askPass", "core.alternateRefsCommand"):  # fmt: skip
        repo.git.config(name, command)
    for alias in ("cat-file", "rev-parse", "fetch"):
        repo.git.config(f"alias.{alias}", f"!{command}")
    hooks = marker.parent / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "pre-auto-gc", "reference-transaction", "post-index-change"):
        (hooks / hook).write_text(f"#!/bin/sh\n{command}\n")
        (hooks / hook).chmod(0o755)
    repo.git.config("core.hooksPath", str(hooks))


def test_no_command_of_the_clones_configuration_is_run(clone, here):
    commit(clone, "attributes", **{".gitattributes": "*.py filter=bad diff=bad\n"})
    marker = here / "marker"
    hostile_settings(clone, marker)
    for rev in ("HEAD", ":/old", "v1"):
        assert extract("--repo", "clone", "--rev", rev, "--path", "train_gpt2.py", "--to", f"out{rev[-1]}") == 0
    assert extract("--repo", "clone", "--rev", "absent", "--path", "train_gpt2.py", "--to", "out") == 2
    assert not marker.exists()


def test_a_partial_clone_fetches_nothing(clone, here, capsys):
    clone.git.config("uploadpack.allowFilter", "true")
    subprocess.run(
        ["git", "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{clone.working_dir}", "partial"],
        check=True, cwd=here,
    )  # fmt: skip
    marker = here / "marker"
    with git.Repo(here / "partial") as partial:
        hostile_settings(partial, marker)
        partial.git.config("remote.origin.uploadpack", f"touch {marker};git-upload-pack")
    assert extract("--repo", "partial", "--rev", "v1", "--path", "train_gpt2.py", "--to", "out") == 2
    err = capsys.readouterr().err
    assert "partial" in err and "train_gpt2.py" in err and "git -C partial show" in err
    assert err.count("\n") == 1 and not marker.exists() and not (here / "out").exists()


def test_a_remote_that_is_a_command_is_not_called(clone, here):
    clone.git.config("uploadpack.allowFilter", "true")
    subprocess.run(
        ["git", "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{clone.working_dir}", "partial"],
        check=True, cwd=here,
    )  # fmt: skip
    marker = here / "marker"
    with git.Repo(here / "partial") as partial:
        partial.git.config("protocol.ext.allow", "always")
        partial.git.config("remote.origin.url", f"ext::touch {marker}")
    assert extract("--repo", "partial", "--path", "train_gpt2.py", "--to", "out") == 2
    assert not marker.exists()


def test_a_clone_of_another_user_ends_in_the_remedy(clone, here, capsys, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out") == 2
    err = capsys.readouterr().err
    assert "safe.directory" in err and err.count("\n") == 1


def test_a_shallow_clone_says_so(clone, here, capsys):
    url = f"file://{clone.working_dir}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", url, "shallow"], check=True, cwd=here)
    assert extract("--repo", "shallow", "--rev", clone.commit("v1").hexsha, "--path", "train_gpt2.py", "--to", "x") == 2
    assert "--unshallow" in capsys.readouterr().err


def test_a_file_too_large_is_refused(clone, here, capsys, monkeypatch):
    monkeypatch.setattr("speedrun.study.git_programs.MAX_BYTES", 5)
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out") == 2
    assert "at most 5" in capsys.readouterr().err


def test_names_that_are_not_written(clone, here, capsys):
    commit(clone, "names", **{"provenance.json": "{}", ".hidden.py": "", "a\x1b[31m.py": ""})
    for path in ("provenance.json", ".hidden.py", "a\x1b[31m.py"):
        assert extract("--repo", "clone", "--path", path, "--to", "out") == 2
        err = capsys.readouterr().err
        assert "not written" in err and "\x1b" not in err
    assert extract("--repo", "clone", "--path", "b.py", "--to", "out") == 2
    assert "\x1b" not in capsys.readouterr().err


def test_without_git_it_ends_in_one_line(clone, here):
    """In a process of its own: gitpython looks for git when it is imported."""
    call = [sys.executable, "-m", "speedrun.cli", "extract", "--repo", "clone", "--path", "x", "--to", "out"]
    result = subprocess.run(call, capture_output=True, text=True, env=os.environ | {"PATH": str(here)}, cwd=here)
    assert result.returncode == 2 and result.stderr.count("\n") == 1 and "git" in result.stderr


# Out of a log


def test_the_program_of_a_log(here, capsys):
    log = write_log(here, program=OLD)
    assert extract("--log", log.name, "--to", "out") == 0
    said = provenance(here / "out")
    assert said["source"] == "log" and said["where"] == log.name and said["revision"] is None
    assert said["log_sha256"] == hashlib.sha256(log.read_bytes()).hexdigest()
    assert said["log_bytes"] == log.stat().st_size
    (file,) = said["files"]
    assert OLD in (here / "out" / file["name"]).read_text()
    assert "next: speedrun diff 00_baseline out" in capsys.readouterr().out


def test_a_program_of_several_files_is_split(here):
    kernels = "import triton\n"
    (here / "a.txt").write_text(f"{OLD}\n\n{'-' * 40}\n# triton_kernels.py\n\n{kernels}{STEPS}")
    assert extract("--log", "a.txt", "--to", "out") == 0
    said = provenance(here / "out")
    assert {file["name"] for file in said["files"]} | {"provenance.json"} == files_below(here / "out")
    for file in said["files"]:
        content = (here / "out" / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    "content", [b"", b"no log at all\n", b"\x00\xff" * 50, f"{RULE}\n\n{RULE}\nstep".encode(), b"s:0 tel:11.0\n"]
)
def test_a_log_without_program_is_a_no(here, capsys, content):
    (here / "a.txt").write_bytes(content)
    assert extract("--log", "a.txt", "--to", "out") == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "a.txt" in err and out == "" and not (here / "out").exists()


def test_what_is_no_file_is_a_wrong_call(here, capsys):
    (here / "folder").mkdir()
    os.mkfifo(here / "pipe")
    for name in ("absent.txt", "folder", "pipe"):
        assert extract("--log", name, "--to", "out") == 2
        assert name in capsys.readouterr().err


HOSTILE = [
    "../x.py",
    "/etc/x.py",
    "..",
    ".",
    "",
    ".hidden",
    "a/b.py",
    "a\\b.py",
    "a\nb.py",
    "a\x00b",
    "C:x.py",
    "x" * 300,
    "provenance.json",
    "Provenance.JSON",
    "a\u202eb.py",
    "\udcff.py",
]


@pytest.mark.parametrize("names", [[name] for name in HOSTILE] + [["a.py", "A.py"], ["a.py", "a.py"]])
def test_hostile_names_out_of_logs_write_nothing(here, capsys, monkeypatch, names):
    monkeypatch.setattr(snapshots, "embedded", lambda content: b"x")
    monkeypatch.setattr(snapshots, "split", lambda program: tuple(ProgramFile(name, b"x\n") for name in names))
    (here / "a.txt").write_text("x")
    assert extract("--log", "a.txt", "--to", "out") == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and files_below(here) == {"a.txt"} and len(err) < 600


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (b"x = (\n", "line 1"),
        (b"a = 1\nb = = 2\n", "line 2"),
        (b"a\x00b", "cannot parse"),
        (b"# coding: no-such-thing\n", "cannot parse"),
        (b"x = '\xff'\n", "cannot parse"),
        (b"(" * 1000, "cannot parse"),
        (b"-" * 100_000 + b"1", "cannot parse"),
        (b"x" + b".x" * 100_000, "cannot parse"),
        (b"raise SystemExit\n", None),
        (b"'\\d'\nassert (1, 'x')\n1 is 1\n", None),
    ],
)
def test_whether_python_can_parse_it(program, said, recwarn):
    found = snapshot_files.syntax(program)
    assert found is None if said is None else said in (found or "")
    assert "\n" not in (found or "") and not recwarn.list


# Out of an archive


TABLE = """# Made speedrun

## World record history

| # | Record time | Description | Date | Log | Contributors |
| - | - | - | - | - | - |
1 | 45 minutes | Baseline, tuned | 05/28/24 | [log](records/track_1_short/2024-05-28_Base/a.log) | @a
2 | 31.4 minutes | [ReLU² & "quotes" <b>](https://example.org) | 06/06/24 | [log](records/track_1_short/Two/b.txt) | @b
3 | 24.9 minutes | No log | 10/04/24 | none | @c
4 | 22.3 minutes | Dead link | 10/11/24 | [log](records/track_1_short/2024-10-11_Gone/c.txt) | @d
5 | 20.3 minutes | Leads out | 10/12/24 | [log](../outside.txt) | @d
6 | 20.1 minutes | A folder of logs | 10/13/24 | [log](records/track_1_short/2024-10-13_Many) | @e
6 | 20.0 minutes | A folder of logs | 10/14/24 | [log](records/track_1_short/Two/b.txt) | @e
"""


@pytest.fixture
def archive(here):
    top = here / "archive"
    logs = {
        "2024-05-28_Base/a.log": "s:0 tel:11.0\ns:10 tel:3.2\n",
        "Two/b.txt": OLD + STEPS,
        "2024-10-13_Many/1.txt": NEW + STEPS,
        "2024-10-13_Many/2.txt": NEW + STEPS.replace("3.27", "3.26"),
        "2024-10-13_Many/0.txt": OLD + STEPS.replace("3.27", "3.25"),
    }
    for name, text in logs.items():
        path = top / "records" / "track_1_short" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (top / "README.md").write_text(TABLE)
    (here / "outside.txt").write_text(OLD + STEPS)
    return top


def test_a_record(archive, here, capsys):
    assert extract("--archive", "archive", "--record", 2, "--to", "out") == 0
    said = provenance(here / "out")
    assert (said["source"], said["where"], said["track"], said["record"]) == ("archive", "archive", 1, 2)
    assert said["path"] == "records/track_1_short/Two/b.txt" and said["date"] == "2024-06-06"
    assert (here / "out" / said["files"][0]["name"]).read_text() == OLD
    assert "next: speedrun diff 00_baseline out" in capsys.readouterr().out


def test_all_records_in_order_and_the_others_named(archive, here, capsys):
    assert extract("--archive", "archive", "--all", "--to", "out", "--json") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    found = document["snapshots"]
    assert [Path(one["folder"]).name for one in found] == [
        "track1_002_relu2-quotes-b",
        "track1_006_a-folder-of-logs",
        "track1_006_a-folder-of-logs-2",
    ]
    for number in (1, 3, 4, 5):
        assert sum(f"track 1 record {number} " in line for line in err.splitlines()) == 1
        assert sum(f"track 1 record {number} " in line for line in document["left_out"]) == 1
    assert sorted(path.name for path in (here / "out").iterdir()) == [Path(s["folder"]).name for s in found]


def test_of_a_folder_it_is_the_program_of_most_runs(archive, here):
    assert extract("--archive", "archive", "--all", "--to", "out") == 0
    folder = here / "out" / "track1_006_a-folder-of-logs"
    assert (folder / provenance(folder)["files"][0]["name"]).read_text() == NEW


def test_a_number_with_several_rows_takes_a_folder_each(archive, here, capsys):
    assert extract("--archive", "archive", "--record", 6, "--to", "out") == 0
    assert len(list((here / "out").iterdir())) == 2
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "next: speedrun diff out/track1_006_a-folder-of-logs out/track1_006_a-folder-of-logs-2"


def test_a_record_without_program_is_a_no(archive, here, capsys):
    for number, said in ((1, "a.log"), (3, "links no log"), (4, "c.txt"), (5, "out of the archive")):
        assert extract("--archive", "archive", "--record", number, "--to", "out") == 1
        assert said in capsys.readouterr().err
    assert not (here / "out").exists()


def test_a_log_that_is_a_link_out_of_the_archive_is_not_read(archive, here, capsys):
    log = archive / "records" / "track_1_short" / "Two" / "b.txt"
    log.unlink()
    log.symlink_to(here / "outside.txt")
    assert extract("--archive", "archive", "--record", 2, "--to", "out") == 1
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name one source"),
        (["--repo", "a", "--log", "b"], "name one source"),
        (["--repo", "a"], "--path"),
        (["--archive", "archive"], "--record N or --all"),
        (["--archive", "archive", "--all", "--record", "1"], "--record N or --all"),
        (["--archive", "archive", "--record", "99"], "1 to 6"),
        (["--archive", "archive", "--all", "--track", "7"], "there are: 1"),
        (["--archive", "absent", "--all"], "absent"),
        (["--log", "b", "--rev", "v1"], "--rev goes with --repo, not with --log"),
    ],
)
def test_wrong_calls_end_in_one_line(archive, here, capsys, arguments, said):
    assert extract(*arguments, "--to", "out") == 2
    out, err = capsys.readouterr()
    assert said in err and err.count("\n") == 1 and out == "" and not (here / "out").exists()


# Writing


def test_nothing_is_overwritten_without_force(archive, here, capsys):
    assert extract("--archive", "archive", "--all", "--to", "out") == 0
    shutil.rmtree(here / "out" / "track1_002_relu2-quotes-b")
    kept = here / "out" / "track1_006_a-folder-of-logs" / "provenance.json"
    kept.write_text("mine")
    capsys.readouterr()
    assert extract("--archive", "archive", "--all", "--to", "out") == 2
    assert "--force" in capsys.readouterr().err and kept.read_text() == "mine"
    assert not (here / "out" / "track1_002_relu2-quotes-b").exists()


def test_force_replaces_only_files_of_its_names(clone, here):
    (here / "out").mkdir()
    (here / "out" / "train_gpt2.py").write_text("mine\n")
    (here / "out" / "notes.md").write_text("mine\n")
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out") == 2
    assert (here / "out" / "train_gpt2.py").read_text() == "mine\n"
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out", "--force") == 0
    assert (here / "out" / "train_gpt2.py").read_text() == NEW
    assert (here / "out" / "notes.md").read_text() == "mine\n"
    assert files_below(here / "out") == {"train_gpt2.py", "notes.md", "provenance.json"}


def test_force_leaves_no_file_of_an_earlier_program(here, capsys):
    (here / "two.txt").write_text(f"{OLD}\n\n{'-' * 40}\n# triton_kernels.py\n\nimport triton\n{STEPS}")
    write_log(here / "one", program=NEW)
    (one,) = (here / "one").rglob("*.txt")
    assert extract("--log", "two.txt", "--to", "out") == 0 and len(files_below(here / "out")) == 3
    (here / "out" / "notes.py").write_text("mine\n")
    assert extract("--log", one, "--to", "out", "--force") == extract("--log", one, "--to", "fresh") == 0
    assert files_below(here / "out") == {"notes.py"} | files_below(here / "fresh")
    (here / "out" / "notes.py").unlink()
    capsys.readouterr()
    assert run_verb("diff_milestones", "diff_milestones", ["fresh", "out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["identical"] is True


def test_a_provenance_of_anyone_deletes_nothing_but_plain_files_beside_it(clone, here):
    out = here / "out"
    (out / "folder").mkdir(parents=True)
    for path in (here / "outside.py", out / "folder" / "in.py", out / ".hidden", out / "old.py"):
        path.write_text("x")
    (out / "link.py").symlink_to(here / "outside.py")
    names = ["../outside.py", str(here / "outside.py"), "folder", "folder/in.py", ".hidden", "link.py", "old.py",
             "Train_GPT2.py", "provenance.json", "absent.py", ".", "..", "", "a\0b", "\ud800", *HOSTILE]  # fmt: skip
    (out / "provenance.json").write_text(json.dumps({"files": [*names, 3, None, *({"name": name} for name in names)]}))
    before = files_below(here)
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out", "--force") == 0
    assert before - files_below(here) == {"out/old.py"} and (out / "link.py").is_symlink()


@pytest.mark.parametrize("text", ["mine", "[1]", '{"files": 3}', "[" * 100_000, " " * (5 << 20)])
def test_a_provenance_that_is_none_is_replaced(clone, here, text):
    (here / "out").mkdir()
    (here / "out" / "provenance.json").write_text(text)
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out", "--force") == 0
    assert files_below(here / "out") == {"train_gpt2.py", "provenance.json"}


def test_a_provenance_that_is_a_link_says_nothing(clone, here):
    (here / "out").mkdir()
    (here / "out" / "old.py").write_text("x")
    (here / "elsewhere.json").write_text('{"files": ["old.py"]}')
    (here / "out" / "provenance.json").symlink_to(here / "elsewhere.json")
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out", "--force") == 0
    assert files_below(here / "out") == {"train_gpt2.py", "old.py", "provenance.json"}
    assert (here / "elsewhere.json").read_text() == '{"files": ["old.py"]}'


def test_places_that_cannot_be_written_to(clone, here, capsys):
    (here / "file").write_text("x")
    (here / "full" / "train_gpt2.py").mkdir(parents=True)
    (here / "dangling").symlink_to("nowhere")
    for place in ("file", "file/below", "full", "dangling"):
        assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", place, "--force") == 2
        assert place.partition("/")[0] in capsys.readouterr().err


def test_an_interrupted_write_leaves_nothing(clone, here, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("speedrun.files.os.replace", full)
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "deep/out") == 2
    assert files_below(here / "deep") == set() and list((here / "deep").iterdir()) == []


def test_the_new_folder_is_readable_as_others_are(clone, here):
    (here / "other").mkdir()
    assert extract("--repo", "clone", "--path", "train_gpt2.py", "--to", "out") == 0
    assert (here / "out").stat().st_mode == (here / "other").stat().st_mode


# The sample of the public archive


@needs_sample
def test_a_record_of_the_sample(here):
    assert extract("--archive", SAMPLE, "--record", 14, "--to", "out") == 0
    said = provenance(here / "out")
    assert said["record"] == 14 and "2024-12-04_ValueEmbed" in said["path"]
    assert "stand-in" in (here / "out" / said["files"][0]["name"]).read_text()


@needs_sample
def test_all_records_of_the_sample(here, capsys):
    assert extract("--archive", SAMPLE, "--all", "--track", 1, "--to", "out", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    names = [Path(one["folder"]).name for one in document["snapshots"]]
    assert names == sorted(names) and "track1_014_value-embeddings" in names
    assert any("track 1 record 3 " in line for line in document["left_out"])
