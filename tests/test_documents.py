"""What the documents promise: links that lead somewhere, names that exist, commands that are known."""

import ast
import io
import re
import shlex
from pathlib import Path

import pytest
from rich.console import Console
from speedrun.board.terminal import show_boards
from speedrun.cli import ALIASES, VERBS
from speedrun.verbs.leaderboard import judge

HOUSE = Path(__file__).resolve().parents[1]
DOCUMENTS = [HOUSE / "README.md", HOUSE / "leaderboard.md", HOUSE / "data/README.md", *HOUSE.glob("history/*/NOTES.md")]
NOTES = sorted(HOUSE.glob("history/*/NOTES.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_local_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    missing = [t for t in targets if not t.startswith("http") and not (document.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("notes", NOTES, ids=lambda path: path.parent.name)
def test_names_in_the_notes_are_in_the_program(notes: Path) -> None:
    program = ast.parse((notes.parent / "train_gpt2.py").read_text())
    defined = {node.name for node in ast.walk(program) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    fields = {ast.unparse(node.target) for node in ast.walk(program) if isinstance(node, ast.AnnAssign)}
    text = re.sub(r"^    .*$", "", notes.read_text(), flags=re.MULTILINE)  # formulas are indented
    named = set(re.findall(r"`([A-Za-z_][A-Za-z_0-9]*)`", text))
    flags = set(re.findall(r"`--([a-z_0-9]+)=", text))
    assert named and named <= defined
    assert flags <= fields


@pytest.mark.parametrize("document", DOCUMENTS[:1] + DOCUMENTS[2:3], ids=lambda path: path.parent.name or "README")
def test_commands_are_known(document: Path) -> None:
    makefile = (HOUSE / "Makefile").read_text()
    for line in re.findall(r"^(?:    )?((?:speedrun|make|python|torchrun) .*)$", document.read_text(), re.MULTILINE):
        words = shlex.split(re.split(r"\s{2,}|\s#", line)[0])
        if words[0] == "speedrun":
            assert words[1] in VERBS | ALIASES, line
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line
        else:
            script = next(word for word in words if word.endswith(".py"))
            assert (HOUSE / script).exists(), line


def test_the_table_in_the_readme_is_the_one_that_is_printed() -> None:
    boards, _ = judge(["records"], "toy-cpu")
    printed = io.StringIO()
    show_boards(Console(file=printed, width=100, highlight=False), boards)
    lines = "\n".join(line.rstrip() for line in printed.getvalue().splitlines())
    assert f"```\n{lines.strip()}\n" in (HOUSE / "README.md").read_text()
