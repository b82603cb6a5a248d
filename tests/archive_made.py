"""Logs of the public speedrun's dialects, made for tests; and where the sample of its archive is, if it is here."""

from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "archive_sample"
RECORDS = SAMPLE / "records"
needs_sample = pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"the sample of the public archive is not at {SAMPLE}")

LINE = "=" * 100
PROGRAM = """import sys
print(f"step:{step}/{steps} val_loss:{val_loss:.4f} train_time:{ms}ms step_avg:{ms / step:.2f}ms")
print(f"Running PyTorch {torch.version.__version__} compiled for CUDA {torch.version.cuda}")
# best so far: val_loss:0.4
"""
KERNELS = f"""
{"-" * 40}
# triton_kernels.py
{"-" * 40}

def kernel(x):
    return x
"""
HEADER = """Running Python 3.12.3 (main, Jun 19 2026, 12:46:00) [GCC 13.3.0]
Running PyTorch 2.11.0+cu130 compiled for CUDA 13.0
Mon Jul 13 06:17:32 2026       
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 580.126.09             Driver Version: 580.126.09     CUDA Version: 13.0     |
|=========================================+========================+======================|
|   0  NVIDIA H800                    On  |   00000000:05:00.0 Off |                    0 |
| N/A   46C    P0            126W /  700W |    1185MiB /  81559MiB |      4%      Default |
|   1  NVIDIA H800                    On  |   00000000:06:00.0 Off |                    0 |
|    0   N/A  N/A           18718      C   /usr/bin/python3                       1176MiB |
"""


def steps(
    planned: int = 20,
    every: int = 10,
    last: int | None = None,
    *,
    unit: str = "ms",
    first: int = 0,
    final: float = 3.2765,
) -> str:
    """Step lines with a training line each, 100 ms a step; the loss falls by 0.01 a step to `final`."""
    lines = []
    for step in range(first, (planned if last is None else last) + 1):
        ms = f"{step / 10:.3f}" if unit == "s" else str(100 * step)
        clock = f"train_time:{ms}{unit} step_avg:{'100.00' if step else 'nan'}ms"
        if step:
            lines.append(f"step:{step}/{planned} {clock}")
        if step % every == 0 or step == planned:
            lines.append(f"step:{step}/{planned} val_loss:{final + 0.01 * (planned - step):.4f} {clock}")
    return "\n".join(lines) + "\n"


def source_first(body: str | None = None, header: str = HEADER, program: str = PROGRAM) -> bytes:
    return f"{program}{LINE}\n{header}{LINE}\n{steps() if body is None else body}".encode()
