"""The modern architecture (milestone 02): rotary positions, QK-norm, ReLU squared, zero initialization, schedule."""

import pytest
import torch
import torch.nn.functional as F
from milestone_scripts import VOCABULARY, load, milestone, small, small_model

ARCH = load(milestone(2))


def rotary(sequence_length: int = 32, **changes: float) -> torch.nn.Module:
    """Of heads of 8."""
    return ARCH.Rotary(small(ARCH, sequence_length=sequence_length, **changes))


def at_every_position(vector: torch.Tensor, positions: int) -> torch.Tensor:
    return vector.expand(1, positions, 1, -1)  # (B, T, H, D)


def tokens(rows: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    both = torch.randint(VOCABULARY, (rows, 9), generator=torch.Generator().manual_seed(3))
    return both[:, :-1], both[:, 1:]


# ----------------------------------------------------------------------------------------------------------------------
# Rotary position embedding


def test_scores_depend_on_the_distance_only() -> None:
    """Vectors of length near 3, angles up to 31 rad, known to 2e-6: scores agree to about 1e-5 in float32."""
    torch.manual_seed(0)
    query, key = torch.randn(8), torch.randn(8)
    tables = [rotary(32), rotary(64)]
    scores = [
        rotate(at_every_position(query, 32))[0, :, 0] @ rotate(at_every_position(key, 32))[0, :, 0].T
        for rotate in tables
    ]
    assert torch.equal(scores[0], scores[1])  # a longer table holds the same angles
    for distance in range(-31, 32):
        same = scores[0].diagonal(distance)
        assert (same - same[0]).abs().max() < 3e-5
    assert scores[0].diagonal(0)[0].item() == pytest.approx((query @ key).item(), abs=1e-5)
    assert scores[0][0].std() > 0.1  # and on the distance they do depend


def test_rotation_keeps_lengths_and_the_first_position() -> None:
    x = torch.randn(2, 32, 3, 8)
    turned = rotary(32)(x)
    assert torch.equal(turned[:, 0], x[:, 0])
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), rtol=1e-6)
    assert not torch.allclose(turned[:, 1], x[:, 1])


def test_angles_are_those_of_the_paper() -> None:
    """Position t turns the pair (x_i, x_(i + 4)) by t 10000^(-2 i / 8) radians, as a complex number would be."""
    x = torch.randn(1, 32, 1, 8)
    angles = torch.outer(torch.arange(32.0), 10_000.0 ** (-torch.arange(4) / 4))
    expected = torch.complex(x[0, :, 0, :4], x[0, :, 0, 4:]) * torch.polar(torch.ones(32, 4), angles)
    turned = rotary(32)(x)[0, :, 0]
    assert torch.allclose(turned, torch.cat([expected.real, expected.imag], dim=1), atol=1e-5)


def test_base_zero_is_no_rotation() -> None:
    x = torch.randn(2, 32, 3, 8)
    assert torch.equal(rotary(32, rotary_base=0.0)(x), x)


def test_without_rotation_the_order_of_the_past_does_not_matter() -> None:
    """One layer, the loss of the last position: it sees a set of tokens, if there are no positions."""
    inputs = torch.randint(VOCABULARY, (1, 8), generator=torch.Generator().manual_seed(5))
    targets = torch.full((1, 8), -1)
    targets[0, 7] = 3
    other = inputs.clone()
    other[0, :7] = inputs[0, :7].flip(0)
    change = {}
    for base in (0.0, 10_000.0):
        model = small_model(ARCH, noise=0.3, num_layers=1, rotary_base=base)
        change[base] = abs(model(inputs, targets).item() - model(other, targets).item())
    assert change[0.0] < 2e-6  # rounding of losses near 4
    assert change[10_000.0] > 1e-4


# ----------------------------------------------------------------------------------------------------------------------
# QK-norm and ReLU squared


@pytest.mark.parametrize("qk_norm", [True, False])
def test_scale_of_queries_and_keys_does_not_matter_with_qk_norm(qk_norm: bool) -> None:
    """But for the 1e-6 that norm adds to a mean square near 1 (then 100): half of it is the relative change."""
    model = small_model(ARCH, noise=0.3, qk_norm=qk_norm)
    attention = model.blocks[0].attention
    x = 3 * torch.randn(2, 8, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = attention(x, model.rotary)
        attention.query.weight *= 10
        attention.key.weight *= 10
        after = attention(x, model.rotary)
    assert torch.allclose(before, after, rtol=1e-4, atol=1e-5) == qk_norm


@pytest.mark.parametrize("number", [2, 3, 4])
def test_attention_is_the_formula_head_by_head(number: int) -> None:
    """Heads taken apart by hand, complex rotation, in float64; what differs is float32's rounding of sums of 16."""
    script = load(milestone(number))
    h = small(script)
    torch.manual_seed(0)
    attention, rotate = script.CausalSelfAttention(h), script.Rotary(h)
    torch.nn.init.normal_(attention.projection.weight)
    T, D = 8, h.model_dim // h.num_heads
    x = torch.randn(2, T, h.model_dim)
    turn = torch.polar(
        torch.ones(T, D // 2), torch.outer(torch.arange(float(T)), 10_000.0 ** (-torch.arange(0, D, 2) / D))
    )
    weights = [linear.weight.double().split(D) for linear in (attention.query, attention.key, attention.value)]
    heads = []
    for query, key, value in zip(*weights, strict=True):  # (D, C) each
        q, k, v = (x.double() @ weight.T for weight in (query, key, value))  # (B, T, D)
        q, k = (torch.complex(*y.chunk(2, dim=-1)) * turn for y in (q, k))
        q, k = (y / (y.abs().square().sum(-1, keepdim=True) / D + 1e-6).sqrt() for y in (q, k))
        scores = (q @ k.mH).real / D**0.5  # (B, T, T)
        heads.append(scores.masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf).softmax(-1) @ v)
    expected = torch.cat(heads, dim=-1) @ attention.projection.weight.double().T
    got = attention(x, rotate, None)[0] if number == 4 else attention(x, rotate)  # None: with its own values
    assert torch.allclose(got.double(), expected, rtol=0, atol=1e-5)


def test_normalizing_before_or_after_the_rotation_is_the_same() -> None:
    x = 5 * torch.randn(2, 32, 3, 8)
    rotate = rotary(32)
    assert torch.allclose(ARCH.norm(rotate(x)), rotate(ARCH.norm(x)), atol=1e-6)
    assert torch.allclose(ARCH.norm(x).square().mean(-1), torch.ones(2, 32, 3), atol=1e-5)


def test_relu_squared_and_its_gradient() -> None:
    model = small_model(ARCH, noise=0.3)
    mlp = model.blocks[0].mlp
    x = torch.randn(4, 16, requires_grad=True)
    again = x.detach().clone().requires_grad_()
    value, expected = mlp(x), mlp.down(F.relu(mlp.up(again)) ** 2)
    assert torch.allclose(value, expected, atol=1e-6)
    direction = torch.randn_like(value)
    value.backward(direction)
    expected.backward(direction)
    assert again.grad is not None and again.grad.abs().max() > 0
    assert torch.allclose(x.grad, again.grad, atol=1e-5)
    with_gelu = small_model(ARCH, noise=0.3, relu_squared=False).blocks[0].mlp
    assert torch.allclose(with_gelu(x), with_gelu.down(F.gelu(with_gelu.up(x))))


# ----------------------------------------------------------------------------------------------------------------------
# Where it starts, how large it is, how it is scheduled


def test_every_block_starts_as_the_identity() -> None:
    model = small_model(ARCH, num_layers=3)
    x = torch.randn(2, 8, 16)
    for block in model.blocks:
        assert torch.equal(block(x, model.rotary), x)
    inputs, targets = tokens()
    fresh = model(inputs, targets)
    for block in model.blocks:
        for linear in (block.attention.query, block.attention.key, block.attention.value, block.mlp.up):
            torch.nn.init.normal_(linear.weight)
    assert torch.equal(model(inputs, targets), fresh)
    model.blocks = torch.nn.ModuleList()
    assert torch.equal(model(inputs, targets), fresh)
    otherwise = small_model(ARCH, zero_init=False)
    assert not torch.equal(otherwise.blocks[0](x, otherwise.rotary), x)


@pytest.mark.parametrize("number", [2, 3])
def test_official_size(number: int) -> None:
    module = load(milestone(number))
    h = module.Hyperparameters()
    with torch.device("meta"):
        model = module.GPT(h)
    assert h.vocab_size == 50_304 and h.vocab_size % 128 == 0 and 0 <= h.vocab_size - 50_257 < 128
    assert h.model_dim // h.num_heads == 128
    expected = 50_304 * 768 + 12 * 12 * 768**2  # tied head; 4 + 8 matrices of 768 x 768 a layer; no positions
    assert sum(weight.numel() for weight in model.parameters()) == expected == 123_568_128
    assert h.num_iterations * h.batch_size * h.sequence_length == 2_673_868_800
    assert h.batch_size * h.sequence_length == 524_288


@pytest.mark.parametrize("number, iterations, cooldown", [(1, 6_200, 1_800), (2, 5_100, 1_450), (4, 3_000, 900)])
def test_schedule_is_constant_then_linear_to_zero(number: int, iterations: int, cooldown: int) -> None:
    module = load(milestone(number))
    h = module.Hyperparameters()
    assert (h.num_iterations, h.cooldown_iterations) == (iterations, cooldown)
    start = iterations - cooldown
    at = {0: 1.0, start - 1: 1.0, start: 1.0, start + 1: 1 - 1 / cooldown, start + cooldown // 2: 0.5}
    at |= {iterations - 1: 1 / cooldown, iterations: 0.0}
    scale = [module.learning_rate_scale(step, h) for step in at]
    assert scale == pytest.approx(list(at.values()), abs=1e-12)
    h.cooldown_iterations = 0  # none at all: constant to the last step
    assert module.learning_rate_scale(iterations - 1, h) == 1.0


def test_schedule_reaches_both_optimizers() -> None:
    h = small(ARCH, num_iterations=20, cooldown_iterations=10)
    optimizers = ARCH.make_optimizers(small_model(ARCH), h)
    for step, scale in ((0, 1.0), (15, 0.5), (15, 0.5), (19, 0.1)):  # scaled anew each time, not once more
        ARCH.set_schedule(optimizers, step, h)
        rates = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
        assert rates == pytest.approx([scale * h.learning_rate, scale * h.muon_learning_rate])
