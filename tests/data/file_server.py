"""A file server on this machine that does, request by request, what a test plans; honest where nothing is planned."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Handler", bytes, int], None]
"""Answers one request: the handler, the file's content, and the byte that the request asks to begin at."""


class FileServer(ThreadingHTTPServer):
    """files: content by path.  plans: behaviours by path, used up one a request.  asked: (path, headers) so far."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.plans: dict[str, deque[Behaviour]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str = "/file") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def offer(self, content: bytes, *plan: Behaviour, path: str = "/file") -> str:
        self.files[path], self.plans[path] = content, deque(plan)
        return self.url(path)

    def ranges(self, path: str = "/file") -> list[str | None]:
        """The Range header of every request for a path."""
        return [headers.get("Range") for asked, headers in self.asked if asked == path]

    def server_close(self) -> None:
        self.shutdown()
        super().server_close()

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is part of the game."""


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.asked.append((self.path, dict(self.headers)))
        if self.path not in self.server.files:
            return status(404)(self, b"", 0)
        plan = self.server.plans[self.path]
        start = int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1])
        content = self.server.files[self.path]
        return (plan.popleft() if plan else honest)(self, content, start)

    def answer(self, code: int, body: bytes, headers: dict[str, object], promised: int | None = None) -> None:
        self.send_response(code)
        for name, value in ({"Content-Length": promised or len(body)} | headers).items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def tag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def honest(handler: Handler, content: bytes, start: int, upto: int | None = None) -> None:
    """Ranges, If-Range and a strong ETag, as RFC 9110 has them; upto: the connection ends there."""
    whole = handler.headers.get("If-Range", tag(content)) != tag(content)
    start = 0 if whole else start
    if start >= len(content):
        return handler.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
    span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    body = content[start:] if upto is None else content[start:upto]
    return handler.answer(206 if start else 200, body, {"ETag": tag(content)} | span, promised=len(content) - start)


def dies_at(byte: int) -> Behaviour:
    return lambda handler, content, start: honest(handler, content, start, upto=byte)


def without_tags(handler: Handler, content: bytes, start: int) -> None:
    span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    handler.answer(206 if start else 200, content[start:], span)


def ignores_conditions(handler: Handler, content: bytes, start: int) -> None:
    """Resumes in a file that is no longer the one that If-Range names."""
    span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
    handler.answer(206, content[start:], {"ETag": tag(content)} | span)


def ignores_ranges(handler: Handler, content: bytes, start: int) -> None:
    handler.answer(200, content, {"ETag": tag(content)})


def resumes_elsewhere(handler: Handler, content: bytes, start: int, told: int = 100) -> None:
    """Honest about its mistake: header and body are of another place than was asked for."""
    span = f"bytes {start - told}-{len(content) - 1}/{len(content)}"
    handler.answer(206, content[start - told :], {"ETag": tag(content), "Content-Range": span})


def lies_about_its_place(handler: Handler, content: bytes, start: int) -> None:
    """The header is right and the body is of another place, of the length that was promised."""
    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
    handler.answer(206, content[: len(content) - start], {"ETag": tag(content), "Content-Range": span})


def changes_to(other: bytes, then: Behaviour = honest) -> Behaviour:
    def behave(handler: Handler, content: bytes, start: int) -> None:
        handler.server.files[handler.path] = other
        then(handler, other, start)

    return behave


def status(code: int, **headers: object) -> Behaviour:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, content, start: handler.answer(code, b"trouble", told)


def labelled(**headers: object) -> Behaviour:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, content, start: handler.answer(200, content, told)


def page(content_type: str, body: bytes = b"<!DOCTYPE html><title>Log in</title>" * 99) -> Behaviour:
    return lambda handler, content, start: handler.answer(200, body, {"Content-Type": content_type})


def in_chunks(more: bytes = b"", ends: bool = True) -> Behaviour:
    """Without Content-Length, and `more` than the file; ends: with the last chunk that says so."""

    def behave(handler: Handler, content: bytes, start: int) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.answer(200, b"", {"Content-Length": None, "Transfer-Encoding": "chunked"})
        for piece in (content, more):
            if piece:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if ends:
            handler.wfile.write(b"0\r\n\r\n")

    return behave


def silent(seconds: float) -> Behaviour:
    def behave(handler: Handler, content: bytes, start: int) -> None:
        time.sleep(seconds)

    return behave


def stops_at(byte: int, until: threading.Event) -> Behaviour:
    """Sends the beginning, then nothing before `until` is set."""

    def behave(handler: Handler, content: bytes, start: int) -> None:
        handler.answer(200, content[:byte], {"ETag": tag(content)}, promised=len(content))
        handler.wfile.flush()
        until.wait(30)
        handler.wfile.write(content[byte:])

    return behave
