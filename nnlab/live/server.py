"""A small web server for one page: on this machine, for one user.

    GET  /TOKEN/               the page
    GET  /TOKEN/news?after=N   what is newer than version N; waits for it a quarter of a second
    POST /TOKEN/do/NAME        calls a function of the site with a JSON object

It listens on 127.0.0.1 only. The token in the address is random, and only the user's browser knows
it. Host and Origin must be those of the address, so that no other page reaches it by another name.
No route takes a path, and nothing but the page and JSON leaves it.
"""

import asyncio
import json
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from threading import Thread
from typing import TYPE_CHECKING, Any

from nnlab.errors import NnlabError, UsageError, require_package
from nnlab.live.feed import Feed
from nnlab.run.text import json_value

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
HOLD = 0.25  # seconds that a request waits for news
SWITCH = 0.0005  # seconds that a thread which computes may let the server wait, each time
MOST_BODY = 1 << 20  # bytes of a request
MOST_REQUESTS = 200  # at the same time; more are refused
FIRST_WAIT = 10.0  # seconds for the server to begin
Action = Callable[[dict[str, Any]], Mapping[str, Any]]
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Site:
    """A page, its Content-Security-Policy, its feed, and the functions that it may call."""

    html: str
    policy: str
    feed: Feed
    actions: Mapping[str, Action] = field(default_factory=dict)


def require_packages() -> None:
    """Raises UsageError where a package of the extra `live` is missing."""
    for name in ("starlette", "uvicorn"):
        require_package("A live page", name, "live")


def listen(port: int | None = None) -> socket.socket:
    """A socket on 127.0.0.1, at a free port unless one is given.

    Raises UsageError if the port is taken.
    """
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named. Else the body of an
    # answer waits for the browser's acknowledgement of its head, which takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port or 0))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Cannot listen on port {port} of {HOST} ({reason}): choose another --port, or leave "
            "it out for a free one."
        ) from error
    return listener


def new_token() -> str:
    """A random part of an address, which cannot be guessed."""
    return secrets.token_urlsafe(24)


def address_of(listener: socket.socket, token: str) -> str:
    """The address of the page."""
    return f"http://{HOST}:{listener.getsockname()[1]}/{token}/"


@contextmanager
def serving(site: Site, port: int | None = None) -> Iterator[str]:
    """Serves the site in a thread inside the `with`; yields the address of the page."""
    require_packages()
    with listen(port) as listener:
        token = new_token()
        with serving_on(listener, token, site):
            yield address_of(listener, token)


@contextmanager
def serving_on(listener: socket.socket, token: str, site: Site) -> Iterator[None]:
    """Serves the site on a socket that listens, in a thread inside the `with`."""
    import uvicorn

    port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(site, token, port),
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_REQUESTS,
            timeout_graceful_shutdown=1,
        )
    )
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(FIRST_WAIT)
        sys.setswitchinterval(before)


def make_app(site: Site, token: str, port: int) -> "ASGIApp":
    """The site as an ASGI application behind its guard."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Mount, Route

    async def page(request: "Request") -> Response:
        return HTMLResponse(site.html, headers={"Content-Security-Policy": site.policy})

    async def news(request: "Request") -> Response:
        after = _whole(request.query_params.get("after", "0"))
        loop, published = asyncio.get_running_loop(), asyncio.Event()
        with site.feed.waking(lambda: loop.call_soon_threadsafe(published.set)):
            version, text = site.feed.news(after)
            if version <= after:
                with suppress(TimeoutError):
                    await asyncio.wait_for(published.wait(), HOLD)
                _, text = site.feed.news(after)
        return Response(text, media_type="application/json")

    async def act(request: "Request") -> Response:
        action = site.actions.get(request.path_params["name"])
        if action is None:
            return _answer(404, {"error": "The page asked for something that there is not."})
        try:
            body = await _body(request)
            return _answer(200, await run_in_threadpool(action, body))
        except NnlabError as error:
            return _answer(400, {"error": str(error)})

    routes = [
        Route("/", page),
        Route("/news", news),
        Route("/do/{name}", act, methods=["POST"]),
    ]
    app = Starlette(routes=[Mount(f"/{token}", routes=routes)])
    app.router.redirect_slashes = False
    return Guard(app, token, port)


class Guard:
    """Refuses requests with another host, origin or token before anything else sees them."""

    def __init__(self, app: "ASGIApp", token: str, port: int) -> None:
        self.app, self.token = app, token.encode()
        self.hosts = {f"{name}:{port}".encode() for name in (HOST, "localhost")}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Passes an allowed request on; adds headers to each answer."""

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                extra = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        from starlette.responses import PlainTextResponse

        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        app = PlainTextResponse(refusal[1], refusal[0]) if refusal else self.app
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: "Scope") -> tuple[int, str] | None:
        """The status and the text of a refusal; None for an allowed request."""
        if not _all_in(self.hosts, values := _values(scope, b"host")) or len(values) != 1:
            return 403, "Wrong host."
        origins = _values(scope, b"origin")
        own = {b"http://" + host for host in self.hosts}
        from_own_page = _all_in({b"none", b"same-origin"}, _values(scope, b"sec-fetch-site"))
        if not _all_in(own, origins) or not from_own_page:
            return 403, "Wrong origin."
        if scope["method"] == "POST" and not origins:
            return 403, "A request without an origin."
        first = scope["path"].lstrip("/").partition("/")[0].encode()
        return None if compare_digest(first, self.token) else (404, "Not found.")


def _values(scope: "Scope", header: bytes) -> list[bytes]:
    """The values of a header, which should be given once or not at all."""
    return [value for name, value in scope["headers"] if name == header]


def _all_in(allowed: set[bytes], values: list[bytes]) -> bool:
    return all(value in allowed for value in values)


async def _body(request: "Request") -> dict[str, Any]:
    """The JSON object of a request. Raises UsageError for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise UsageError("A request must be JSON.")
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MOST_BODY:
            raise UsageError(f"A request may have at most {MOST_BODY:,} bytes.")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError("A request must be valid JSON.") from None
    if not isinstance(body, dict):
        raise UsageError("A request must be a JSON object.")
    return body


def _answer(status: int, content: Mapping[str, Any]) -> "Response":
    from starlette.responses import Response

    text = json.dumps(json_value(content), allow_nan=False)
    return Response(text, status, media_type="application/json")


def _whole(text: str) -> int:
    """A version in an address; 0 for what is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
