"""What the lines before a log's first step say about the machine, its software and the date.

    facts = read_header(header)      # header: what stands between the program and the first step line

Wording differs from one year of logs to the next, so each kind of line is known by its beginning. Not here: names of
files and folders, which tell another date or machine often enough never to be believed.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from speedrun.reading.logs import printable

MAX_BYTES = 1 << 16  # a header that lists every parameter of a model has some 30 kB
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# A GPU in nvidia-smi's table (name, persistence mode, bus), in that of library functions, and in nvidia-smi -L.
GPU_ROW = re.compile(rb"\| {1,3}\d{1,3}  (\S.{0,60}?) {1,30}(?:On|Off|N/A) {0,4}\| {0,4}[0-9A-Fa-f]{8}:")
GPU_ROW_OF_LIBRARY = re.compile(rb"\d{1,3} {1,4}(NVIDIA \S.{0,60}?) {2,30}\d{1,3} {1,12}\d{1,5} ")
GPU_LISTED = re.compile(rb"GPU \d{1,3}: (.{1,100}?) \(UUID: ")
DATE = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d:\d\d:\d\d) (UTC )?(\d{4}) {0,20}\Z"
)
# Lines known by their first bytes; a group's name is the fact that it states.
STARTS = (b"Running ", b"Run UTC ", b"| NVIDIA-SMI", b"torch ")
STATED = re.compile(
    rb"(?:Running [Pp]ython (?P<python>\S{1,100})"
    rb"|Running [Pp]y[Tt]orch (?P<torch>\S{1,100})(?: compiled for CUDA (?P<cuda>\S{1,100}))?"
    rb"(?: on (?P<gpu>.{1,100}?) with world_size (?P<world_size>\d{1,5}))?"
    rb"|Running on device_name=(?P<device_name>.{1,100}?) with world_size=(?P<processes>\d{1,5})"
    rb"|Run UTC timestamp=(?P<date>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
    rb"|\| NVIDIA-SMI .{1,60}?Driver Version: (?P<driver>\S{1,100})"
    rb"|torch (?P<installed>\d\S{0,99}))(?=\s|\Z)"
)


@dataclass(frozen=True)
class Header:
    """None is not stated; of several statements of one fact the first counts."""

    gpu: str | None
    gpu_count: int | None  # those used, where the log tells; a machine may show more
    python: str | None
    torch: str | None
    cuda: str | None  # that torch is compiled for
    driver: str | None
    date: str | None


def read_header(header: bytes) -> Header:
    facts: dict[str, str] = {}
    gpus: list[str] = []
    for line in header[:MAX_BYTES].split(b"\n"):
        if line.startswith(STARTS):
            facts = _stated(line) | facts
        elif gpu := _gpu(line):
            gpus.append(gpu)
        elif "date" not in facts and (date := _date(line)):
            facts["date"] = date
    used = facts.get("world_size") or facts.get("processes")
    return Header(
        gpu=facts.get("gpu") or facts.get("device_name") or " and ".join(dict.fromkeys(gpus)) or None,
        gpu_count=int(used) if used else len(gpus) or None,
        python=facts.get("python"),
        torch=facts.get("torch") or facts.get("installed"),
        cuda=facts.get("cuda"),
        driver=facts.get("driver"),
        date=facts.get("date"),
    )


def _stated(line: bytes) -> dict[str, str]:
    match = STATED.match(line)
    return {name: _text(value) for name, value in match.groupdict().items() if value} if match else {}


def _gpu(line: bytes) -> str | None:
    first = line[:1]
    if first == b"|":
        match = GPU_ROW.match(line)
    elif first == b"G":
        match = GPU_LISTED.match(line)
    else:
        match = GPU_ROW_OF_LIBRARY.match(line) if first.isdigit() else None
    return _text(match[1]) if match else None


def _date(line: bytes) -> str | None:
    """ISO 8601 of the line that nvidia-smi and date write: "Fri Jul 17 13:28:52 2026"."""
    match = DATE.match(line)
    if not match:
        return None
    month, day, clock, zone, year = (part.decode() for part in match.groups(default=b""))
    try:
        date = datetime.fromisoformat(f"{year}-{MONTHS.index(month) + 1:02}-{int(day):02}T{clock}")
    except ValueError:  # no such month, day or hour
        return None
    return date.isoformat() + ("Z" if zone else "")


def _text(value: bytes) -> str:
    return printable(value.decode("utf-8", "replace"))
