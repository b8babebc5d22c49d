"""The frame of the studio: its token, tabs beside each other, a server that goes and comes back."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.studio.conftest import TOKEN, opened, studio


def test_a_page_without_the_token_asks_for_it(browser_page, address):
    browser_page.goto(f"{address}/#net=mlp")
    field = browser_page.get_by_label("token")
    field.fill("wrong")
    field.press("Enter")
    browser_page.locator("#trouble", has_text="That is not its token.").wait_for()
    field = browser_page.get_by_label("token")
    field.fill(f"{address}/#token={TOKEN}&room=design")  # as it was printed
    field.press("Enter")
    browser_page.locator(".totals", has_text="79,510").wait_for()
    assert browser_page.locator("#trouble").is_hidden()


@pytest.mark.walk
def test_two_tabs_know_nothing_of_each_other(browser_page, address):
    first = opened(browser_page, address, "&net=mlp")
    second = opened(browser_page.context.new_page(), address, "&net=lenet5")
    first.locator("textarea").fill("8x8x1: flatten, dense 3")
    first.locator(".totals", has_text="8×8×1 → 3").wait_for()
    assert "61,706" in second.locator(".totals").inner_text()
    second.close()


@pytest.mark.walk
def test_a_server_that_comes_back_is_asked_again(browser_page):
    with studio() as address:
        page = opened(browser_page, address)
    page.locator("textarea").fill("8x8x1: flatten, dense 3")
    page.locator("#trouble", has_text="does not answer").wait_for()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function("() => scrollY > 0")
    expect(page.locator("#trouble")).to_be_in_viewport()
    with studio(urlsplit(address).port):
        page.locator(".totals", has_text="8×8×1 → 3").wait_for()
        assert page.locator("#trouble").is_hidden()
    page.locator("textarea").fill("8x8x1: flatten, dense 4")
    with studio(urlsplit(address).port, token="another-token-of-another-launch"):
        page.get_by_label("token").fill("another-token-of-another-launch")
        page.get_by_label("token").press("Enter")
        page.locator(".totals", has_text="8×8×1 → 4").wait_for()


@pytest.mark.parametrize("way", ["bar", "address"])
def test_a_room_opens_at_its_top_and_back_finds_the_one_before_as_it_was_left(browser_page, address, way):
    page = browser_page
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, address)
    scrolled = "scrollTo(0, 90), scrollY"  # which every room has, before its last answers came too
    assert page.evaluate(scrolled) == 90
    for room, sight in (("Convolve", "#convolve-s"), ("Learn", ".learn .play"), ("Design", ".editor textarea")):
        if way == "bar":
            link = page.get_by_role("link", name=room, exact=True)
            link.evaluate("link => link.click()")  # the driver's own scrolls before it
        else:
            page.evaluate("room => { location.hash = `room=${room}`; }", room.lower())
        page.wait_for_url(lambda url, room=room: f"room={room.lower()}" in url, wait_until="commit")
        expect(page.locator(sight)).to_be_in_viewport()
        assert page.evaluate("scrollY") == 0
        assert page.evaluate(scrolled) == 90
    page.evaluate("scrollTo(0, 0)")  # of the last, so that it is not what the one before finds
    for sight in (".learn .play", "#convolve-s", ".editor textarea"):
        page.go_back(wait_until="commit")
        expect(page.locator(sight)).to_be_visible()
        page.wait_for_function("() => scrollY === 90")
        page.evaluate("scrollTo(0, 40)")
    page.go_forward(wait_until="commit")
    expect(page.locator("#convolve-s")).to_be_visible()
    page.wait_for_function("() => scrollY === 40")


def test_the_way_past_the_bar_leads_into_the_room_that_is_shown(browser_page, address):
    page = browser_page
    page.goto(f"{address}/#token={TOKEN}&room=learn")
    page.locator(".learn .shown figure").first.wait_for()
    page.locator(".skip").press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page.locator(".learn .play")).to_be_visible()
    assert "room=learn" in page.url


@pytest.mark.parametrize("room", ["train", "look"])
def test_runs_that_are_not_found_yet_are_looked_for(browser_page, address, room):
    page, held = browser_page, []
    page.route("**/ask/runs", lambda route: held.append(route))
    page.goto(f"{address}/#token={TOKEN}&room={room}")
    waits = page.get_by_text("looking for runs …")
    expect(waits).to_be_visible()
    expect(page.get_by_label("a run")).to_be_hidden()
    for route in held:
        route.continue_()
    page.unroute("**/ask/runs")
    expect(waits).to_be_hidden()
