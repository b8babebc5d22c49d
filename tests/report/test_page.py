"""The page in a browser: what one can do in it with pointer, keyboard and screen reader, wide and narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hubel.report import write_report
from hubel.train import Run
from tests.axe import needs_axe, violations
from tests.report.runs import NASTY, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("nasty"), NASTY)


@pytest.fixture(scope="module")
def address(run: Run) -> str:
    return write_report(run).as_uri()


@pytest.fixture
def page(browser_page: Any, address: str) -> Any:
    return opened(browser_page, address)


def opened(page: Any, address: str) -> Any:
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    return page


def names(cards: Any) -> list[str]:
    return list(cards.evaluate_all("all => all.map(card => card.querySelector('.hidden').textContent)"))


def test_nothing_of_a_class_name_runs(page: Any) -> None:
    assert page.title() == "network of 2 conv, 1 dense on corners"
    assert page.get_by_role("rowheader", name=NASTY[0]).count() > 0


def test_the_policy_stops_what_would_go_outside(page: Any) -> None:
    refused = page.evaluate("""async () => {
        const said = [];
        document.addEventListener("securitypolicyviolation", (event) => said.push(event.effectiveDirective));
        await fetch("https://example.org/").catch(() => said.push("fetch failed"));
        document.body.append(Object.assign(new Image(), {src: "https://example.org/picture.png"}));
        const script = document.body.appendChild(document.createElement("script"));
        script.textContent = "window.broken = true";
        await new Promise((done) => setTimeout(done, 200));
        return [...said, window.broken === undefined];
    }""")
    page.forbidden.clear()
    assert {"connect-src", "img-src", "fetch failed", True} <= set(refused)
    assert any(str(what).startswith("script-src") for what in refused)


def test_a_cell_of_the_matrix_opens_its_images(page: Any) -> None:
    matrix = page.locator("#matrix")
    same = matrix.get_by_role("button", name="plain taken for plain")
    number = int(same.inner_text())
    same.click()
    cell = matrix.get_by_role("region", name="images of the chosen cell")
    assert cell.locator("h3").inner_text() == "plain, taken for what it is"
    assert f"{number} images" in cell.inner_text()
    assert same.get_attribute("aria-pressed") == "true"
    cards = cell.locator(".card")
    assert cards.count() == min(number, 36)
    assert all("plain, and taken for plain" in name for name in names(cards))


def test_a_cell_off_the_diagonal_opens_the_mistakes_of_its_kind(page: Any) -> None:
    cell = page.locator("#matrix table .other button").first
    true, predicted = (NASTY[int(place)] for place in cell.get_attribute("data-cell").split())
    cell.click()
    shown = page.locator("#cell")
    assert shown.locator("h3").inner_text() == f"{true} taken for {predicted}"
    found = names(shown.locator(".card"))
    assert len(found) == int(cell.inner_text())
    assert all(f": {true}, but taken for {predicted} with" in name for name in found)


def test_the_matrix_is_walked_with_the_arrow_keys(page: Any) -> None:
    buttons = page.locator("#matrix table button")
    assert page.locator("#matrix table button[tabindex='0']").count() == 1
    buttons.first.focus()
    place = page.evaluate("document.activeElement.dataset.cell")
    assert place == "0 0"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.cell") != place
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.ariaPressed") == "true"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.cell") == place


def test_shares_instead_of_counts(page: Any) -> None:
    cell = page.locator("#matrix").get_by_role("button", name="plain taken for plain")
    count = cell.inner_text()
    page.get_by_label("percent of their row").check()
    share = page.locator("#matrix").get_by_role("button", name="plain taken for plain").inner_text()
    assert count != share
    assert share in cell.get_attribute("aria-label")[: len(cell.get_attribute("aria-label"))]
    assert 0 < float(share) <= 100


def test_an_image_tells_its_probabilities_and_gives_the_focus_back(page: Any) -> None:
    card = page.locator("#surest .card").nth(1)
    card.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    title = dialog.locator("h2").inner_text()
    assert title == f"Image {card.get_attribute('data-index')} of corners test"
    assert dialog.locator(".probability").count() >= 2
    page.keyboard.press("ArrowRight")
    assert dialog.locator("h2").inner_text() != title
    page.keyboard.press("Escape")
    assert dialog.count() == 0
    assert page.evaluate("document.activeElement.dataset.index") == card.get_attribute("data-index")


def test_a_mistake_opens_in_the_running_model_and_gives_the_same_answer(page: Any) -> None:
    card = page.locator("#surest .card").first
    said = names(page.locator("#surest .card"))[0]
    card.click()
    page.get_by_role("button", name="Why did it say").click()
    assert not page.locator("dialog").is_visible()
    note = page.locator(".live .note", has_text="taken for")
    assert note.inner_text().startswith(said.removesuffix(": "))
    told = float(said.rsplit(" with ", 1)[1].split("%")[0])
    best = page.locator(".live .probability.best .share")
    assert float(best.inner_text().rstrip("%")) == pytest.approx(told, abs=5)  # the thumbnail is a little different
    assert page.locator(".dock .softmax tr.own").count() == 1


def test_the_gallery_is_filtered(page: Any) -> None:
    gallery = page.locator("#by-class")
    gallery.get_by_label("Class").select_option("plain")
    gallery.get_by_label("wrong").check()
    assert all(": plain, but taken for" in name for name in names(gallery.locator(".card")))
    gallery.get_by_label("right").check()
    right = names(gallery.locator(".card"))
    assert right
    assert all(": plain, and taken for plain" in name for name in right)
    assert gallery.get_by_role("status").inner_text().startswith(f"{len(right)} image")


def test_more_cards_come_when_asked_for(page: Any) -> None:
    gallery = page.locator("#by-class")
    before = gallery.locator(".card").count()
    gallery.get_by_role("button", name="show").click()
    assert gallery.locator(".card").count() > before
    assert page.evaluate("document.activeElement.className").startswith("card")


def test_thumbnails_show_the_pixels_of_their_images(page: Any, run: Run) -> None:
    from hubel.data import load

    test = load(**run.settings["data"]["source"]).test
    card = page.locator("#by-class .card").first
    index = int(card.get_attribute("data-index"))
    shown = page.evaluate(
        """async (index) => {
        const card = document.querySelector(`#by-class .card[data-index="${index}"] .thumbnail`);
        const style = getComputedStyle(card);
        const image = new Image();
        image.src = style.backgroundImage.slice(5, -2);
        await image.decode();
        const scale = image.naturalWidth / parseFloat(style.backgroundSize);
        const [x, y] = style.backgroundPosition.split(" ").map((part) => -parseFloat(part) * scale);
        const canvas = new OffscreenCanvas(16, 16).getContext("2d");
        canvas.drawImage(image, -Math.round(x), -Math.round(y));
        return [...canvas.getImageData(0, 0, 16, 16).data];
    }""",
        index,
    )
    pixels = np.array([value for place, value in enumerate(shown) if place % 4 != 3])
    distances = np.abs(test.images.reshape(len(test), -1).astype(int) - pixels).mean(1)
    assert distances.argmin() == index


def test_a_layer_is_chosen_by_pointer_and_by_keyboard(page: Any) -> None:
    network = page.locator("#network")  # the running model has a drawing of its own
    panel = network.get_by_role("region", name="chosen layer")
    assert panel.locator("h3").first.inner_text().startswith("conv1")
    shape = network.locator(".figure.wide .layer[data-rows], .figure:not(.narrow) .layer[data-rows]").last
    shape.click()
    assert "dense1" in panel.inner_text()
    assert shape.get_attribute("aria-pressed") == "true"
    first = network.locator(".figure:not(.narrow) .layer[data-rows]").first
    first.focus()
    page.keyboard.press("Enter")
    assert "conv1" in panel.inner_text()
    assert "(3·3·3 + 1)·6 = 168" in panel.inner_text()
    image = panel.locator(".filters img")
    assert image.evaluate("image => image.naturalWidth") == 6 * 4 - 1
    network.get_by_text("All layers as a table").click()
    network.get_by_role("button", name="pool1").last.click()
    assert "pool1" in panel.locator("h3").inner_text()


def test_pointing_at_a_curve_tells_the_epoch(page: Any) -> None:
    chart = page.locator("#training svg.curves").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = page.locator("#training .told").all_inner_texts()
    assert len(told) == 3
    assert all("epoch 2" in text for text in told)
    assert "training" in told[0]
    assert "test" in told[0]


def test_light_and_dark_are_chosen(page: Any) -> None:
    def colours() -> tuple[str, str]:
        return (
            page.evaluate("getComputedStyle(document.body).backgroundColor"),
            page.evaluate("getComputedStyle(document.querySelector('#network svg .page')).fill"),
        )

    select = page.get_by_label("theme")
    select.select_option("dark")
    dark = colours()
    select.select_option("light")
    light = colours()
    assert dark[0] == dark[1]
    assert light == ("rgb(255, 255, 255)", "rgb(255, 255, 255)")
    page.emulate_media(color_scheme="dark")
    assert colours() == light
    select.select_option("auto")
    assert colours() == dark


def test_the_model_runs_in_the_page(page: Any) -> None:
    live = page.locator("#live")
    assert live.locator(".samples button").count() == len(NASTY)
    shares = [float(text.rstrip("%")) for text in live.locator(".bars .share").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=0.5)
    first = page.evaluate("""() => {
        const images = JSON.parse(document.getElementById("images").textContent);
        const place = images.label.findIndex((label, at) => label === 0 && images.predicted[at] === 0);
        const told = images.probabilities[place];
        return told[told.findIndex((value, at) => at % 2 === 0 && value === 0) + 1];
    }""")
    assert shares[0] == pytest.approx(100 * first, abs=0.2)


def test_paper_is_light_and_shows_whole_lists(browser_page: Any, address: str) -> None:
    browser_page.emulate_media(color_scheme="dark")
    page = opened(browser_page, address)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_selector("#network svg.hubel-light", state="attached")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
    assert page.locator("#cell").evaluate("panel => panel.scrollHeight <= panel.clientHeight + 1")


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_nothing_runs_out_of_the_page(browser_page: Any, address: str, width: int) -> None:
    browser_page.set_viewport_size({"width": width, "height": 800})
    page = opened(browser_page, address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#network .figure svg:visible").count() == 1


def test_what_a_screen_reader_is_told(page: Any) -> None:
    """The rules that tools check most: names of controls and pictures, headings in order, no id twice."""
    faults = page.evaluate("""() => {
        const faults = [];
        const label = (element, kind) => element.getAttribute(kind);
        const name = (element) => label(element, "aria-label") || element.textContent.trim() || element.title
            || (element.labels && [...element.labels].map((label) => label.textContent).join(" "));
        for (const element of document.querySelectorAll("button, a[href], select, input, summary, [role=button]")) {
            if (!name(element)) faults.push(["no name", element.outerHTML.slice(0, 120)]);
        }
        for (const image of document.querySelectorAll("img")) {
            if (!image.hasAttribute("alt")) faults.push(["no alt", image.outerHTML]);
        }
        for (const svg of document.querySelectorAll("svg")) {
            if (!label(svg, "aria-label") && !label(svg, "aria-labelledby")) faults.push("svg without a name");
        }
        const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
        for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(["twice", id]);
        let last = 0;
        for (const heading of document.querySelectorAll("main :is(h1, h2, h3, h4)")) {
            const level = Number(heading.tagName[1]);
            if (level > last + 1) faults.push(["level skipped", heading.textContent]);
            last = level;
        }
        for (const part of document.querySelectorAll("main > section")) {
            if (!document.getElementById(part.getAttribute("aria-labelledby"))) faults.push(["section", part.id]);
        }
        return faults;
    }""")
    assert faults == []
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("navigation", name="parts of the report").get_by_role("link").count() >= 6


def test_words_stand_out_from_the_page(page: Any) -> None:
    """WCAG's contrast of 4.5, for words on plain ground, by day and by night."""
    for theme in ("light", "dark"):
        page.get_by_label("theme").select_option(theme)
        faint = page.evaluate("""() => {
            const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
            const rgb = (colour) => {
                canvas.clearRect(0, 0, 1, 1);
                canvas.fillStyle = colour;
                canvas.fillRect(0, 0, 1, 1);
                return [...canvas.getImageData(0, 0, 1, 1).data];
            };
            const light = (colour) => rgb(colour).slice(0, 3).map((v) => v / 255)
                .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const ground = (element) => {
                for (let at = element; at; at = at.parentElement) {
                    const colour = getComputedStyle(at).backgroundColor;
                    if (rgb(colour)[3] === 255) return colour;
                }
                return "white";
            };
            const faint = [];
            const kinds = "p, a, th, td, dt, dd, button, figcaption, h2, h3, code, label, legend, span";
            for (const element of document.querySelectorAll(`main :is(${kinds}), nav a`)) {
                const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
                if (!own || !element.checkVisibility() || element.closest("svg, .none, :disabled, #live")) continue;
                const both = [light(getComputedStyle(element).color), light(ground(element))];
                const [one, other] = both.sort((a, b) => b - a);
                const contrast = (one + 0.05) / (other + 0.05);
                if (contrast < 4.5) faint.push([element.outerHTML.slice(0, 100), contrast]);
            }
            return faint;
        }""")
        assert faint == []


@needs_axe
def test_axe_finds_nothing_on_a_report(page: Any) -> None:
    assert violations(page) == []


def test_a_hundred_classes_are_a_map_of_colours(browser_page: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path, tuple(f"class {number}" for number in range(100)), epochs=1, size=600)
    page = opened(browser_page, write_report(run).as_uri())
    assert page.locator("#matrix table tbody tr").count() == 100
    pair = page.locator("#matrix .pairs button").first
    pair.click()
    assert page.locator("#cell h3").inner_text() == pair.inner_text()
    assert page.locator("#cell .card").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
