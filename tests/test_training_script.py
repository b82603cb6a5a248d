"""What a user of a training script relies on: the log, the clock, the data order, and one line for every mistake.

Every script in history/ and train/ passes the same tests. They run a model of about 10,000 weights.
"""

import ast
import hashlib
import importlib.util
import json
import math
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

HOUSE = Path(__file__).resolve().parents[1]
SCRIPTS = [*sorted(HOUSE.glob("history/*/train_gpt2.py")), HOUSE / "train/train_gpt2.py"]
VOCABULARY = 37
SMALL = (
    f"--vocab_size={VOCABULARY} --num_layers=2 --num_heads=2 --model_dim=16 --sequence_length=8 --batch_size=8 "
    "--micro_batch_size=2 --num_iterations=12 --warmup_iterations=3 --val_every=5 --val_tokens=0 --device=cpu "
    "--precision=float32 --compile=false --learning_rate=0.01"
).split()
RULE = "=" * 100
# the grammar that the public speedrun's logs follow (validation and training lines)
VAL_LINE = re.compile(r"^step:(\d+)/(\d+) val_loss:([0-9.]+) train_time:([0-9.]+)(ms|s) step_avg:([0-9.]+|nan)ms$")
TRAIN_LINE = re.compile(r"^step:(\d+)/(\d+) train_loss:([0-9.]+) train_time:([0-9.]+)(ms|s) step_avg:([0-9.]+|nan)ms$")


@pytest.fixture(params=SCRIPTS, ids=lambda path: path.parent.name)
def script(request: pytest.FixtureRequest) -> Path:
    return request.param


def load(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"train_gpt2_{script.parent.name}", script)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_shard(path: Path, tokens: np.ndarray, magic: int = 20240520, stated: int | None = None) -> None:
    header = np.zeros(256, dtype="<i4")
    header[:3] = magic, 1, len(tokens) if stated is None else stated
    path.write_bytes(header.tobytes() + tokens.astype("<u2").tobytes())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two training shards and a validation shard of a noisy cycle, which a small model learns a little of."""
    folder = tmp_path / "data"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 5, 2000)
    tokens = (np.arange(2000) * 3 + noise) % VOCABULARY
    write_shard(folder / "small_train_000001.bin", tokens[:900])
    write_shard(folder / "small_train_000002.bin", tokens[900:1700])
    write_shard(folder / "small_val_000000.bin", tokens[1700:])
    return folder


def flags(data: Path, log: Path, *more: str) -> list[str]:
    files = [f"--train_files={data}/small_train_*.bin", f"--val_files={data}/small_val_*.bin"]
    return [*SMALL, *files, f"--log_file={log}", *more]


def run(script: Path, *arguments: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    return subprocess.run(
        [sys.executable, *launcher, str(script), *arguments],
        capture_output=True, text=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


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


def test_log_holds_header_program_steps_and_end(script: Path, data: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    result = run(script, *flags(data, log, "--seed=7", "--run_id=seven", "--track=toy-cpu"))
    assert result.returncode == 0, result.stderr
    top, program, steps = re.split(rf"^{RULE}\n", log.read_text(), flags=re.MULTILINE)
    header = json.loads(top)
    assert program == script.read_text()
    assert header["code_sha256"] == hashlib.sha256(script.read_bytes()).hexdigest()
    assert (header["speedrun_log"], header["run_id"], header["milestone"]) == (1, "seven", script.parent.name)
    assert (header["track"], header["seed"], header["world_size"]) == ("toy-cpu", 7, 1)
    assert header["hyperparameters"]["num_iterations"] == 12
    assert header["tokens_per_step"] == 64
    assert [shard["tokens"] for shard in header["data"]["train"]] == [900]  # 12 steps do not reach the second shard
    val_shard = data / "small_val_000000.bin"
    assert header["data"]["val"] == [
        {"name": val_shard.name, "tokens": 300, "sha256": hashlib.sha256(val_shard.read_bytes()).hexdigest()}
    ]
    assert header["host"]["torch"] == torch.__version__ and header["host"]["cores"] >= 1

    lines = steps.rstrip("\n").split("\n")
    val = [line for line in lines if VAL_LINE.match(line)]
    train = [line for line in lines if TRAIN_LINE.match(line)]
    assert len(val) + len(train) + 1 == len(lines)
    assert [int(VAL_LINE.match(line)[1]) for line in val] == [0, 5, 10, 12]
    assert [int(TRAIN_LINE.match(line)[1]) for line in train] == list(range(1, 13))
    assert val[0].endswith("train_time:0ms step_avg:nanms")
    end = json.loads(lines[-1])
    assert (end["finished"], end["steps"], end["tokens"]) == ("completed", 12, 12 * 64)
    assert f"{end['final_val_loss']:.6f}" == VAL_LINE.match(val[-1])[3]
    assert end["final_val_loss"] < float(VAL_LINE.match(val[0])[3])  # it learns
    assert end["peak_memory_mib"] > 0
    shown = [line for line in result.stdout.split("\n") if line]
    assert shown == lines[:-1]  # what a user sees is what the log holds


def test_same_seed_same_losses_and_untimed_steps_leave_no_trace(script: Path, data: Path, tmp_path: Path) -> None:
    variants = {"a": "--untimed_steps=3", "b": "--untimed_steps=3", "none": "--untimed_steps=0", "other": "--seed=2"}
    for name, flag in variants.items():
        assert run(script, *flags(data, tmp_path / name, flag)).returncode == 0
    exact = {name: (losses(tmp_path / name), last_line(tmp_path / name)["final_val_loss"]) for name in variants}
    assert exact["a"] == exact["b"] == exact["none"]
    assert exact["a"] != exact["other"]


def test_loss_does_not_depend_on_processes_or_micro_batches(script: Path, data: Path, tmp_path: Path) -> None:
    """Sums of float32 in another order: a relative error near 1e-7 in a gradient, grown over 12 steps of a rate of
    1e-2. Observed differences stay below 2e-6 of losses near 3.5; a row trained twice or left out shows above 1e-3."""
    arguments = {1: [], 2: [], 4: ["--micro_batch_size=1"]}
    for processes, more in arguments.items():
        result = run(script, *flags(data, tmp_path / str(processes), *more), processes=processes)
        assert result.returncode == 0, result.stderr
    curves = [[float(text.split(":")[1]) for text in losses(tmp_path / str(n))] for n in arguments]
    assert len(curves[0]) == 16
    for curve in curves[1:]:
        assert curve == pytest.approx(curves[0], abs=2e-5)


def test_the_first_line_that_matches_is_a_validation_not_the_program(script: Path, data: Path, tmp_path: Path) -> None:
    """The usual mistake is to match `val_loss:{...:.4f}` of the program's text."""
    log = tmp_path / "log.txt"
    assert run(script, *flags(data, log)).returncode == 0
    matches = [VAL_LINE.match(line) for line in log.read_text().split("\n")]
    assert float([match[3] for match in matches if match][0]) > 3  # step 0, near ln 37 = 3.6


def test_divergence_ends_the_run_at_once(script: Path, data: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    result = run(script, *flags(data, log, "--learning_rate=1e38"))
    assert result.returncode == 3
    assert result.stderr.count("\n") == 1 and "diverged" in result.stderr
    assert last_line(log)["finished"] == "diverged"
    assert last_line(log)["steps"] < 12


@pytest.mark.parametrize("processes", [1, 2])
def test_interrupt_keeps_the_log(script: Path, data: Path, tmp_path: Path, processes: int) -> None:
    log = tmp_path / "log.txt"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"] if processes > 1 else []
    command = [sys.executable, *launcher, str(script), *flags(data, log, "--num_iterations=1000000")]
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
        line = refused(script, flags(folder, tmp_path / "log.txt"), monkeypatch, capfd)
        assert str(folder) in line and "data/README.md" in line
    assert not (tmp_path / "log.txt").exists()


def test_shard_cut_in_half(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    shard = data / "small_train_000002.bin"
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    line = refused(script, flags(data, tmp_path / "log.txt"), monkeypatch, capfd)
    assert str(shard) in line and "damaged" in line
    shard.write_bytes(b"short")
    assert str(shard) in refused(script, flags(data, tmp_path / "log.txt"), monkeypatch, capfd)


def test_wrong_magic_number(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    write_shard(data / "small_val_000000.bin", np.arange(20), magic=20251013)
    line = refused(script, flags(data, tmp_path / "log.txt"), monkeypatch, capfd)
    assert "small_val_000000.bin is no token shard" in line


def test_token_beyond_vocabulary(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    write_shard(data / "small_train_000001.bin", np.full(900, VOCABULARY))
    line = refused(script, flags(data, tmp_path / "log.txt"), monkeypatch, capfd)
    assert "small_train_000001.bin" in line and f"token {VOCABULARY}" in line


@pytest.mark.parametrize(
    "flag, said",
    [
        ("--num_layer=2", "--num_layers"),
        ("--num_layers=two", "no int"),
        ("--compile=maybe", "no bool"),
        ("--learning_rate=fast", "no float"),
        ("num_layers=2", "--num_layers"),
        ("--num_layers", "--num_layers"),
        ("--num_heads=3", "does not divide"),
        ("--batch_size=0", "at least 1"),
        ("--micro_batch_size=3", "does not divide"),
        ("--batch_size=1024", "no shard"),
        ("--val_tokens=300", "300 tokens"),
        ("--val_tokens=-1", "--val_tokens=-1"),
        ("--learning_rate=nan", "finite"),
        ("--device=tpu", "cpu or cuda"),
    ],
)
def test_wrong_flags(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd, flag: str, said: str) -> None:
    assert said in refused(script, flags(data, tmp_path / "log.txt", flag), monkeypatch, capfd)


def test_wrong_world_sizes(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert "3 processes" in refused(script, flags(data, tmp_path / "log.txt"), monkeypatch, capfd)
    monkeypatch.setenv("WORLD_SIZE", "8")
    line = refused(script, flags(data, tmp_path / "log.txt", "--batch_size=12"), monkeypatch, capfd)
    assert "--batch_size=12" in line


def test_broken_meta_json(script: Path, data: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    (data / "meta.json").write_text('{"vocab_size"')
    line = refused(script, flags(data, tmp_path / "log.txt", "--vocab_size=0"), monkeypatch, capfd)
    assert "meta.json" in line


def test_never_writes_over_a_log(script: Path, data: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("precious")
    result = run(script, *flags(data, log))
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert str(log) in result.stderr
    assert log.read_text() == "precious"


def test_full_disk_ends_in_one_line_and_keeps_what_was_written(script: Path, data: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the same OSError from the same write."""
    log = tmp_path / "log.txt"
    limit = len(script.read_bytes()) + 4000  # bytes: header and program fit, and some steps
    code = (
        "import resource, runpy, signal, sys;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        f"sys.argv = {[str(script), *flags(data, log, '--num_iterations=1000')]!r};"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and "File too large" in result.stderr
    assert len(losses(log)) > 3
    assert '"finished"' not in log.read_text().split(RULE)[-1]


# ----------------------------------------------------------------------------------------------------------------------
# The model and the file


def test_no_look_into_the_future(script: Path) -> None:
    module = load(script)
    h = module.parse_flags(SMALL)
    torch.manual_seed(0)
    model = module.GPT(h)
    inputs = torch.randint(VOCABULARY, (1, 8))
    for position in range(8):
        targets = torch.full((1, 8), -1)
        targets[0, position] = 3
        embedded: list[torch.Tensor] = []
        handle = model.token_embedding.register_forward_hook(
            lambda *call, kept=embedded: kept.append(call[2].requires_grad_().retain_grad() or call[2])
        )
        model(inputs, targets).backward()
        handle.remove()
        reached = embedded[0].grad.abs().sum(-1)[0]  # (T,) how much each input moves the loss at this position
        assert (reached[: position + 1] > 0).all()
        assert (reached[position + 1 :] == 0).all()


def test_loss_is_the_mean_cross_entropy_of_the_counted_targets(script: Path) -> None:
    module = load(script)
    torch.manual_seed(0)
    model = module.GPT(module.parse_flags(SMALL))
    inputs, targets = torch.randint(VOCABULARY, (2, 8)), torch.randint(VOCABULARY, (2, 8))
    with torch.no_grad():
        whole = model(inputs, targets)
        one_by_one = []
        for row in range(2):
            for column in range(8):
                single = torch.full((2, 8), -1)
                single[row, column] = targets[row, column]
                one_by_one.append(model(inputs, single).item())
    # float32 rounding of a mean of 16 numbers near 3.6
    assert whole.item() == pytest.approx(np.mean(one_by_one), abs=1e-5)
    assert whole.item() == pytest.approx(math.log(VOCABULARY), abs=0.5)  # nothing learned yet


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
    assert len(script.read_text().split("\n")) <= 600


@pytest.mark.parametrize("folder", sorted(HOUSE.glob("history/*/")), ids=lambda path: path.name)
def test_frozen_is_frozen(folder: Path) -> None:
    manifest = tomllib.loads((folder / "milestone.toml").read_text())
    assert manifest["sha256"] == hashlib.sha256((folder / "train_gpt2.py").read_bytes()).hexdigest()
    assert manifest["name"] == folder.name


def test_baseline_is_gpt2_of_124m_weights_with_the_published_schedule() -> None:
    module = load(HOUSE / "history/00_baseline/train_gpt2.py")
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
