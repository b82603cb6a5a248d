"""What both web pages are made in: one HTML file with plotly.js, styles, scripts and data inside, that opens offline.

    document("archive", scripts=("progress", "table"), data={"rows": []}, parts={"lead": escape(text)})

The files stand in web/: NAME.html and NAME.css are a page's own; base.css, marks.html and common.js are of both. A
content security policy admits no script but the two put in here, by their sha256, and no request to any network. What
goes into `parts` is HTML: the caller has escaped it. `data` may hold anything: it is escaped here, and the scripts put
it on the page as text only.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WEB = Path(__file__).parent / "web"


def document(name: str, scripts: Sequence[str], data: Any, parts: Mapping[str, str]) -> str:
    from plotly.offline import get_plotlyjs

    own = "\n".join(read(f"{script}.js") for script in ("common", *scripts))
    texts = [get_plotlyjs().replace("</script", "<\\/script"), own]
    filled = {
        "policy": _policy(texts),
        "style": read("base.css") + read(f"{name}.css"),
        "marks": read("marks.html"),
        "data": embedded(data),
        "plotly": texts[0],
        "script": texts[1],
    } | dict(parts)
    return re.sub(
        r"\{\{(\w+)\}\}", lambda match: filled[match[1]], read(f"{name}.html")
    )  # one pass: no part is searched


def read(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def embedded(data: Any) -> str:
    """JSON that cannot end the script element that holds it, nor a line of it, nor become an entity."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)  # ASCII, so U+2028 and U+2029 are escaped too
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: Sequence[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
