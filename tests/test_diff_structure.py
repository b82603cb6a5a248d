"""Diffs by structure and by line: what is matched, renamed and moved, and what only its comments say otherwise."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs_made import PROGRAM, UNKNOWN
from speedrun.study.code_units import units
from speedrun.study.hyperparameter_diff import Hyperparameter, changes, hyperparameters
from speedrun.study.line_diff import Comparison, compare, emphasis
from speedrun.study.matching import longest_rising
from speedrun.study.milestone_diff import assemble
from speedrun.study.program_source import SourceFile, resolve

HISTORY = Path(__file__).resolve().parents[1] / "history"


def file(text: str, name: str = "train_gpt2.py") -> SourceFile:
    return SourceFile(name, text)


def compared(before: str, after: str) -> Comparison:
    return compare([file(before)], [file(after)])


def changed(before: str, after: str) -> set[tuple[str, str]]:
    return {(pair.change, pair.name) for pair in compared(before, after).pairs if pair.change != "same"}


def milestones_compared(one: str, other: str) -> set[tuple[str, str]]:
    before, after = resolve(one), resolve(other)
    diff = assemble(before, after, ("not asked", "not asked"), [], [])
    return {(pair.change, pair.name) for pair in diff.changed_units}


# The history: what truly changed, read off the scripts


@pytest.mark.parametrize(
    "one, other, expected",
    [
        (
            "00",
            "01",
            {
                "changed": "Hyperparameters make_optimizers learning_rate_scale training_step",
                "added": "orthogonalize as_matrices Muon",
            },
        ),
        (
            "01",
            "02",
            {
                "changed": "Hyperparameters CausalSelfAttention.__init__ CausalSelfAttention.forward MLP.__init__ "
                "MLP.forward Block.__init__ Block.forward GPT.__init__ GPT.forward Muon.step make_optimizers check",
                "added": "Rotary",
                "removed": "as_matrices",
            },
        ),
        ("02", "03", {"changed": "Muon.step", "comments or layout only": "Muon"}),
        (
            "03",
            "04",
            {
                "changed": "Hyperparameters CausalSelfAttention.__init__ CausalSelfAttention.forward Block.__init__ "
                "Block.forward GPT.__init__ GPT.forward Muon.step make_optimizers set_schedule check",
                "added": "GPT.value_table momentum",
                "comments or layout only": "Muon",
            },
        ),
    ],
)
def test_the_steps_of_the_history(one, other, expected):
    assert milestones_compared(one, other) == {(way, name) for way, names in expected.items() for name in names.split()}


# Made programs


def test_equal_programs_have_no_fold():
    found = compared(PROGRAM, PROGRAM)
    assert found.folds == () and all(pair.change == "same" for pair in found.pairs)


def test_a_renamed_function_is_not_removed_and_added():
    after = PROGRAM.replace("def scaled(", "def multiplied(")
    assert changed(PROGRAM, after) == {("renamed", "scaled → multiplied")}


def test_a_renamed_and_changed_function_is_matched_by_likeness():
    after = PROGRAM.replace("def scaled(", "def multiplied(").replace("value / factor", "value / factor / 2")
    assert changed(PROGRAM, after) == {("renamed, changed", "scaled → multiplied")}


def test_a_function_that_changed_its_place_moved_and_its_lines_are_the_same():
    start, end = PROGRAM.index("def scaled"), PROGRAM.index("def check")
    after = PROGRAM[:start] + PROGRAM[end:] + "\n\n" + PROGRAM[start:end].strip() + "\n"
    found = compared(PROGRAM, after)
    assert [(fold.pair.change, fold.pair.name, fold.hunks) for fold in found.folds] == [("moved", "scaled", ())]


def test_a_function_that_became_a_method_moved_though_its_indentation_differs():
    start, end = PROGRAM.index("def scaled"), PROGRAM.index("def check")
    method = "".join(f"    {line}\n" if line else "\n" for line in PROGRAM[start:end].strip().split("\n"))
    after = (PROGRAM[:start] + PROGRAM[end:]).replace("    def forward", f"{method}\n    def forward")
    found = compared(PROGRAM, after)
    assert ("moved", "scaled → GPT.scaled") in {(pair.change, pair.name) for pair in found.pairs}
    (fold,) = (fold for fold in found.folds if fold.pair.name == "scaled → GPT.scaled")
    assert fold.hunks == ()


def test_a_method_of_a_renamed_class_did_not_move():
    after = PROGRAM.replace("class GPT(", "class Transformer(")
    assert changed(PROGRAM, after) == {("renamed", "GPT → Transformer")}


def test_a_function_that_moved_to_another_file():
    start, end = PROGRAM.index("def scaled"), PROGRAM.index("def check")
    main = file(PROGRAM[:start] + PROGRAM[end:])
    found = compare([file(PROGRAM)], [main, file(PROGRAM[start:end], "helpers.py")])
    assert ("moved", "scaled") in {(pair.change, pair.name) for pair in found.pairs}


def test_short_functions_are_not_matched_by_chance():
    assert changed("def a(x):\n    return x\n", "def b(y):\n    return y\n") == {("added", "b"), ("removed", "a")}


def test_a_setter_is_told_from_its_property():
    text = (
        "class A:\n    @property\n    def size(self):\n        return 1\n\n    @size.setter\n    def size(self, n):\n"
    )
    names = [unit.name for unit in units(file(text + "        pass\n")) or []]
    assert names == ["", "A", "A.size", "A.size (2)"]


def test_a_class_that_is_there_three_times_has_three_names_and_so_have_its_methods():
    names = [unit.name for unit in units(file("class A:\n    def f(x): pass\n    def f(x): pass\n" * 3)) or []]
    each = [f"A{number}{method}" for number in ("", " (2)", " (3)") for method in ("", ".f", ".f (2)")]
    assert names == ["", *each]


def test_a_change_of_comments_and_docstrings_alone_is_marked():
    after = PROGRAM.replace("Each value times", "All values times").replace("# look up", "# a table")
    found = compared(PROGRAM, after)
    assert {fold.pair.name: fold.words_only for fold in found.folds} == {"scaled": True, "GPT.forward": True}
    assert {fold.pair.change for fold in found.folds} == {"comments or layout only"}


def test_code_that_changed_beside_a_comment_is_not_taken_for_comments():
    after = PROGRAM.replace("x = self.token_embedding(x)  # look up", "x = 2 * self.token_embedding(x)  # table")
    (fold,) = compared(PROGRAM, after).folds
    assert not fold.words_only and (fold.added, fold.removed) == (1, 1)


def test_a_number_sign_in_a_text_is_no_comment():
    (fold,) = compared('def f():\n    return "a # b"\n', 'def f():\n    return "a # c"\n').folds
    assert not fold.words_only and fold.pair.change == "changed"


def test_changed_lines_stand_side_by_side_and_say_where_they_differ():
    (fold,) = compared(PROGRAM, PROGRAM.replace("value * factor", "value * factor * 2")).folds
    (row,) = [row for row in fold.hunks[0].rows if not row.same]
    assert row.kind == "~" and row.before and row.after
    assert row.before.text.strip() == "total.append(value * factor)"
    (span,) = emphasis(row.before.text, row.after.text)[1]
    assert row.after.text[slice(*span)] == " * 2"


def test_a_line_too_long_differs_throughout():
    before, after = "x + " * 300_000, "y + " * 300_000
    assert emphasis(before, after) == ([(0, len(before))], [(0, len(after))])


def test_a_line_of_one_word_repeated_is_compared_within_an_effort():
    before, after = (" ".join(f"x {name}{i}" for i in range(400)) for name in "yz")
    changed_old, changed_new = emphasis(before, after)
    assert before[slice(*changed_old[0])].startswith("y0") and changed_new[-1][1] == len(after)


# Programs that mean harm: what took time by the square or the cube of their length


def test_one_line_repeated_is_compared_by_its_ends():
    (fold,) = compared("x = 1\n" * 50_000, "x = 1\n" * 50_001).folds
    assert (fold.added, fold.removed) == (1, 0)


def test_lines_that_repeat_around_others_are_compared_by_what_both_have_once():
    parts = ["x = 1\n" * 1_000 + f"y{i} = {i}\n" for i in range(40)]
    before, after = "first = 1\n" + "".join(parts), "one = 1\n" + "".join(parts).replace("y20 = 20", "y20 = 21")
    (fold,) = compared(before, after).folds
    assert {row.after.text for hunk in fold.hunks for row in hunk.rows if row.after and not row.same} == {
        "one = 1", "y20 = 21",
    }  # fmt: skip


def test_many_functions_of_one_name():
    found = units(file("def f(x): return x\n" * 30_000)) or []
    assert (len(found), found[-1].name) == (30_001, "f (30000)")


def test_many_functions_that_are_renamed():
    code = "    a, b, c = x + 1, x + 2, x + 3\n    return a * b * c"
    old, new = ("".join(f"def {name}{i}(x):\n{code}\n" for i in range(3_000)) for name in "fg")
    assert changed(old, new) == {("renamed", f"f{i} → g{i}") for i in range(3_000)}
    other = new.replace("c\n", "c + 1\n")  # none is equal now: which are alike is asked of some, and none is lost
    assert sum(len(change.split(" → ")) for _, change in changed(old, other)) == 6_000


def test_many_functions_in_another_order():
    values = [*range(150_000, 300_000), *range(150_000)]
    assert longest_rising(values) == set(range(150_000, 300_000))


def test_long_lines_that_all_differ_stand_alone():
    words = "".join(f" + a{i}" for i in range(4_000))
    old, new = ("".join(f"{name}{i} = 1{words}\n" for i in range(100)) for name in "xy")
    (fold,) = compared(old, new).folds
    assert {row.kind for hunk in fold.hunks for row in hunk.rows} == {"-", "+"}


def test_unknown_syntax_falls_back_to_plain_lines():
    found = compared(UNKNOWN, UNKNOWN.replace("'old'", "'new'"))
    assert found.unknown == ("train_gpt2.py",) and found.pairs == ()
    (fold,) = found.folds
    assert (fold.pair.unit.kind, fold.added, fold.removed) == ("file", 1, 1)
    assert compared(PROGRAM, UNKNOWN).unknown == ("train_gpt2.py",)


@settings(max_examples=40)
@given(st.text(alphabet="ab# \n\t\"'():\\\x0c\x00def class", max_size=80), st.text(max_size=40))
def test_any_text_can_be_compared_and_no_line_is_lost(before, after):
    found = compared(before, after)
    for fold in found.folds:
        for hunk in fold.hunks:
            assert hunk.added == sum(row.after is not None and not row.same for row in hunk.rows)


def test_every_line_that_is_not_blank_belongs_to_one_unit():
    for script in HISTORY.glob("*/train_gpt2.py"):
        text = script.read_text(encoding="utf-8")
        numbers = [line.number for unit in units(file(text)) or [] for line in unit.lines if line.text.strip()]
        assert sorted(numbers) == [n for n, line in enumerate(text.split("\n"), start=1) if line.strip()]


# Hyperparameters


def test_hyperparameters_old_and_new_with_units():
    after = PROGRAM.replace("num_iterations: int = 100", "num_iterations: int = 2_000").replace(
        "    learning_rate: float = 1e-3\n", "    muon_rate: float = 1 / 50\n"
    )
    old, new = hyperparameters(file(PROGRAM)), hyperparameters(file(after))
    assert old is not None and new is not None
    found = {change.name: change for change in changes(old, new)}
    assert {name: change.change for name, change in found.items()} == {
        "num_iterations": "changed", "learning_rate": "removed", "muon_rate": "added",
    }  # fmt: skip
    steps = found["num_iterations"]
    assert steps.before and steps.after
    assert (steps.before.value, steps.after.value, steps.after.text) == (100, 2000, "2_000")
    assert (steps.after.unit, steps.section) == ("steps", "schedule")
    assert found["muon_rate"].after and found["muon_rate"].after.value == 0.02


def test_a_hyperparameter_of_the_same_value_did_not_change():
    same = PROGRAM.replace("= 100  # steps", "= 1_00  # updates of the weights").replace("1e-3", "0.001")
    old, new = hyperparameters(file(PROGRAM)), hyperparameters(file(same))
    assert old is not None and new is not None and changes(old, new) == ()


def test_no_class_of_hyperparameters_is_none():
    assert hyperparameters(file("x = 1\n")) is None and hyperparameters(file(UNKNOWN)) is None


def of_class(fields: str) -> dict[str, Hyperparameter]:
    found = hyperparameters(file(f"class Hyperparameters:\n{fields}"))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "default",
    [
        f"{'9' * 4_000} * {'9' * 4_000}",
        "0x" + "f" * 5_000,
        f"-0x{'f' * 5_000}",
        f"0x{'f' * 5_000} * 1e300",
        "1e999",
        "1e999 - 1e999",
        "2 * True",
        "'a' * 1000",
    ],
)
def test_a_number_that_no_setting_has_is_shown_as_it_is_written(default):
    one = of_class(f"    x: int = {default}\n")["x"]
    assert (one.value, one.text, one.unit) == (None, default, None)
    assert changes({"x": one}, {"x": one}) == ()


def test_a_seed_of_many_bits_is_a_number():
    assert of_class(f"    seed: int = {2**127}\n")["seed"].value == 2**127


@pytest.mark.parametrize("parts", [" + 1", "\n + 1"])
def test_a_sum_of_many_terms_is_no_number(parts):
    one = of_class(f"    x: int = (1{parts * 1_500})  # steps\n    y: int = 2  # steps\n")
    assert one["x"].value is None and one["x"].text.startswith("1") and one["y"].value == 2


def test_a_long_number_over_two_lines_is_shown_by_its_first():
    assert of_class(f"    x: int = (0x{'f' * 5_000}\n    + 1)\n")["x"].text == f"0x{'f' * 5_000} ..."
