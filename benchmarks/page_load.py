"""How fast an archive's page opens: python benchmarks/page_load.py [--runs 1700] [--times 5]

Makes a page of that many made runs (rows of ten runs, 21 to 51 validations each), opens it from disk in Chromium
(CHROMIUM names another than /usr/bin/chromium) without a network, and prints the median time from the start of the
navigation to the load event and to both charts drawn. Not a test: nothing is asserted.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from rows_made import made_row
from speedrun.audits.archive_page import render
from speedrun.audits.claims import Row, Verdict

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def made_rows(runs: int) -> list[Row]:
    return [
        made_row(
            n + 1,
            minutes=round(45 * 0.98**n, 3),
            date=f"{2024 + n // 120}-{n // 10 % 12 + 1:02}-{n % 28 + 1:02}",
            planned=2500 + 3750 * (n % 2),
            verdict=list(Verdict)[n % 3],
            runs=10,
        )
        for n in range(runs // 10)
    ]


def load(browser, page_file: Path) -> tuple[float, float]:
    """Seconds to the load event and to both charts drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    start = time.perf_counter()
    page.goto(page_file.as_uri())
    for chart in ("progress", "curves"):
        page.locator(f"#{chart} .scatterlayer .trace").first.wait_for(state="attached")
    drawn = time.perf_counter() - start
    loaded = page.evaluate(LOADED) / 1000
    page.close()
    return loaded, drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1700)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        place = Path(folder) / "archive.html"
        start = time.perf_counter()
        place.write_text(render(made_rows(arguments.runs), [], arguments.runs), encoding="utf-8")
        print(
            f"{arguments.runs} runs, {place.stat().st_size / 1e6:.1f} MB, made in {time.perf_counter() - start:.2f} s"
        )
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        times = [load(browser, place) for _ in range(arguments.times)]
        for name, values in zip(("load event", "charts drawn"), zip(*times, strict=True), strict=True):
            between = f"{min(values):.2f} to {max(values):.2f}"
            print(f"{name}: median {statistics.median(values):.2f} s of {len(values)} ({between})")
        browser.close()


if __name__ == "__main__":
    main()
