"""What a user of a training script relies on: the log, the clock, the data order, and one line for every mistake.

Every script in history/ and train/ passes the same tests. They run a model of about 10,000 weights.
"""

import ast
import hashlib
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from milestone_scripts import (
    HOUSE,
    SCRIPTS,
    VOCABULARY,
    in_processes,
    load,
    milestone,
    run_script,
    small_flags,
    small_model,
)

RULE = "=" * 100
# the grammar that the public speedrun's logs follow (validation and training lines)
VAL_LINE = re.compile(r"^step:(\d+)/(\d+) val_loss:([0-9.]+) train_time:([0-9.]+)(ms|s) step_avg:([0-9.]+|nan)ms$")
TRAIN_LINE = re.compile(r"^step:(\d+)/(\d+) train_loss:([0-9.]+) train_time:([0-9.]+)(ms|s) step_avg:([0-9.]+|nan)ms$")


@pytest.fixture(params=SCRIPTS, ids=lambda path: path.parent.name, scope="module")
def script(request: pytest.FixtureRequest) -> Path:
    return request.param


def write_shard(path: Path, tokens: np.ndarray, magic: int = 20240520, stated: int | None = None) -> None:
    header = np.zeros(256, dtype="<i4")
    header[:3] = magic, 1, len(tokens) if stated is None else stated
    path.write_bytes(header.tobytes() + tokens.astype("<u2").tobytes())


def write_shards(folder: Path) -> Path:
    """Two training shards and a validation shard of a noisy cycle, which a small model learns a little of."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 5, 2600)
    tokens = (np.arange(2600) * 3 + noise) % VOCABULARY
    write_shard(folder / "small_train_000001.bin", tokens[:1500])
    write_shard(folder / "small_train_000002.bin", tokens[1500:2300])
    write_shard(folder / "small_val_000000.bin", tokens[2300:])
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_shards(tmp_path / "data")


def flags(script: Path, data: Path, log: Path, *more: str) -> list[str]:
    files = [f"--train_files={data}/small_train_*.bin", f"--val_files={data}/small_val_*.bin"]
    return [*small_flags(script), *files, f"--log_file={log}", *more]


def run(script: Path, folder: Path, *arguments: str, processes: int = 1) -> tuple[int, str]:
    """Run the script in so many processes: rank 0's exit code and standard error."""
    codes = in_processes(processes, folder, run_script, script, list(arguments))
    return codes[0], (folder / "rank_0.err").read_text()


@pytest.fixture(scope="module")
def usual(script: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """One whole run on one process, shared by the tests that only look: its data, its log and what it showed."""
    folder = tmp_path_factory.mktemp("usual")
    data, log = write_shards(folder / "data"), folder / "log.txt"
    command = [sys.executable, str(script), *flags(script, data, log, "--seed=7", "--run_id=seven", "--track=toy-cpu")]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # as in run: more of them add in another order
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=one_thread)
    assert result.returncode == 0, result.stderr
    return data, log, result.stdout


def losses(log: Path) -> list[str]:
    """kind:loss of every step line, in order, as text: equal text is equal to the last printed digit."""
    return re.findall(r"^step:\d+/\d+ (\w+_loss:\S+)", log.read_text().split(RULE)[-1], re.MULTILINE)


def last_line(log: Path) -> dict:
    return json.loads(log.read_text().rstrip("\n").split("\n")[-1])


def refused(script: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> str:
    """Call the script's main in this process; it must end with exit code 2 and one line, which is returned."""
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    try:
        with pytest.raises(SystemExit) as end:
            load(script).main()
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
    error = capfd.readouterr().err
    assert end.value.code == 2
    assert error.count("\n") == 1, f"not one line: {error}"
    return error


# ----------------------------------------------------------------------------------------------------------------------
# The log


def test_log_holds_header_program_steps_and_end(script: Path, usual: tuple[Path, Path, str]) -> None:
    data, log, stdout = usual
    top, program, steps = re.split(rf"^{RULE}\n", log.read_text(), flags=re.MULTILINE)
    header = json.loads(top)
    assert program == script.read_text()
    assert header["code_sha256"] == hashlib.sha256(script.read_bytes()).hexdigest()
    assert (header["speedrun_log"], header["run_id"], header["milestone"]) == (1, "seven", script.parent.name)
    assert (header["track"], header["seed"], header["world_size"]) == ("toy-cpu", 7, 1)
    assert header["hyperparameters"]["num_iterations"] == 22
    assert header["tokens_per_step"] == 64
    assert [shard["tokens"] for shard in header["data"]["train"]] == [1500]  # 22 steps do not reach the second shard
    val_shard = data / "small_val_000000.bin"
    assert header["data"]["val"] == [
        {"name": val_shard.name, "tokens": 300, "sha256": hashlib.sha256(val_shard.read_bytes()).hexdigest()}
    ]
    assert header["host"]["torch"] == torch.__version__ and header["host"]["cores"] >= 1

    lines = steps.rstrip("\n").split("\n")
    val = [line for line in lines if VAL_LINE.match(line)]
    train = [line for line in lines if TRAIN_LINE.match(line)]
    assert len(val) + len(train) + 1 == len(lines)
    assert [int(VAL_LINE.match(line)[1]) for line in val] == [0, 5, 10, 15, 20, 22]
    assert [int(TRAIN_LINE.match(line)[1]) for line in train] == list(range(1, 23))
    assert val[0].endswith("train_time:0ms step_avg:nanms")
    end = json.loads(lines[-1])
    assert (end["finished"], end["steps"], end["tokens"]) == ("completed", 22, 22 * 64)
    assert f"{end['final_val_loss']:.6f}" == VAL_LINE.match(val[-1])[3]
    assert end["final_val_loss"] < float(VAL_LINE.match(val[0])[3])  # it learns
    assert end["peak_memory_mib"] > 0
    shown = [line for line in stdout.split("\n") if line]
    assert shown == lines[:-1]  # what a user sees is what the log holds


def test_open_settings_are_decided_before_they_are_logged(script: Path, data: Path, tmp_path: Path) -> None:
    module = load(script)
    h = module.parse_flags(flags(script, data, tmp_path / "log.txt", "--precision=auto", "--device=auto"))
    module.check(h)
    header = json.loads(module.log_header(h, "", torch.nn.Identity(), [], []))
    assert header["hyperparameters"]["precision"] in ("bfloat16", "float32")
    assert header["hyperparameters"]["device"] == ("cuda" if torch.cuda.is_available() else "cpu")


def test_same_seed_same_losses_and_untimed_steps_leave_no_trace(
    script: Path, usual: tuple[Path, Path, str], tmp_path: Path
) -> None:
    """The usual run has three untimed steps."""
    data, log, _ = usual
    variants = {"none": ["--seed=7", "--untimed_steps=0"], "other": ["--seed=2"]}
    for name, more in variants.items():
        code, error = run(script, tmp_path, *flags(script, data, tmp_path / name, *more))
        assert code == 0, error
    exact = [(losses(path), last_line(path)["final_val_loss"]) for path in (log, tmp_path / "none", tmp_path / "other")]
    assert exact[0] == exact[1]
    assert exact[0] != exact[2]


def test_loss_does_not_depend_on_processes_or_micro_batches(
    script: Path, usual: tuple[Path, Path, str], tmp_path: Path
) -> None:
    """Sums of float32 in another order, over 22 steps, printed with six digits after the point.

    A loss near 3.5 rounds at 2.4e-7; the gradients' relative error of 1e-7 moves it by less than that, also through
    Muon and Adam (see epsilon in milestone_scripts.py), so the printed numbers differ by one in the last digit at most
    (observed in every script; the bound is three). A micro-batch trained twice instead of its neighbour was tried: 04
    is off by 5e-4 to 3e-2 from the next step on.
    """
    data, log, _ = usual
    arguments = {2: [], 4: ["--micro_batch_size=1"]}
    for processes, more in arguments.items():
        place = tmp_path / str(processes)
        code, error = run(script, tmp_path, *flags(script, data, place, "--seed=7", *more), processes=processes)
        assert code == 0, error
    curves = [[float(text.split(":")[1]) for text in losses(path)] for path in (log, tmp_path / "2", tmp_path / "4")]
    assert len(curves[0]) == 28  # 22 steps, 6 validations
    for curve in curves[1:]:
        assert curve == pytest.approx(curves[0], abs=3.5e-6)


def test_a_rank_without_a_batch_to_validate_keeps_nobody_waiting(script: Path, data: Path, tmp_path: Path) -> None:
    """Ten tokens are one micro-batch: rank 1 has none, at step 0 and after a step."""
    arguments = flags(script, data, tmp_path / "log", "--val_tokens=10", "--num_iterations=2", "--val_every=1")
    code, error = run(script, tmp_path, *arguments, processes=2)
    assert code == 0, error
    assert len(losses(tmp_path / "log")) == 5  # two steps, three validations


def test_the_first_line_that_matches_is_a_validation_not_the_program(usual: tuple[Path, Path, str]) -> None:
    """The usual mistake is to match `val_loss:{...:.4f}` of the program's text."""
    matches = [VAL_LINE.match(line) for line in usual[1].read_text().split("\n")]
    assert float([match[3] for match in matches if match][0]) > 3  # step 0, near ln 37 = 3.6


def test_divergence_ends_the_run_at_once(script: Path, data: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    # the largest rate that is taken: its steps leave float32 within a few
    steep = "--muon_learning_rate=1e18" if hasattr(load(script), "Muon") else "--learning_rate=1e18"
    code, error = run(script, tmp_path, *flags(script, data, log, steep))
    assert code == 3
    assert error.count("\n") == 1 and "diverged" in error
    assert last_line(log)["finished"] == "diverged"
    assert last_line(log)["steps"] < 22


@pytest.mark.parametrize("processes", [1, 2])
def test_interrupt_keeps_the_log(script: Path, data: Path, tmp_path: Path, processes: int) -> None:
    log = tmp_path / "log.txt"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"] if processes > 1 else []
    command = [sys.executable, *launcher, str(script), *flags(script, data, log, "--num_iterations=1000000")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout and child.stderr
        for line in child.stdout:
            if line.startswith("step:20/"):
                break
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert "Traceback" not in errors or processes > 1  # torchrun shows its own
    if processes == 1:
        assert child.returncode == 130
        assert errors.count("\n") == 1 and "interrupted" in errors
    end = last_line(log)
    assert end["finished"] == "interrupted" and end["steps"] >= 20
    assert end["final_val_loss"] is not None


# ----------------------------------------------------------------------------------------------------------------------
# The data


@pytest.mark.parametrize("world_size", [1, 2, 4, 8])
def test_ranks_share_the_rows_of_a_step(script: Path, world_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(script)
    h = module.Hyperparameters(sequence_length=4, batch_size=8, micro_batch_size=1)
    monkeypatch.setattr(module, "WORLD_SIZE", world_size)
    rows: list[list[int]] = []
    for rank in range(world_size):
        monkeypatch.setattr(module, "RANK", rank)
        batches = module.training_batches([("", np.arange(80)), ("", np.arange(100, 150))], h)
        for step in range(4):  # the first shard holds two steps, the second one, then the first comes again
            for _ in range(8 // world_size):
                inputs, targets = next(batches)
                assert torch.equal(targets, inputs + 1)
                rows += [[step, *row] for row in inputs.tolist()]
    firsts = sorted((row[0], row[1]) for row in rows)
    starts = [0, 32, 100, 0]
    assert firsts == sorted((step, starts[step] + 4 * row) for step in range(4) for row in range(8))


def test_shuffled_rows_come_once_a_pass_in_an_order_that_only_the_seed_decides(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load(script)
    shards = [("", np.arange(1, 86)), ("", np.arange(1000, 1065))]  # 21 rows and 16 of 4 tokens: a tail of 5, and none
    first_tokens = [range(1, 85, 4), range(1000, 1064, 4)]

    def steps_of(world_size: int, seed: int, micro_batch_size: int = 1) -> list[list[int]]:
        """The first token of every row, in order, of the 12 steps of three passes."""
        h = module.Hyperparameters(
            sequence_length=4, batch_size=8, micro_batch_size=micro_batch_size, shuffle=True, seed=seed
        )
        monkeypatch.setattr(module, "WORLD_SIZE", world_size)
        steps: list[list[int]] = [[] for _ in range(12)]
        for rank in range(world_size):
            monkeypatch.setattr(module, "RANK", rank)
            batches = module.training_batches(shards, h)
            for step in steps:
                for _ in range(8 // (world_size * micro_batch_size)):
                    inputs, targets = next(batches)
                    assert torch.equal(targets, inputs + 1)
                    assert torch.equal(inputs, inputs[:, :1] + torch.arange(4))  # a row is not torn
                    step += inputs[:, 0].tolist()
        return steps

    steps = steps_of(1, seed=1)
    passes = [sum(steps[start : start + 4], []) for start in (0, 4, 8)]
    for rows in passes:
        assert len(set(rows[:16])) == 16 and set(rows[:16]) < set(first_tokens[0])
        assert sorted(rows[16:]) == list(first_tokens[1])
    assert passes[0] != passes[1] != passes[2] != passes[0]
    assert len({frozenset(rows[:16]) for rows in passes}) > 1  # not always the same rows are left out
    assert steps != steps_of(1, seed=2)
    for world_size in (1, 2, 4, 8):
        assert steps_of(world_size, seed=1) == steps
    assert steps_of(2, seed=1, micro_batch_size=4) == steps


@pytest.mark.parametrize("world_size", [1, 2, 8])
@pytest.mark.parametrize("length", [2, 9, 33, 64, 65, 100])
def test_validation_predicts_every_token_but_the_first_once(
    script: Path, world_size: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load(script)
    h = module.Hyperparameters(sequence_length=8, micro_batch_size=2)
    monkeypatch.setattr(module, "WORLD_SIZE", world_size)
    predicted: list[int] = []
    for rank in range(world_size):
        monkeypatch.setattr(module, "RANK", rank)
        for inputs, targets in module.validation_batches(np.arange(length), h):
            assert inputs.shape == targets.shape and inputs.size(1) == 8
            assert torch.equal(targets[targets >= 0], inputs[targets >= 0] + 1)
            predicted += targets[targets >= 0].tolist()
    assert sorted(predicted) == list(range(1, length))


# ----------------------------------------------------------------------------------------------------------------------
# Wrong input: one line, exit code 2, nothing lost


def test_missing_data(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "absent"):
        line = refused(script, flags(script, folder, tmp_path / "log.txt"), monkeypatch, capfd)
        assert str(folder) in line and "data/README.md" in line
    assert not (tmp_path / "log.txt").exists()


def test_shard_cut_in_half(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    shard = data / "small_train_000002.bin"
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    line = refused(script, flags(script, data, tmp_path / "log.txt"), monkeypatch, capfd)
    assert str(shard) in line and "damaged" in line
    shard.write_bytes(b"short")
    assert str(shard) in refused(script, flags(script, data, tmp_path / "log.txt"), monkeypatch, capfd)


def test_wrong_magic_number(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    write_shard(data / "small_val_000000.bin", np.arange(20), magic=20251013)
    line = refused(script, flags(script, data, tmp_path / "log.txt"), monkeypatch, capfd)
    assert "small_val_000000.bin is no token shard" in line


def test_token_beyond_vocabulary(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    write_shard(data / "small_train_000001.bin", np.full(900, VOCABULARY))
    line = refused(script, flags(script, data, tmp_path / "log.txt"), monkeypatch, capfd)
    assert "small_train_000001.bin" in line and f"token {VOCABULARY}" in line


@pytest.mark.parametrize(
    "flag, said",
    [
        ("--num_layer=2", "--num_layers"),
        ("--num_layers=two", "no int"),
        ("--compile=maybe", "no bool"),
        ("--beta1=fast", "no float"),
        ("num_layers=2", "--num_layers"),
        ("--num_layers", "--num_layers"),
        ("--num_heads=3", "does not divide"),
        ("--batch_size=0", "from 1 to 1e18"),
        ("--micro_batch_size=3", "does not divide"),
        ("--batch_size=1024", "no shard"),
        ("--val_tokens=300", "300 tokens"),
        ("--val_tokens=-1", "--val_tokens=-1"),
        ("--beta1=nan", "from 0 to 1e18"),
        ("--epsilon=1e38", "from 0 to 1e18"),
        ("--seed=99999999999999999999", "from 0 to 1e18"),
        ("--device=tpu", "auto, cpu, on a GPU cuda"),
        ("--beta2=1", "a beta below 1"),
        ("--checkpoint=nowhere/weights.pt", "a folder that is there"),
        ("--checkpoint=/", "a folder that is there"),
        ("--train_files=", "no shards"),
    ],
)
def test_wrong_flags(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd, flag: str, said: str) -> None:
    assert said in refused(script, flags(script, data, tmp_path / "log.txt", flag), monkeypatch, capfd)


def test_what_the_milestone_adds_is_checked_too(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    fields = vars(load(script).Hyperparameters())
    wrong = {
        "rotary_base": (["--model_dim=6", "--num_heads=2"], "even size"),
        "value_embeddings": (["--value_embeddings=2"], "--num_layers=2"),
    }
    for name, (more, said) in wrong.items():
        if name in fields:
            assert said in refused(script, flags(script, data, tmp_path / "log.txt", *more), monkeypatch, capfd)


def test_wrong_world_sizes(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert "3 processes" in refused(script, flags(script, data, tmp_path / "log.txt"), monkeypatch, capfd)
    monkeypatch.setenv("WORLD_SIZE", "8")
    line = refused(script, flags(script, data, tmp_path / "log.txt", "--batch_size=12"), monkeypatch, capfd)
    assert "--batch_size=12" in line


def test_a_gpu_that_is_not_there(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = refused(script, flags(script, data, tmp_path / "log.txt", "--device=cuda"), monkeypatch, capfd)
    assert "--device=cuda" in line and "on a GPU cuda" in line


@pytest.mark.parametrize("text", ['{"vocab_size"', "{}", '{"vocab_size": null}', '{"vocab_size": "x"}', "[]", "1"])
def test_broken_meta_json(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd, text: str) -> None:
    (data / "meta.json").write_text(text)
    line = refused(script, flags(script, data, tmp_path / "log.txt", "--vocab_size=0"), monkeypatch, capfd)
    assert "meta.json" in line


def test_a_restart_onto_its_own_log_is_refused_and_the_log_kept(
    script: Path, usual: tuple[Path, Path, str], tmp_path: Path
) -> None:
    """Nothing is continued: a second start with the same flags would write over what the first one measured."""
    data, log, _ = usual
    before = log.read_bytes()
    code, error = run(script, tmp_path, *flags(script, data, log))
    assert (code, error.count("\n")) == (2, 1)
    assert str(log) in error and "a run is not continued" in error
    assert log.read_bytes() == before


def run_on_a_small_disk(limit: int, script: Path, arguments: list[str]) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    run_script(script, arguments)


def test_full_disk_ends_in_one_line_and_keeps_what_was_written(script: Path, data: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the same OSError from the same write."""
    log = tmp_path / "log.txt"
    limit = len(script.read_bytes()) + 4000  # bytes: header and program fit, and some steps
    arguments = flags(script, data, log, "--num_iterations=1000")
    codes = in_processes(1, tmp_path, run_on_a_small_disk, limit, script, arguments)
    error = (tmp_path / "rank_0.err").read_text()
    assert codes == [2]
    assert error.count("\n") == 1 and "File too large" in error
    assert len(losses(log)) > 3
    assert '"finished"' not in log.read_text().split(RULE)[-1]


# ----------------------------------------------------------------------------------------------------------------------
# The model and the file


def test_no_look_into_the_future(script: Path) -> None:
    """Four layers, so that every way through the network is there; noise on every weight, so that none is closed.

    Every embedding of the tokens is followed: the loss at a position depends on those up to it, and on none after it.
    """
    model = small_model(load(script), noise=0.2, num_layers=4)
    inputs = torch.randint(VOCABULARY, (1, 8))
    embedded: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, given: tuple[torch.Tensor], output: torch.Tensor) -> None:
        if output.requires_grad and given[0].shape == inputs.shape:  # not the positions
            output.retain_grad()
            embedded.append(output)

    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            module.register_forward_hook(keep)
    for position in range(8):
        targets = torch.full((1, 8), -1)
        targets[0, position] = 3
        embedded.clear()
        loss = model(inputs, targets)
        loss.backward()
        assert len(embedded) == 1 + len(getattr(model, "value_embeddings", []))
        for output in embedded:
            assert output.grad is not None
            reached = output.grad.abs().sum(-1)[0]  # (T,) how much each input moves the loss at this position
            assert (reached[: position + 1] > 0).all()
            assert (reached[position + 1 :] == 0).all()
        other = inputs.clone()
        other[0, position + 1 :] = (other[0, position + 1 :] + 1) % VOCABULARY
        with torch.no_grad():  # and in numbers, up to rounding
            assert model(other, targets).item() == pytest.approx(loss.item(), rel=1e-6)


def test_loss_is_the_mean_cross_entropy_of_the_counted_targets(script: Path) -> None:
    module = load(script)
    inputs, targets = torch.randint(VOCABULARY, (2, 8)), torch.randint(VOCABULARY, (2, 8))
    model = small_model(module, noise=0.1)
    with torch.no_grad():
        fresh = small_model(module)(inputs, targets)
        whole = model(inputs, targets)
        one_by_one = []
        for row in range(2):
            for column in range(8):
                single = torch.full((2, 8), -1)
                single[row, column] = targets[row, column]
                one_by_one.append(model(inputs, single).item())
    # float32 rounding of a mean of 16 numbers near 3.6
    assert whole.item() == pytest.approx(np.mean(one_by_one), abs=1e-5)
    assert fresh.item() == pytest.approx(math.log(VOCABULARY), abs=0.5)  # nothing learned yet


def test_imports_nothing_of_ours(script: Path) -> None:
    tree = ast.parse(script.read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    packages = {name.split(".")[0] for name in imported}
    assert packages - set(sys.stdlib_module_names) <= {"numpy", "torch"}


def section_sizes(script: Path) -> dict[str, int]:
    """Lines of code a section: neither blank nor comment nor docstring."""
    text = script.read_text()
    lines, skipped, sizes, section = text.split("\n"), set(), {"docstring": 0}, "docstring"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            skipped |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    for number, line in enumerate(lines, 1):
        if line.startswith("# ") and lines[number - 2].startswith("# ------"):
            section = re.split(r"[:.]", line[2:])[0]
            sizes[section] = 0
        elif line.strip() and not line.strip().startswith("#") and number not in skipped:
            sizes[section] += 1
    return sizes


def test_sections_stand_in_order_and_what_is_not_the_lesson_is_short(script: Path) -> None:
    sizes = section_sizes(script)
    order = ["docstring", "Hyperparameters", "Model", "Optimizer", "Data", "Schedule", "Run log", "Flags", "Training"]
    assert list(sizes) == order
    assert sum(sizes[name] for name in ("Data", "Run log", "Flags", "Training")) < 250
    assert sum(bool(line.strip()) for line in script.read_text().split("\n")) <= 600  # blank ones: the formatter's


@pytest.mark.parametrize("folder", sorted(HOUSE.glob("history/*/")), ids=lambda path: path.name)
def test_frozen_is_frozen(folder: Path) -> None:
    manifest = tomllib.loads((folder / "milestone.toml").read_text())
    assert manifest["sha256"] == hashlib.sha256((folder / "train_gpt2.py").read_bytes()).hexdigest()
    assert manifest["name"] == folder.name


def test_baseline_is_gpt2_of_124m_weights_with_the_published_schedule() -> None:
    module = load(milestone(0))
    h = module.Hyperparameters()
    with torch.device("meta"):
        model = module.GPT(h)
    width, layers = 768, 12
    expected = (50_257 + 1024) * width + layers * 12 * width**2  # tied head; no biases, no affine norms
    assert sum(p.numel() for p in model.parameters()) == expected == 124_318_464
    assert h.num_iterations * h.batch_size * h.sequence_length == 6_442_450_944
    scale = [module.learning_rate_scale(step, h) for step in (0, 127, 255, 256, 12_288, 24_575)]
    # (0.1 + 1 - r) / 1.1 after the warm-up of 256 steps
    decay = [(1.1 - step / 24_576) / 1.1 for step in (256, 12_288, 24_575)]
    assert scale == pytest.approx([1 / 256, 0.5, 1.0, *decay])
