"""Every verb: help with an example, no heavy imports for it, one line for a wrong call, the same as its script."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from speedrun.cli import VERBS, run
from speedrun.errors import UserError

HOUSE = Path(__file__).resolve().parents[1]
BENCHMARKS = sorted(f"benchmarks/{path.name}" for path in (HOUSE / "benchmarks").glob("*.py"))
DATA_SCRIPTS = ["cached_fineweb10B", "fineweb", "text", "toy_language"]
HEAVY = ("torch", "pandas", "scipy", "plotly", "pyarrow", "tiktoken", "huggingface_hub")


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        cwd=HOUSE,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_help_with_an_example_and_json(verb: str) -> None:
    installed, script = call("-m", "speedrun.cli", verb, "--help"), call(f"tools/{verb}.py", "--help")
    assert installed.returncode == script.returncode == 0
    usage, text = installed.stdout.split("\n", 1)
    assert usage == script.stdout.split("\n", 1)[0].replace(f"{verb}.py", f"speedrun {verb}")
    assert text == script.stdout.split("\n", 1)[1]
    assert f"speedrun {verb}" in text and "--json" in text


@pytest.mark.parametrize("name", DATA_SCRIPTS)
def test_a_data_script_has_help(name: str) -> None:
    result = call(f"data/{name}.py", "--help")
    assert result.returncode == 0 and f"python data/{name}.py" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [*(["-m", "speedrun.cli", verb] for verb in VERBS), *([script] for script in ("data/text.py", *BENCHMARKS))],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """What makes --help slow is torch (a second) and the like; a time would depend on the machine."""
    result = call("-X", "importtime", *arguments, "--help")
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.split("\n") if "import time:" in line}
    assert result.returncode == 0 and "speedrun.cli" in imported | {"speedrun.cli"}
    assert not imported & set(HEAVY)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["repaly"], "did you mean replay?"),
        (["replay"], "milestones"),
        (["replay", "00_baseline", "--rnus", "3"], "--runs"),
        (["replay", "00_baseline", "--runs", "three"], "--runs"),
        (["replay", "00_basline"], "did you mean 00_baseline?"),
        (["replay", "00_baseline", "--track", "toy_cpu"], "did you mean toy-cpu?"),
        (["parse", "no_such_log.txt"], "no_such_log.txt"),
    ],
)
def test_a_wrong_call_ends_in_one_line(arguments: list[str], said: str) -> None:
    result = call("-m", "speedrun.cli", *arguments)
    assert result.returncode == 2
    assert result.stdout == "" and result.stderr.count("\n") == 1
    assert said in result.stderr


def test_a_name_from_outside_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"\\u001b]0;PWNED\\u0007\\u001b[2Jtexts": "hello"}\n')
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "\x1b[31m\udcff\n.txt").write_bytes(b"\xff")
    text = ("data/text.py", "--tokenizer", "bytes", "--out", str(tmp_path / "out"))
    for arguments, said in [
        ((*text, str(tmp_path / "a.jsonl")), "\ufffd]0;PWNED\ufffd\ufffd[2Jtexts"),
        ((*text, str(tmp_path / "folder")), "\ufffd[31m\ufffd"),
        (("-m", "speedrun.cli", "replay", "00_baseline", "--set", "\x1b[31mx"), "\ufffd[31mx"),
    ]:
        result = call(*arguments, PYTHONIOENCODING="utf-8")
        assert result.returncode == 2 and said in result.stderr.split("\n")[-2]  # a progress bar may stand above
        assert result.stderr.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_output_that_the_locale_cannot_spell_is_no_error(environment: dict[str, str], tmp_path: Path) -> None:
    result = call(
        "-m", "speedrun.cli", "leaderboard", "--track", "toy-cpu", "--page", str(tmp_path / "x"), **environment
    )
    assert (result.returncode, result.stderr.count("Traceback")) == (0, 0), result.stderr
    assert result.stdout.isascii() and "?" in result.stdout


def test_without_a_verb_all_are_listed() -> None:
    result = call("-m", "speedrun.cli")
    assert result.returncode == 2
    assert all(verb in result.stdout for verb in VERBS)


@pytest.mark.parametrize(
    "error, code, line",
    [
        (UserError("two\nlines"), 2, "x: two lines\n"),
        (OSError(28, "No space left on device", "runs/log"), 2, "x: runs/log: No space left on device\n"),
        (KeyboardInterrupt(), 130, "x: interrupted\n"),
    ],
)
def test_how_a_command_ends(error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture) -> None:
    def command() -> int:
        raise error

    assert run("x", command, []) == code
    assert capsys.readouterr() == ("", line)


def test_the_packages_declared_are_those_imported() -> None:
    nodes = [
        node
        for folder in ("tools", "data", "benchmarks", "history", "train")
        for path in (HOUSE / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
    ]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    known = packages_distributions()
    found = {known[top][0] for name in names if (top := name.partition(".")[0]) in known} - {"speedrun", "playwright"}
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    declared = {re.split("[<>=!~]", line)[0] for line in project["dependencies"]}
    assert {name.lower().replace("_", "-") for name in found} == declared


@pytest.mark.parametrize("arguments", [[], ["--help"], ["replay", "--help"]])
def test_a_reader_that_left_is_no_error(arguments: list[str]) -> None:
    """As in `speedrun --help | head -1`: here the reader is gone before the first byte."""
    process = subprocess.Popen(
        [sys.executable, "-m", "speedrun.cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=HOUSE
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    said = process.stderr.read().decode()
    process.wait(timeout=60)
    assert said == ""
