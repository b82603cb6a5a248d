"""Skip connections (milestone 04): softcap, U-net, shortcut to the embedding, value residual, value embeddings, groups.

Forward passes are watched through hooks on the blocks; a weight of a mixture is set to 0 or 1 where that makes the
expected tensor exact.
"""

import math

import pytest
import torch
from milestone_scripts import VOCABULARY, load, milestone, small, small_model

SKIP = load(milestone(4))


def tokens() -> tuple[torch.Tensor, torch.Tensor]:
    both = torch.randint(VOCABULARY, (4, 9), generator=torch.Generator().manual_seed(3))
    return both[:, :-1], both[:, 1:]


def watched(model: torch.nn.Module) -> list[tuple[tuple, tuple]]:
    """Arguments and results of every block in one forward pass."""
    seen: list[tuple[tuple, tuple]] = []
    handles = [
        block.register_forward_hook(lambda _, given, result: seen.append((given, result))) for block in model.blocks
    ]
    with torch.no_grad():
        model(*tokens())
    for handle in handles:
        handle.remove()
    return seen


def logits(model: torch.nn.Module, inputs: torch.Tensor, targets: torch.Tensor, monkeypatch) -> torch.Tensor:
    """What reaches the cross entropy."""
    kept: list[torch.Tensor] = []
    real = torch.nn.functional.cross_entropy
    monkeypatch.setattr(SKIP.F, "cross_entropy", lambda *given, **more: kept.append(given[0]) or real(*given, **more))
    with torch.no_grad():
        model(inputs, targets)
    monkeypatch.undo()
    return kept[0]


# ----------------------------------------------------------------------------------------------------------------------
# The head


def test_softcap_bounds_the_logits_and_leaves_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    capped, free = (small_model(SKIP, noise=0.1, logit_softcap=cap) for cap in (30.0, 0.0))
    for scale in (1e-3, 1.0, 1e4):
        for model in (capped, free):
            model.head.weight.data = scale * small_model(SKIP, noise=0.1).head.weight.data
        z, raw = (logits(model, *tokens(), monkeypatch) for model in (capped, free))
        assert z.abs().max() <= 30  # float32: tanh rounds to 1 beyond 9
        assert torch.allclose(z, 30 * torch.tanh(raw / 30), atol=1e-5)
        if scale == 1e-3:  # slope 1: 30 tanh(z / 30) = z (1 - (z / 30)^2 / 3 ..), and z is below 0.01 here
            assert raw.abs().max() < 0.01
            assert torch.allclose(z, raw, rtol=1e-6, atol=1e-7)
        if scale == 1e4:
            assert raw.abs().max() > 1000
    moderate = small_model(SKIP, noise=0.1)
    moderate.head.weight.data *= 20
    assert 1 < logits(moderate, *tokens(), monkeypatch).abs().max() < 30


def test_first_loss_is_that_of_guessing() -> None:
    """The head is zero, so all logits are; a mean of 32 float32 numbers near 3.6, each rounded by 2.4e-7 or so."""
    model = small_model(SKIP)
    assert model(*tokens()).item() == pytest.approx(math.log(VOCABULARY), abs=2e-6)
    assert model.head.weight is not model.token_embedding.weight
    assert model.head.weight.abs().max() == 0


# ----------------------------------------------------------------------------------------------------------------------
# U-net


@pytest.mark.parametrize("layers", [2, 3, 4, 7])
def test_second_half_gets_back_what_the_first_half_gave_the_last_first(layers: int) -> None:
    """Layer L - 1 - i gets the output of layer i, times a weight of its own, on top of what comes from below."""
    model = small_model(SKIP, noise=0.3, num_layers=layers, value_embeddings=0)
    half = layers // 2
    assert model.skip_weights.shape == (half,)
    for chosen in range(-1, half):
        model.skip_weights.data.zero_()
        if chosen >= 0:
            model.skip_weights.data[chosen] = 0.7
        seen = watched(model)
        outputs = [result[0] for _, result in seen]
        reached = layers - half + chosen
        for layer in range(1, layers):
            expected = outputs[layer - 1]
            if chosen >= 0 and layer == reached:
                expected = expected + 0.7 * outputs[layers - 1 - layer]
            assert torch.allclose(seen[layer][0][0], expected, atol=1e-6)


def test_unet_weights_start_at_one_and_can_be_left_out() -> None:
    assert torch.equal(small_model(SKIP, num_layers=7).skip_weights, torch.ones(3))
    model = small_model(SKIP, noise=0.3, num_layers=4, unet_skips=False)
    assert model.skip_weights is None
    seen = watched(model)
    for layer in range(1, 4):
        assert torch.equal(seen[layer][0][0], seen[layer - 1][1][0])


# ----------------------------------------------------------------------------------------------------------------------
# Shortcut to the embedding


def test_residual_mix_chooses_between_stream_and_embedding() -> None:
    model = small_model(SKIP, noise=0.3)
    block = model.blocks[1]
    x, x0 = torch.randn(2, 8, 16), torch.randn(2, 8, 16)

    def through(mix: list[float], stream: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        block.residual_mix.data = torch.tensor(mix)
        with torch.no_grad():
            return block(stream, embedding, model.rotary, None)[0]

    for first in (1.0, 0.5):  # of what is left out nothing is seen
        assert torch.equal(through([first, 0.0], x, x0), through([first, 0.0], x, -x0))
        assert torch.equal(through([0.0, first], x, x0), through([0.0, first], -x, x0))
    assert torch.equal(through([1.0, 0.0], x, x0), through([0.0, 1.0], x0, x))
    # nothing else is added while the branches are zero
    block.attention.projection.weight.data.zero_()
    block.mlp.down.weight.data.zero_()
    assert torch.equal(through([1.0, 0.0], x, x0), x)
    assert torch.equal(through([0.0, 1.0], x, x0), x0)


def test_every_block_sees_the_normalized_embedding_and_starts_without_it() -> None:
    model = small_model(SKIP, num_layers=4)
    embedded = SKIP.norm(model.token_embedding(tokens()[0]))
    for block, (given, _) in zip(model.blocks, watched(model), strict=True):
        assert torch.equal(given[1], embedded)
        assert block.residual_mix.tolist() == [1.0, 0.0]
    assert all(block.residual_mix is None for block in small_model(SKIP, embedding_shortcut=False).blocks)


# ----------------------------------------------------------------------------------------------------------------------
# Values


def test_tables_serve_the_first_and_the_last_layers() -> None:
    model = small_model(SKIP, num_layers=12, value_embeddings=3)
    assert [model.value_table(layer) for layer in range(12)] == [0, 1, 2, *[None] * 6, 0, 1, 2]
    without = small_model(SKIP, num_layers=12, value_embeddings=0)
    assert [without.value_table(layer) for layer in range(12)] == [None] * 12
    full = small_model(SKIP, num_layers=4, value_embeddings=2)
    assert [full.value_table(layer) for layer in range(4)] == [0, 1, 0, 1]


@pytest.mark.parametrize("value_residual", [True, False])
@pytest.mark.parametrize("tables", [0, 1, 2])
def test_each_layer_gets_the_values_meant_for_it(tables: int, value_residual: bool) -> None:
    """Its table's, looked up by token; without a table those of layer 0; layer 0 without a table none."""
    model = small_model(SKIP, noise=0.3, num_layers=6, value_embeddings=tables, value_residual=value_residual)
    seen = watched(model)
    first_values = seen[0][1][1]
    for layer, (given, _) in enumerate(seen):
        table = model.value_table(layer)
        if table is not None:
            assert torch.equal(given[3], model.value_embeddings[table](tokens()[0]))
        elif value_residual and layer > 0:
            assert given[3] is first_values
        else:
            assert given[3] is None
    own = model.blocks[0].attention.value(SKIP.norm(combined(model.blocks[0], seen[0][0])))
    assert torch.equal(first_values.flatten(2), own)  # the layer's own ones, before they are mixed


def combined(block: torch.nn.Module, given: tuple) -> torch.Tensor:
    return block.residual_mix[0] * given[0] + block.residual_mix[1] * given[1]


def test_value_mix_goes_from_own_to_other_values() -> None:
    model = small_model(SKIP)
    attention = small_model(SKIP, noise=0.3).blocks[0].attention
    x, other = torch.randn(2, 8, 16), torch.randn(2, 8, 16)

    def out(mix: float, values: torch.Tensor | None) -> torch.Tensor:
        attention.value_mix.data.fill_(mix)
        with torch.no_grad():
            return attention(x, model.rotary, values)[0]

    assert model.blocks[0].attention.value_mix.item() == 0.5
    own = out(0.0, None)
    assert torch.equal(out(0.0, other), own)
    assert torch.allclose(out(0.3, None), own, atol=1e-6)  # nothing to mix with
    assert torch.allclose(out(0.3, other), 0.7 * own + 0.3 * out(1.0, other), atol=1e-5)  # linear in the values
    assert torch.equal(out(1.0, other), out(1.0, other.view(2, 8, 2, 8)))  # a table's row, or a layer's heads
    attention.value.weight.data.zero_()
    assert out(1.0, other).abs().max() > 0 and out(0.0, other).abs().max() == 0


# ----------------------------------------------------------------------------------------------------------------------
# Optimizers


def test_every_weight_is_in_the_group_it_belongs_to() -> None:
    h = SKIP.Hyperparameters(vocab_size=VOCABULARY, model_dim=12, sequence_length=8, precision="float32")
    model = SKIP.GPT(h)
    adam, muon = SKIP.make_optimizers(model, h)
    names = {weight: name for name, weight in model.named_parameters()}
    groups = [group for optimizer in (adam, muon) for group in optimizer.param_groups]
    members = [[names[weight] for weight in group["params"]] for group in groups]
    assert sorted(sum(members, [])) == sorted(names.values())  # each once
    assert members[0] == ["token_embedding.weight", *[f"value_embeddings.{table}.weight" for table in range(3)]]
    assert members[1] == ["head.weight"]
    mixtures = [f"blocks.{i}.{name}" for i in range(12) for name in ("attention.value_mix", "residual_mix")]
    assert sorted(members[2]) == sorted(["skip_weights", *mixtures])
    matrices = ["query", "key", "value", "projection"]
    inner = [f"attention.{name}.weight" for name in matrices] + ["mlp.up.weight", "mlp.down.weight"]
    assert sorted(members[3]) == sorted(f"blocks.{i}.{name}" for i in range(12) for name in inner)
    assert [group["lr"] for group in groups] == [0.6, 0.008, 0.04, 0.04]  # as published
    assert all(group["betas"] == (0.9, 0.95) and group["weight_decay"] == 0 for group in groups[:3])


def test_official_size() -> None:
    with torch.device("meta"):
        model = SKIP.GPT(SKIP.Hyperparameters())
    tables, matrices, mixtures = 5 * 50_304 * 768, 12 * 12 * 768**2, 12 * 3 + 6  # embedding, head, 3 of values
    assert sum(weight.numel() for weight in model.parameters()) == tables + matrices + mixtures


def test_momentum_of_muon_warms_up_and_no_other() -> None:
    h = SKIP.Hyperparameters()
    at = {0: 0.85, 1: 0.8502, 250: 0.90, 500: 0.95, 501: 0.95, 2_999: 0.95}
    assert [SKIP.momentum(step, h) for step in at] == pytest.approx(list(at.values()), abs=1e-12)
    h.momentum_warmup_iterations = 0
    assert SKIP.momentum(0, h) in (0.85, 0.95)
    h = small(SKIP, momentum_warmup_iterations=10)
    adam, muon = SKIP.make_optimizers(small_model(SKIP), h)
    before = [(group["betas"], set(group)) for group in adam.param_groups]
    SKIP.set_schedule([adam, muon], 5, h)
    assert [group["momentum"] for group in muon.param_groups] == pytest.approx([0.90])
    assert [(group["betas"], set(group)) for group in adam.param_groups] == before


# ----------------------------------------------------------------------------------------------------------------------
# Every part can be taken out


ABLATIONS = {
    "as it is": {},
    "no shortcut": {"embedding_shortcut": False},
    "no value residual": {"value_residual": False},
    "no value embeddings": {"value_embeddings": 0},
    "neither values": {"value_residual": False, "value_embeddings": 0},
    "no U-net": {"unet_skips": False},
    "no softcap": {"logit_softcap": 0.0},
    "no QK-norm": {"qk_norm": False},
    "GELU": {"relu_squared": False},
    "no zero init": {"zero_init": False},
    "no positions": {"rotary_base": 0.0},
    "one layer": {"num_layers": 1, "value_embeddings": 0, "unet_skips": False},
    "bfloat16": {"precision": "bfloat16"},
}


@pytest.mark.parametrize("changes", ABLATIONS.values(), ids=ABLATIONS)
def test_trains_without(changes: dict) -> None:
    """Every weight gets a gradient: DistributedDataParallel waits for ever for one that does not, or refuses."""
    settings = {"num_layers": 4} | changes
    h = small(SKIP, **settings)
    model = small_model(SKIP, **settings)
    optimizers = SKIP.make_optimizers(model, h)
    with torch.autocast("cpu", torch.bfloat16, enabled=h.precision == "bfloat16"):
        first = model(*tokens())
    first.backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=h.precision == "bfloat16"):
        second = model(*tokens())
    assert second.isfinite() and second < first
    assert all(weight.isfinite().all() for weight in model.parameters())
