"""What an address says: values that cannot be used are said to be replaced, and back goes back."""

import pytest
from playwright.sync_api import expect

from tests.studio.conftest import TOKEN, opened, put, studio
from tests.work import HANG

PATIENT = 1000 * HANG
SAID = {
    "room=nowhere": ["room=nowhere: expected one of design, convolve, learn, course, train, look; Design is shown"],
    "room=design&tab=x&style=y&layer=conv9&net=lenet5": ["tab=x", "style=y", "layer=conv9: expected a layer of this"],
    "room=convolve&op=a&s=99&p=q&d=0&b=zz&f=w&x=1 2 / 3&k=1 2&at=a": [
        "op=a: expected one of conv, transposed, maxpool, avgpool; conv is taken",
        "s=99: expected a whole number from 1 to 6; 6 is taken",
        "p=q: ",
        "d=0: expected a whole number from 1 to 4; 1 is taken",
        "b=zz: expected a number from -99 to 99; 0 is taken",
        "f=w: ",
        "x=1 2 / 3: ",
        "k=1 2: expected as many rows as columns",
        "at=a: ",
    ],
    "room=convolve&at=90,1": ["at=90,1: expected a place of the output, of 7×7; 6,1 is taken"],
    "room=course&lang=xx&exercise=0.5": ["lang=xx: expected one of en, pt; en is taken", "exercise=0.5: "],
    "room=train&run=none-such a b": [
        "run=none-such a b: expected at most two runs",
        "run=none-such a: expected runs in",
    ],
    "room=look&run=none": [],
    "room=convolve&k=%E2%80%AEevil": ["k=\\u{202e}evil: "],
    "room=convolve&s=2&x=dot": [],
}


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "odd \u202ename").mkdir()
    (folder / "odd \u202ename/run.toml").write_text("network = 'mlp'")
    with studio(runs=folder) as address:
        yield address


def test_what_an_address_asks_for_and_cannot_have_is_said(browser_page, there):
    page = browser_page
    page.goto(f"{there}/#token={TOKEN}")
    said = page.locator(".replaced li:visible")
    for address, told in SAID.items():
        page.evaluate("told => { location.hash = told; }", address)
        for words in told:
            expect(said.filter(has_text=words)).to_have_count(1, timeout=PATIENT)
        if told:
            expect(said).to_have_count(len(told), timeout=PATIENT)
    expect(said).to_have_count(0, timeout=PATIENT)
    page.evaluate("location.hash = 'room=train'")
    expect(page.locator(".train .side > .note")).to_contain_text("odd \\u202ename", timeout=PATIENT)


def test_what_learns_follows_the_address(browser_page, there):
    browser_page.goto(f"{there}/#token={TOKEN}&room=learn")
    choice = browser_page.get_by_label("network", exact=True)
    expect(choice).to_have_value("two convolutions", timeout=PATIENT)
    browser_page.evaluate("location.hash = 'room=learn&learner=softmax regression'")
    expect(choice).to_have_value("softmax regression", timeout=PATIENT)
    browser_page.evaluate("location.hash = 'room=learn&learner=nothing'")
    expect(browser_page.locator(".learn .wrong")).not_to_be_empty(timeout=PATIENT)


@pytest.mark.walk
def test_back_and_forward_go_from_room_to_room(browser_page, there):
    page = opened(browser_page, there, "&net=mlp&layer=dense1&tab=memory")
    page.get_by_role("link", name="Convolve").press("Enter")
    put(page.locator("#convolve-s"), "2")
    page.get_by_role("link", name="Course").click()
    page.locator(".course article h2").wait_for()
    page.go_back(wait_until="commit")
    expect(page.locator("#convolve-s")).to_be_visible(timeout=PATIENT)
    expect(page.locator("#convolve-s")).to_have_value("2", timeout=PATIENT)
    page.go_back(wait_until="commit")
    expect(page.locator(".design .totals")).to_contain_text("79,510", timeout=PATIENT)
    expect(page.get_by_role("tab", name="Memory")).to_have_attribute("aria-selected", "true", timeout=PATIENT)
    page.go_forward(wait_until="commit")
    expect(page.locator("#convolve-s")).to_be_visible(timeout=PATIENT)


def test_a_link_of_another_launch_is_taken_in_an_open_tab(browser_page):
    with studio() as address:
        page = opened(browser_page, address, "&net=mlp")
    with studio(int(address.rpartition(":")[2]), token="another-token-of-another-launch"):
        page.locator("textarea").first.fill("8x8x1: flatten, dense 4")
        page.get_by_label("token").wait_for()
        page.evaluate("location.hash = 'token=another-token-of-another-launch&net=8x8x1: flatten, dense 4'")
        expect(page.locator(".totals")).to_contain_text("8×8×1 → 4", timeout=PATIENT)
        assert "token" not in page.url


def test_what_turns_the_reading_order_round_is_seen_in_the_editor(browser_page, there):
    page = opened(browser_page, there)
    page.locator("textarea").first.fill("8x8x1: \u202eflatten, dense 4")
    expect(page.locator(".editor pre")).to_contain_text("8x8x1: \ufffdflatten", timeout=PATIENT)
    expect(page.locator("#wrong")).not_to_be_empty(timeout=PATIENT)
    assert "\u202e" not in page.locator("#wrong").inner_text()
