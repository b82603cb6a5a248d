"""A stand-in for the Hugging Face hub: an HTTP server that answers the routes huggingface_hub uses for a dataset.

    with Hub("owner/name", {"a.bin": b"..."}) as hub:
        ...                                       # HF_ENDPOINT=hub.url
        hub.cut["a.bin"] = 1000                   # break the connection once, after 1000 bytes

Routes: /api/datasets/REPO (the commit), /api/datasets/REPO/tree/COMMIT (names, sizes, sha256), and
/datasets/REPO/resolve/COMMIT/FILE (HEAD, and GET with ranges).
"""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    def __init__(self, repo: str, files: dict[str, bytes]) -> None:
        self.repo, self.files = repo, files
        self.stated = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        self.cut: dict[str, int] = {}  # bytes after which the next answer breaks off
        self.slow: dict[str, float] = {}  # seconds before each piece of a file
        self.requests: list[tuple[str, str, str | None]] = []  # method, path, range
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub.answer(self)

            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def fetched(self) -> list[str]:
        return [path.rpartition("/")[2] for method, path, _ in self.requests if method == "GET" and "/resolve/" in path]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(request.path).path)
        self.requests.append((request.command, path, request.headers.get("Range")))
        api, files = f"/api/datasets/{self.repo}", f"/datasets/{self.repo}/resolve/{COMMIT}/"
        if path == api:
            send(request, {"id": self.repo, "sha": COMMIT})
        elif path.startswith(f"{api}/tree/{COMMIT}"):
            send(request, self.tree(path.removeprefix(f"{api}/tree/{COMMIT}").strip("/")))
        elif path.startswith(files) and path.removeprefix(files) in self.files:
            self.send_file(request, path.removeprefix(files))
        else:
            code = "EntryNotFound" if path.startswith(files) else "RepoNotFound"
            send(request, {"error": "not found"}, 404, {"X-Error-Code": code, "X-Error-Message": "not found"})

    def tree(self, folder: str) -> list[dict]:
        names = [name for name in self.files if name.rpartition("/")[0] == folder]
        return [
            {
                "type": "file",
                "path": name,
                "size": len(self.files[name]),
                "oid": "0" * 40,
                "lfs": {"oid": self.stated[name], "size": len(self.files[name]), "pointerSize": 134},
            }
            for name in names
        ]

    def send_file(self, request: BaseHTTPRequestHandler, name: str) -> None:
        data = self.files[name]
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
        start = int(wanted[1]) if wanted else 0
        request.send_response(206 if wanted else 200)
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("ETag", f'"{self.stated[name]}"')
        request.send_header("Content-Length", str(len(data) - start))
        if wanted:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        if request.command == "HEAD":
            return
        end = self.cut.pop(name, len(data))
        for at in range(start, end, 1 << 16):
            threading.Event().wait(self.slow.get(name, 0))
            request.wfile.write(data[at : min(end, at + (1 << 16))])
        request.close_connection = end < len(data)


def send(request: BaseHTTPRequestHandler, answer: object, status: int = 200, headers: dict | None = None) -> None:
    body = json.dumps(answer).encode()
    request.send_response(status)
    for key, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(key, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
