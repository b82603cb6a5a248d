"""Distributed Muon (milestones 03 and 04): the same weights as undistributed Muon, each matrix the work of one rank.

Ranks are real processes that talk through gloo. Every rank gets the same gradients, as it does behind
DistributedDataParallel.
"""

import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from milestone_scripts import in_processes, load, milestone

SHAPES = [(16, 16), (64, 16), (16, 64)]
COUNTS = [7, 5, 4, 3, 1]  # of matrices: more and fewer than ranks, divisible and not
STEPS, RATE = 10, 0.02


def weights_of(count: int) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(count)
    return [torch.nn.Parameter(torch.randn(SHAPES[i % 3], generator=generator)) for i in range(count)]


def set_gradients(weights: list[torch.nn.Parameter], step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator)


def train(script: Path, folder: Path) -> None:
    """On one rank: ten steps for every number of matrices and both precisions; weights and counts go to a file."""
    module = load(script)
    if module.WORLD_SIZE > 1:
        dist.init_process_group("gloo")
    done: list[tuple[int, ...]] = []
    orthogonalize = module.orthogonalize

    def counted(G: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        done.extend([tuple(G.shape[1:])] * G.size(0))
        return orthogonalize(G, dtype)

    module.orthogonalize = counted
    results = {}
    for dtype in (torch.float32, torch.bfloat16):
        for count in COUNTS:
            weights = weights_of(count)
            muon = module.Muon(weights, RATE, 0.95, dtype)
            done.clear()
            for step in range(STEPS):
                set_gradients(weights, step)
                muon.step()
            kept = [i for i, weight in enumerate(weights) if weight in muon.state]
            results[dtype, count] = ([weight.detach() for weight in weights], list(done), kept)
    torch.save(results, folder / f"{module.RANK}.pt")
    if module.WORLD_SIZE > 1:
        dist.destroy_process_group()


def undistributed(number: int, count: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """Milestone 02's Muon; 04's scale, sqrt(max(1, rows / columns)), goes into the rate of each matrix."""
    weights = weights_of(count)
    groups = []
    for weight in weights:
        rows, columns = weight.shape
        scale = 1.0 if number == 3 else math.sqrt(max(1, rows / columns)) / math.sqrt(max(rows, columns))
        groups.append({"params": [weight], "lr": RATE * scale})
    muon = load(milestone(2)).Muon(groups, RATE, 0.95, dtype)
    for step in range(STEPS):
        set_gradients(weights, step)
        muon.step()
    return [weight.detach() for weight in weights]


@pytest.fixture(scope="module", params=[(3, 1), (3, 2), (3, 4), (4, 2), (4, 4)], ids="{0[0]:02}-on-{0[1]}".format)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[dict]]:
    """Number of the milestone, and the results of each rank."""
    number, processes = request.param
    folder = tmp_path_factory.mktemp("ranks")
    codes = in_processes(processes, folder, train, milestone(number), folder)
    assert codes == [0] * processes, (folder / "rank_0.err").read_text()
    return number, [torch.load(folder / f"{rank}.pt") for rank in range(processes)]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_are_those_of_undistributed_muon(
    trained: tuple[int, list[dict]], count: int, dtype: torch.dtype
) -> None:
    """The sum over ranks adds zeros, which is exact. Stacks of another size may be multiplied in another order.

    On the machine of the first measurement every difference is zero, in both precisions; allowed is rounding elsewhere.
    Float32: 1e-6 of an element of a direction, in ten steps of RATE times 8, not all one way: 3e-6 of weights near 1.
    bfloat16: an element (below 0.5) may fall on its neighbour, 2^-9 away: 3e-3 in ten such steps, one hundredth of the
    way. One step of a matrix left out is 0.007 at least, a momentum lost is 0.02.
    """
    number, ranks = trained
    expected = undistributed(number, count, dtype)
    for results in ranks:
        weights = results[dtype, count][0]
        for weight, right in zip(weights, expected, strict=True):
            assert torch.allclose(weight, right, rtol=0, atol=3e-6 if dtype == torch.float32 else 3e-3)
        for weight, first in zip(weights, ranks[0][dtype, count][0], strict=True):
            assert torch.equal(weight, first)  # ranks must not drift apart, not by one bit


@pytest.mark.parametrize("count", COUNTS)
def test_every_matrix_is_the_work_of_one_rank(trained: tuple[int, list[dict]], count: int) -> None:
    """Rank r orthogonalizes and remembers matrices r, r + world size, ..: counted, not read from the program."""
    _, ranks = trained
    owned = [results[torch.float32, count][2] for results in ranks]
    assert sorted(sum(owned, [])) == list(range(count))
    for rank, results in enumerate(ranks):
        _, done, kept = results[torch.float32, count]
        assert kept == list(range(rank, count, len(ranks)))
        assert len(done) == STEPS * len(kept)
        assert sorted(done) == sorted(STEPS * [SHAPES[i % 3] for i in kept])
        assert math.floor(count / len(ranks)) <= len(kept) <= math.ceil(count / len(ranks))
