"""The studio as files: what they are, and the page from a server of any kind, under a path of its own."""

import gzip
import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hubel import zoo
from hubel.base.errors import SettingError
from hubel.base.files import cache_folder
from hubel.studio import pyodide
from hubel.studio.answers import answered, words
from hubel.studio.site import python_archive, site_files, write_site
from tests.command import hubel
from tests.conftest import is_firefox
from tests.work import HANG

ROOT = Path(__file__).parents[2]
REAL = next(filter(pyodide.is_whole, (ROOT / "node_modules/pyodide", cache_folder("pyodide", pyodide.VERSION))), None)
needs_pyodide = pytest.mark.skipif(REAL is None, reason="needs Pyodide, which make test-browser fetches from npm")
ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from hubel.studio.answers import QUESTIONS, answered_json
values = {"name": "lenet5", "path": "conv1", "how": "set", "setting": "filters", "value": "8",
          "other": "mlp", "framework": "keras", "network": "lenet5", "layer": "conv1", "given": "156"}
for question, (_, kinds) in QUESTIONS.items():
    values["text"] = "lenet5" if question == "learner" else "resnet18"
    found = json.loads(answered_json(question, json.dumps({name: values[name] for name in kinds if name in values})))
    assert "error" not in found and "wrong" not in found, (question, found)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "numpy", "PIL", "rich", "safetensors"}))
"""


# what web servers of some years ago know; all else is sent as bytes
KINDS = {".html": "text/html", ".js": "application/javascript"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *told):
        pass

    def guess_type(self, path):
        return KINDS.get(Path(path).suffix, "application/octet-stream") if Path(path).suffix else "text/html"


@contextmanager
def served(folder):
    """The address of a plain web server of a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(HANG)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A folder like Pyodide's in which nothing starts."""
    folder = tmp_path_factory.mktemp("pyodide")
    for name in pyodide.FILES:
        (folder / name).write_text("")
    (folder / "pyodide.mjs").write_text('export async function loadPyodide() { throw Error("no WebAssembly here"); }')
    return folder


@pytest.fixture(scope="module", autouse=True)
def two_networks():
    """A zoo of a few networks: all of them take seconds to write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "names", lambda: ("lenet5", "resnet18", "densenet121"))
        yield
    words.known.cache_clear()  # which others ask of the whole zoo


@pytest.fixture(scope="module")
def made(broken):
    return site_files(broken)


def test_the_archive_answers_all_questions_by_the_standard_library_alone(tmp_path):
    archive = tmp_path / "hubel.zip"
    archive.write_bytes(python_archive())
    asked = [sys.executable, "-S", "-I", "-c", ASK, str(archive)]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_same_site_is_the_same_bytes(made, broken):
    again = site_files(broken)
    assert again == made
    assert gzip.decompress(made["hubel.bin"]) == python_archive()


def test_what_is_kept_off_line_is_what_is_written(made):
    names = json.loads(re.search(r"const FILES = (.*);", made["sw.js"].decode())[1])
    assert {"./", *names} == {"./", *made} - {"index.html", "sw.js"}
    other = site_files_with(made, "worker.js", b"other")
    assert kept(made["sw.js"]) != kept(other)


def test_no_file_has_a_name_that_servers_send_for_something_else(made):
    """As a module that is none (.mjs), or as what the browser has unpacked already (.gz)."""
    assert {Path(name).suffix for name in made} == {".html", ".js", ".json", ".bin", ".wasm", ".zip"}


def test_a_visit_to_any_room_keeps_the_site(browser_page, tmp_path, broken):
    write_site(tmp_path, broken)
    with served(tmp_path) as address:
        browser_page.goto(f"{address}/#room=convolve")
        browser_page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    browser_page.goto("about:blank")
    browser_page.goto(f"{address}/#room=learn")
    browser_page.locator(".learn .shown figure").first.wait_for()


def test_page_and_python_are_light(made):
    """What comes before Pyodide: 400 kB as it travels."""
    assert sum(len(gzip.compress(made[name])) for name in ("index.html", "worker.js", "hubel.bin")) < 400_000


def site_files_with(made, name, content):
    from hubel.studio.site import _service_worker

    rest = {each: made[each] for each in made if each != "sw.js"}
    return _service_worker({**rest, name: content}).encode()


def kept(program):
    return re.search(rb'const KEPT = "(.*)";', program)[1]


def test_the_zoo_is_written_out(made):
    for name in ("lenet5", "resnet18"):
        held = json.loads(made[f"zoo/{name}.json"])
        assert held["network"]["text"] == str(zoo.get(name))
        assert held["figures"] == json.loads(json.dumps(answered("figures", {"text": name})))
    assert len([name for name in made if name.startswith("zoo/")]) == len(zoo.names())


def test_the_page_runs_nothing_but_its_own(made):
    text = made["index.html"].decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_command_tells_what_it_wrote(tmp_path, monkeypatch, broken):
    monkeypatch.setattr(pyodide, "pyodide_folder", lambda tell: broken)
    (tmp_path / "own.txt").write_text("mine")
    told = json.loads(hubel("site", "-o", tmp_path / "site", "--json").stdout)
    assert told["files"]["index.html"] == (tmp_path / "site/index.html").stat().st_size
    assert f"wrote {len(told['files'])} files" in hubel("site", "-o", tmp_path).stdout
    assert (tmp_path / "own.txt").read_text() == "mine"


def test_another_pyodide_is_refused(tmp_path, monkeypatch, broken):
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/pyodide").symlink_to(broken)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=rf"npm install pyodide@{re.escape(pyodide.VERSION)}"):
        pyodide.pyodide_folder()


@pytest.mark.parametrize(
    ("npm", "said"),
    [
        (None, "there is no npm"),
        ("#!/bin/sh\necho no network >&2; exit 1", "could not fetch Pyodide .*no network"),
        ("#!/bin/sh\ntar -czf pyodide-1.tgz package", "not Pyodide .* as it was published"),
    ],
)
def test_what_npm_brings_is_checked(tmp_path, monkeypatch, broken, npm, said):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program = None
    if npm:
        program = tmp_path / "npm"
        program.write_text(npm.replace("tar", f"ln -s {broken} package; tar -h"))
        program.chmod(0o755)
    monkeypatch.setattr(pyodide.shutil, "which", lambda name: program and str(program))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=said):
        pyodide.pyodide_folder()


def test_where_python_cannot_start_the_zoo_is_shown_and_it_is_said(browser_page, tmp_path, broken):
    write_site(tmp_path / "some" / "where", broken)
    with served(tmp_path) as address:
        browser_page.goto(f"{address}/some/where/#net=resnet18")
        browser_page.locator(".totals", has_text="11,689,512").wait_for()
        browser_page.locator("#trouble", has_text="no WebAssembly here").wait_for()
        browser_page.locator("td.how", has_text="7·7·3·64 = 9,408").wait_for()


@needs_pyodide
@pytest.mark.parametrize("lost", ["pyodide.asm.wasm", "pyodide.asm.js", "python_stdlib.zip", "hubel.bin", "pyodide.js"])
def test_python_that_cannot_be_had_is_said_and_tried_again(browser_page, tmp_path, lost):
    """What it is made of did not come: refused by a proxy, lost on the way; and what was typed is answered later."""
    if lost == "python_stdlib.zip" and is_firefox(browser_page.context.browser):
        pytest.skip("Firefox logs what was refused in a worker, also where that was taken care of")
    write_site(tmp_path, REAL)
    gone = next(tmp_path.rglob(lost))
    gone.rename(tmp_path / "gone")
    with served(tmp_path) as address:
        browser_page.goto(f"{address}/#net=28x28x1:+conv+7+3x3+same,+flatten,+dense+10")
        browser_page.locator("#trouble", has_text="Python could not be started").wait_for()
        (tmp_path / "gone").rename(gone)
        browser_page.get_by_role("button", name="try again").click()
        browser_page.locator(".totals", has_text="54,960").wait_for()
        browser_page.locator("#trouble").wait_for(state="hidden")


# stands for Pyodide: it begins, and hangs where its memory is to be taken up again
HANGS = """
export const version = "0";
const answer = JSON.stringify({ error: "no", wrong: { told: "it answers", start: null, end: null, fits: [] } });
export async function loadPyodide(options) {
  if (options._loadSnapshot) await new Promise(() => {});
  return { unpackArchive() {}, runPython: () => () => answer, makeMemorySnapshot: () => new Uint8Array([1, 2, 3]) };
}
"""


# whether its memory is there whole
KEPT = """async () => {
  const cache = await caches.open("hubel-python");
  const [name] = await cache.keys();
  return name && (await (await cache.match(name)).arrayBuffer()).byteLength === 3;
}"""


def test_a_memory_that_hangs_is_left_alone(browser_page, tmp_path, broken):
    write_site(tmp_path, broken)
    (tmp_path / "pyodide/pyodide.js").write_text(HANGS)
    page = browser_page
    with served(tmp_path) as address:
        page.goto(address)
        page.locator("html[data-python=begun]").wait_for(state="attached")
        page.wait_for_function(KEPT)
        page.clock.install()
        page.goto("about:blank")
        page.goto(f"{address}/#net=8x8x1:+flatten")
        page.locator("#trouble", has_text="Python is on its way").wait_for()
        while not page.locator("#trouble", has_text="does not begin").count():
            assert not page.locator("html[data-python]").count(), "it began without the memory"
            page.clock.fast_forward(1000)
        page.locator("html[data-python=begun]").wait_for(state="attached")
        page.locator("#wrong", has_text="it answers").wait_for()


def test_python_begins_with_the_course(browser_page, tmp_path, broken):
    write_site(tmp_path, broken)
    (tmp_path / "pyodide/pyodide.js").write_text("export const loadPyodide = () => new Promise(() => {});")
    with served(tmp_path) as address:
        browser_page.goto(f"{address}/#room=course&lang=pt")
        browser_page.locator("#trouble[lang=pt]", has_text="O Python está a caminho").wait_for()
        assert "zoo" not in browser_page.locator("#trouble").inner_text()


@needs_pyodide
@pytest.mark.walk
def test_python_answers_in_the_page_and_without_a_network(browser_page, tmp_path):
    write_site(tmp_path / "course", REAL)
    typed = "28x28x1: conv 7 3x3 same, flatten, dense 10"
    with served(tmp_path) as address:
        browser_page.goto(f"{address}/course/")
        browser_page.locator(".totals", has_text="61,706").wait_for()  # before Python is there
        browser_page.locator("textarea").fill(typed)
        browser_page.locator(".totals", has_text="54,960").wait_for()
        browser_page.locator("tbody button", has_text="conv1").click()
        browser_page.get_by_label("filters: more").click()
        browser_page.locator(".editor pre", has_text="conv 8").wait_for()
        browser_page.evaluate("location.hash = 'room=course&exercise=11&lang=pt'")
        browser_page.locator(".course form input").fill("208")
        browser_page.keyboard.press("Enter")
        browser_page.locator(".course .not-yet", has_text="Seu 208 esqueceu os canais da entrada").wait_for()
        assert browser_page.locator("html").get_attribute("data-python") == "begun"
        browser_page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    again(browser_page, address, typed, "remembered")
    browser_page.evaluate(DAMAGE)
    again(browser_page, address, typed, "begun")


# what is kept of Python's memory becomes another's
DAMAGE = """
caches.open("hubel-python").then((cache) => cache.keys().then(([name]) => cache.put(name, new Response("nothing"))))
"""


def again(page, address, typed, python):
    """A later visit, where no server is there any more."""
    page.goto("about:blank")
    page.goto(f"{address}/course/#net={typed.replace(' ', '+')}")
    page.locator(".totals", has_text="54,960").wait_for()
    page.locator(f"html[data-python={python}]").wait_for(state="attached")
