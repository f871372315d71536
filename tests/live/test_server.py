"""The server over real HTTP: who is refused, and that no page holds the publisher up."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

from nnlab.errors import UsageError
from nnlab.live.feed import MOST_MOMENTS, Feed
from nnlab.live.server import HOST, MOST_BODY, Site, listen, serving
from tests.patience import PATIENCE

pytest.importorskip("uvicorn", reason="the extra `live` is not installed")
JSON = {"Content-Type": "application/json"}


@dataclass
class Client:
    """A browser without rules: it sends what a test wants."""

    feed: Feed
    address: str
    calls: list[dict[str, Any]]

    @property
    def origin(self) -> str:
        return f"http://{urlsplit(self.address).netloc}"

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> HTTPResponse:
        """The answer; `path` is sent as it is. A header that is given replaces the usual one."""
        parts = urlsplit(self.address)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": parts.netloc} | (headers or {})).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def here(self, rest: str = "") -> str:
        """A path below the token."""
        return urlsplit(self.address).path + rest

    def act(self, name: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """The status and the JSON of an action, asked for as the page does."""
        usual = JSON | {"Origin": self.origin}
        answer = self.ask(self.here(f"do/{name}"), "POST", body, usual | headers)
        return answer.status, json.loads(answer.body)  # type: ignore[attr-defined]

    def news(self, after: int = 0) -> dict[str, Any]:
        answer = self.ask(self.here(f"news?after={after}"))
        return dict(json.loads(answer.body))  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def server() -> Iterator[Client]:
    calls: list[dict[str, Any]] = []

    def keep(body: dict[str, Any]) -> dict[str, Any]:
        calls.append(body)
        return {"got": body}

    def refuse(body: dict[str, Any]) -> dict[str, Any]:
        raise UsageError("Not like this.")

    feed = Feed()
    site = Site("<p>page</p>", "default-src 'none'", feed, {"keep": keep, "refuse": refuse})
    with serving(site) as address:
        yield Client(feed, address, calls)


def test_the_page_and_what_stands_around_it(server: Client) -> None:
    answer = server.ask(server.here())
    assert (answer.status, answer.body) == (200, b"<p>page</p>")  # type: ignore[attr-defined]
    headers = {name.lower(): value for name, value in answer.getheaders()}
    assert headers["content-security-policy"] == "default-src 'none'"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers
    assert "access-control-allow-origin" not in headers


def test_the_token_is_long_and_another_each_time(server: Client) -> None:
    with serving(Site("", "", Feed())) as other:
        tokens = {urlsplit(address).path.strip("/") for address in (server.address, other)}
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)


@pytest.mark.parametrize("path", ["/", "/news", "/x/", "/x/news?after=0", "//", "/%00/", "*"])
def test_a_wrong_token_is_refused(server: Client, path: str) -> None:
    answer = server.ask(path)
    assert answer.status in (400, 404)
    assert b"page" not in answer.body  # type: ignore[attr-defined]


def test_a_token_that_is_nearly_right_is_refused(server: Client) -> None:
    token = server.here().strip("/")
    for wrong in (token[:-1], token + "x", token.swapcase(), token[:-1] + "~"):
        assert server.ask(f"/{wrong}/").status == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", "", "[::1]:{port}"]
)
def test_a_wrong_host_is_refused(server: Client, host: str) -> None:
    """As after DNS rebinding: the right address under another name."""
    named = host.format(port=urlsplit(server.address).port)
    for path in (server.here(), server.here("news?after=0")):
        assert server.ask(path, headers={"Host": named}).status in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_wrong_origin_is_refused(server: Client, origin: str) -> None:
    assert server.ask(server.here(), headers={"Origin": origin}).status == 403
    headers = JSON | {"Origin": origin}
    before = len(server.calls)
    assert server.ask(server.here("do/keep"), "POST", b"{}", headers).status == 403
    assert len(server.calls) == before


def test_a_request_from_another_site_is_refused(server: Client) -> None:
    assert server.ask(server.here(), headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    assert server.ask(server.here("do/keep"), "POST", b"{}", JSON).status == 403  # no origin


@pytest.mark.parametrize(
    "rest",
    [
        *("../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd", "etc/passwd"),
        *(
            "/etc/passwd",
            "news/../../x",
            "do/../keep",
            "do/keep/..",
            "do/__class__",
            "page.js",
            ".",
        ),
    ],
)
def test_no_path_leads_anywhere(server: Client, rest: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = server.ask(server.here(rest), method, b"{}", JSON | {"Origin": server.origin})
        assert answer.status in (404, 405), (method, rest)
        assert b"root:" not in answer.body  # type: ignore[attr-defined]


def test_an_action_gets_json_and_gives_json(server: Client) -> None:
    assert server.act("keep", b'{"x": [1, 2]}') == (200, {"got": {"x": [1, 2]}})
    assert server.calls[-1] == {"x": [1, 2]}
    assert server.act("refuse", b"{}") == (400, {"error": "Not like this."})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "A request must be valid JSON."),
        (b"{", "A request must be valid JSON."),
        (b"\xff", "A request must be valid JSON."),
        (b"[" * 100_000, "A request must be valid JSON."),
        (b"[1]", "A request must be a JSON object."),
        (b'"' + b"x" * MOST_BODY + b'"', "A request may have at most 1,048,576 bytes."),
    ],
    ids=["nothing", "cut", "no text", "deep", "list", "large"],
)
def test_a_body_that_is_no_small_object_is_refused(server: Client, body: bytes, error: str) -> None:
    assert server.act("keep", body) == (400, {"error": error})


def test_a_form_of_another_page_is_no_request(server: Client) -> None:
    """A form can send text to any address without asking first, but not as JSON."""
    plain = {"Content-Type": "text/plain"}
    assert server.act("keep", b"{}", **plain) == (400, {"error": "A request must be JSON."})


def test_it_listens_on_this_machine_only(server: Client) -> None:
    port = urlsplit(server.address).port
    assert urlsplit(server.address).hostname == "127.0.0.1"
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), 2):  # noqa: PT011
        pass


def test_an_answer_is_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TCP_NODELAY its body waits for the acknowledgement of its head, often for 40 ms."""
    options, real = [], socket.socket.setsockopt

    def seen(self: socket.socket, *option: Any) -> None:
        options.append(option)
        real(self, *option)

    monkeypatch.setattr(socket.socket, "setsockopt", seen)
    with serving(Site("page", "", Feed())) as address:
        host, path = urlsplit(address).netloc, urlsplit(address).path
        question = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((HOST, urlsplit(address).port)) as client:
            client.sendall(question.encode())
            answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert answer.endswith(b"page")
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, True) in options


def test_a_port_that_is_taken() -> None:
    with listen() as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError) as caught, serving(Site("", "", Feed()), port):
            pass
    assert str(caught.value) == (
        f"Cannot listen on port {port} of 127.0.0.1 (Address already in use): choose another "
        "--port, or leave it out for a free one."
    )


def test_twenty_clients_and_some_that_never_read(server: Client) -> None:
    """Each gets the newest; the publisher waits for none of them."""
    parts = urlsplit(server.address)
    request = f"GET {parts.path}news?after=0 HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    large = "x" * 200_000
    server.feed.publish({"kind": "large", "text": large})
    stuck = [socket.create_connection((parts.hostname, parts.port), 5) for _ in range(5)]
    try:
        for connection in stuck:
            connection.sendall(request * 20)  # pipelined, and never read

        def follow(_: int) -> int:
            version, value = 0, -1
            while value < 299:
                answer = server.news(version)
                version = answer["version"]
                values = [m["value"] for m in answer["messages"] if m["kind"] == "count"]
                value = max([value, *values])
            return value

        with ThreadPoolExecutor(20) as pool:
            readers = [pool.submit(follow, i) for i in range(20)]
            for value in range(300):
                server.feed.publish({"kind": "count", "value": value})
                time.sleep(0.001)
            assert [reader.result(PATIENCE) for reader in readers] == [299] * 20
    finally:
        for connection in stuck:
            connection.close()


def kinds(feed: Feed, after: int = 0) -> list[str]:
    return [message["kind"] for message in json.loads(feed.news(after)[1])["messages"]]


def test_a_late_page_gets_everything_and_a_slow_page_skips() -> None:
    feed = Feed()
    feed.publish({"kind": "page"}, {"kind": "scenes"}, {"kind": "moment", "epoch": 0})
    feed.publish({"kind": "page"}, {"kind": "moment", "epoch": 1})
    version, _ = feed.news(0)
    assert kinds(feed) == ["scenes", "moment", "page", "moment"]
    assert kinds(feed, version) == []
    feed.publish({"kind": "page", "x": float("nan")})
    assert json.loads(feed.news(version)[1])["messages"] == [{"kind": "page", "x": None}]
    feed.publish({"kind": "scenes"})
    assert kinds(feed) == ["page", "scenes"]


def test_a_long_training_keeps_its_beginning_and_its_end() -> None:
    feed = Feed()
    for epoch in range(1000):
        feed.publish({"kind": "moment", "epoch": epoch})
    epochs = [message["epoch"] for message in json.loads(feed.news(0)[1])["messages"]]
    assert len(epochs) == MOST_MOMENTS
    assert epochs == sorted(epochs)
    assert epochs[:8] == list(range(8))
    assert epochs[-1] == 999
