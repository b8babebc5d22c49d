import contextlib
import hashlib
import http.server
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from hubel.base import download, transport
from hubel.base.download import Download, fetch
from hubel.base.errors import ChecksumError, DownloadError, SettingError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Handler(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name = self.path.lstrip("/")
        if name in ("to-https", "to-ftp", "to-file", "to-plain"):
            ends = {
                "to-https": "https://127.0.0.1:1/x",
                "to-ftp": "ftp://127.0.0.1:1/x",
                "to-file": "file:///etc/passwd",
                "to-plain": "/plain",
            }
            self.send_response(302)
            self.send_header("Location", ends[name])
            self.end_headers()
            return
        if name == "none":
            self.send_error(404)
            return
        self.send_response(200)
        if name != "unsized":
            self.send_header("Content-Length", str(2**62 if name == "huge" else len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000] if name in ("cut", "huge") else CONTENT[::-1] if name == "other" else CONTENT)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    Handler.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_file_is_fetched_once_with_progress(address: str, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    download = Download(f"{address}/plain?from=here", SUM[:15])
    path = fetch(download, tmp_path / "deep" / "file", lambda *call: told.append(call))
    assert path.read_bytes() == CONTENT
    assert told[-1] == ("downloading plain", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    fetch(download, path)
    assert len(Handler.asked) == 1
    path.write_bytes(b"damaged")
    assert fetch(download, path).read_bytes() == CONTENT
    assert left(tmp_path) == ["file"]


def test_an_answer_of_unknown_size_is_taken(address: str, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    fetch(Download(f"{address}/unsized", SUM), tmp_path / "file", lambda *call: told.append(call))
    assert told[-1] == ("downloading unsized", len(CONTENT), 0)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("none", DownloadError, r"\(404 Not Found\); the file may also be put at .*file"),
        ("cut", DownloadError, r"it ended after 1,000 of 1,048,576 bytes"),
        ("huge", OSError, r"has 4,611,686,018,427,387,904 bytes, and .* room for .*HUBEL_CACHE=FOLDER"),
        ("other", ChecksumError, "expected a file with sha256:.*, received 1,048,576 bytes with sha256:"),
        ("to-file", DownloadError, "cannot be downloaded .*file:///etc/passwd"),
        ("to-ftp", DownloadError, r"\(it leads to ftp://127.0.0.1:1/x, where https:// was expected\)"),
        ("to-https", DownloadError, "Connection refused"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(
    address: str, tmp_path: Path, name: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        fetch(Download(f"{address}/{name}", SUM), tmp_path / "file")
    assert left(tmp_path) == []


PIECES = b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
RAW = {  # what a server sends, and what it repeats until nobody listens
    "endless": (b"200 OK\r\n\r\n", b"x" * 65536, r"sends more than 1,000,000 bytes, and .* has room for 1,000,000"),
    "endless pieces": (PIECES, b"3e8\r\n" + b"x" * 1000 + b"\r\n", "sends more"),
    "endless headers": (b"200 OK\r\n", b"X-A: b\r\n", "more than 100 headers"),
    "an endless header": (b"200 OK\r\nX: ", b"x" * 65536, "when reading header line"),
    "a body that hardly comes": (b"200 OK\r\nContent-Length: 9000\r\n\r\n", b".", "less than 65,536 bytes came in 0"),
    "a header that hardly comes": (b"200 OK\r\n", b".", r"did not begin in 0.2 seconds"),
    "a status that never comes": (b"", b".", r"did not begin in 0.2 seconds"),
    "continue": (b"100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n.", r"did not begin|cannot be read"),
    "a wrong piece": (PIECES + b"zz\r\n", b"", "IncompleteRead"),
    "a wrong place": (b"302 F\r\nLocation: http://[::::\r\n\r\n", b"", "cannot be read: Invalid IPv6"),
    "a hidden place": (b"302 F\r\nLocation: http://\xff.\x1b[2J:x/\r\n\r\n", b"", r"\(it leads to|cannot be read"),
    "a circle": (b"302 F\r\nLocation: /f\r\nContent-Length: 0\r\n\r\n", b"", "redirect error"),
    "data": (b"302 F\r\nLocation: data:text/plain,abc\r\n\r\n", b"", "not allowed"),
    "an escape": (b"500 \x1b[31m\r\n\r\n", b"", r"\(500 \\x1b\[31m\)"),
    "no answer": (b"\x00\xff" * 9, b"", "cannot be read"),
    "a negative length": (b"200 OK\r\nContent-Length: -5\r\n\r\nx", b"", "expected a file with"),
    "a page": (b"200 OK\r\nContent-Type: text/html\r\n\r\n<p>", b"", "it is a page, such as one that asks to log in"),
}  # fmt: skip


class Raw(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.recv(4096)
            first, again, _ = RAW[self.server.kind]  # type: ignore[attr-defined]
            self.wfile.write(b"HTTP/1.1 " + first if first[:1] != b"\x00" else first)
            while again:
                self.wfile.write(again)
                time.sleep(0.02 if len(again) < 100 and again != b"X-A: b\r\n" else 0)


@pytest.mark.parametrize("kind", RAW)
def test_a_hostile_server_is_given_up_in_words_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    patience = 0.2 if "hardly" in kind or kind in ("a status that never comes", "continue") else 20.0
    monkeypatch.setattr(transport, "PATIENCE", patience)
    monkeypatch.setattr(download, "_PATIENCE", patience)
    monkeypatch.setattr(download, "_room", lambda folder: 1_000_000)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Raw) as server:
        server.kind = kind  # type: ignore[attr-defined]
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            with pytest.raises((DownloadError, ChecksumError), match=RAW[kind][2]) as told:
                fetch(Download(f"http://127.0.0.1:{server.server_address[1]}/f", SUM), tmp_path / "file")
        finally:
            server.shutdown()
    assert left(tmp_path) == []
    assert str(told.value).isprintable()


def test_an_address_of_ones_own_network_may_lead_there(address: str, tmp_path: Path) -> None:
    assert fetch(Download(f"{address}/to-plain", SUM), tmp_path / "file").exists()


def test_nothing_outside_leads_into_ones_own_network(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = transport.is_private
    monkeypatch.setattr(transport, "is_private", lambda url: "to-plain" not in url and own(url))
    with pytest.raises(DownloadError, match="in your own network, where nothing outside it must lead"):
        fetch(Download(f"{address}/to-plain", SUM), tmp_path / "file")
    assert Handler.asked == ["/to-plain"]


def test_over_http_from_elsewhere_the_checksum_is_whole(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "is_private", lambda url: False)
    with pytest.raises(DownloadError, match="expected https:// or a whole checksum"):
        fetch(Download(f"{address}/plain", SUM[:15]), tmp_path / "file")
    assert Handler.asked == []
    assert fetch(Download(f"{address}/plain", SUM), tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1/x", True),
        ("https://[::1]:8/x", True),
        ("http://10.1.2.3", True),
        ("http://169.254.169.254", True),
        ("https://8.8.8.8/x", False),
        ("https://[2001:4860:4860::8888]/", False),
        ("https://no.invalid/x", False),
    ],
)
def test_what_ones_own_network_is(url: str, private: bool) -> None:
    assert transport.is_private(url) == private


@pytest.mark.parametrize(
    ("url", "checksum"),
    [
        ("ftp://a.org/file", SUM),
        ("file:///etc/passwd", SUM),
        ("https://a.org/", SUM),
        ("https://a.org/..", SUM),
        ("https://a.org/a%2Fb", SUM),
        ("https://a.org/file", "sha256:1234567"),
        ("https://a.org/file", "sha256:ABCDEF12"),
        ("https://a.org/file", "md5:12345678"),
        ("https://a.org/file", "crc:12345678"),
        ("https://[::::/file", "sha256:12345678"),
        ("https://a.org:x/file", "sha256:12345678"),
    ],
)
def test_what_no_download_can_be(url: str, checksum: str) -> None:
    with pytest.raises(SettingError, match="expected"):
        Download(url, checksum)


def _fetch(url: str, path: Path) -> int:
    return fetch(Download(url, SUM), path).stat().st_size


def test_of_two_processes_one_downloads(address: str, tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        sizes = list(pool.map(_fetch, [f"{address}/plain"] * 2, [tmp_path / "file"] * 2))
    assert sizes == [len(CONTENT)] * 2
    assert Handler.asked == ["/plain"]
