"""The page of a report: as text, and in a real browser.

The browser tests need Debian's `chromium` and `chromium-driver` and skip without them, unless
`SK_CIFAR_OVR_REQUIRE_BROWSER` is set.
"""

import dataclasses
import json
import os
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, report
from sk_cifar_ovr.report._embedding import embed_test_images
from sk_cifar_ovr.report._run import evaluate, train
from sk_cifar_ovr.report.data import TrainTestSplit
from sk_cifar_ovr.report.page import html_page
from sk_cifar_ovr.report.page._html_embedding import interactive_embedding
from sk_cifar_ovr.report.page._table import sortable_table
from sk_cifar_ovr.report.page._thumbnails import data_uris

# Names as folders may have them, and as a page must not take for markup, nor Bokeh for columns.
EVIL = "<img src=x onerror='window.evil = 1'>"
LONG = "nine, a name as long as folders have it at times, and longer than a telephone is wide"
NAMES = ["zero", "one", "two", EVIL, "f@true$x", "five & <b>six", "six", "seven", "eight", LONG]
WIDTH, HEIGHT = 1100, 900


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    """A run on 360 digits with a network so small that it makes mistakes; the folder it was written to."""
    X, y = digits
    data = TrainTestSplit(X[:200], y[:200], X[200:], y[200:], NAMES, "0" * 64, "digits")
    settings = {"loss": "crossentropy", "epochs": 15, "batch_size": 20, "optimizer__learning_rate": 0.01}
    estimator = OneVsRestCNNClassifier(CNNClassifier(dense, **settings, random_state=0))
    result, files = report.write_report(
        estimator, data, tmp_path_factory.mktemp("report"), command="sk-cifar-ovr report"
    )
    assert not files.errors
    return result, files.folder


class Elements(HTMLParser):
    """All start tags of a page, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_page_links_nothing_outside_itself(run):
    elements = Elements((run[1] / "report.html").read_text()).found
    addresses = [attrs[name] for _, attrs in elements for name in ("src", "href") if name in attrs]
    assert len(addresses) > 20
    assert {address.split(":")[0].split("#")[0] for address in addresses} == {"data", ""}


def test_class_names_are_text(run):
    elements = Elements((run[1] / "report.html").read_text()).found
    assert not [attrs for _, attrs in elements if "onerror" in attrs]


def test_column_of_names_is_as_wide_as_they_need(run):
    assert sortable_table(run[0]).columns[0].width == 280


def test_page_tells_what_was_run_and_shows_the_mistakes(run):
    result, folder = run
    text = (folder / "report.html").read_text()
    for told in ("<code>sk-cifar-ovr report</code>", "seed 0", "15 epochs", "SHA-256", "keras 3", "openTSNE"):
        assert told in text, told
    elements = Elements(text).found
    headings = [tag for tag, _ in elements if tag in ("h1", "h2")]
    assert headings == ["h1", *["h2"] * 8]
    images = [attrs["alt"] for tag, attrs in elements if tag == "img" and "test image" in attrs["alt"]]
    wrong = result.predicted != (result.y_true[:, None] == result.estimator.classes_)
    assert len(images) == sum(min(8, n) for k in range(10) for n in _missed_and_false(result, wrong, k))
    assert "reference" not in text.split("<body>")[-1].split("<main>")[0]


def _missed_and_false(result, wrong, k):
    of_class = result.y_true == result.estimator.classes_[k]
    return [(wrong[:, k] & of_class).sum(), (wrong[:, k] & ~of_class).sum()]


def test_reference_stands_in_the_page_of_cifar10(run, monkeypatch):
    monkeypatch.setattr(TrainTestSplit, "is_cifar10", True)
    text = html_page(run[0], None, [], no_embedding="left out here")
    assert "<small>reference 76.3</small>" in text
    assert "The numbers in\nbrackets are the reference" in text
    # The airplane's F1, a cell of the table.
    assert "75.8" in text
    assert "There is no map: left out here" in text


def test_map_takes_no_more_images_than_it_can_show(run, monkeypatch):
    whole = embed_test_images(run[0])
    assert sorted(whole.indices) == list(range(160))
    # Not in the order of the images, where those of one class may follow one another: the last would hide the others.
    assert abs(np.corrcoef(whole.indices, np.arange(160))[0, 1]) < 0.3
    assert whole.title == "t-SNE of the 16 features of the network: 160 test images"
    monkeypatch.setattr("sk_cifar_ovr.report._embedding.MAX_IMAGES", 70)
    some = embed_test_images(run[0])
    assert len(some.points) == 70
    assert len(set(some.indices)) == 70
    np.testing.assert_array_equal(embed_test_images(run[0]).indices, some.indices)


def test_map_of_separate_networks_is_of_all_their_features(digits):
    X, y = digits[0][:60], digits[1][:60] % 3
    estimator = OneVsRestCNNClassifier(CNNClassifier(dense, epochs=1, random_state=0), strategy="independent")
    data = TrainTestSplit(X[:50], y[:50], X[50:], y[50:], ["a", "b", "c"], "", "")
    minutes = train(estimator, data)
    # Ten images are fewer than three times the usual perplexity.
    found = embed_test_images(evaluate(estimator, data, settings={}, training_minutes=minutes))
    assert found.title == "t-SNE of the 48 features of all 3 networks: 10 test images"
    assert found.points.shape == (10, 2)


def test_many_classes_fit_on_a_card(run):
    result, _ = run
    many = [f"class {k}" for k in range(40)]
    y_true = np.array(many)[np.arange(160) % 40]
    estimator = dataclasses.make_dataclass("Estimator", ["classes_"])(np.array(many))
    probabilities = np.random.default_rng(0).uniform(0, 0.4, (160, 40))
    probabilities[:, 7] = 0.9
    wide = dataclasses.replace(
        result, estimator=estimator, y_true=y_true, probabilities=probabilities, predicted=probabilities > 0.5
    )
    columns = interactive_embedding(wide, embed_test_images(result))["map"].select_one("points").data_source.data
    assert columns["answers"][0].startswith("class 7 90 % ✓<br>")
    assert columns["answers"][0].count("<br>") == 4


def test_images_are_made_as_coarse_as_their_budget_needs():
    noise = np.random.default_rng(0).integers(0, 256, (20, 80, 80, 3)).astype(np.uint8)
    rich, poor = data_uris(noise, budget=10**6), data_uris(noise, budget=40_000)
    assert sum(map(len, poor)) <= 40_000 < sum(map(len, rich))
    assert all(uri.startswith("data:image/webp;base64,") for uri in rich + poor)


# -- in a browser -------------------------------------------------------------------------------------------

# Bokeh's elements are in shadow trees, where CSS selectors of the document do not reach.
DEEP = """
const deep = (selector, root = document) => [...root.querySelectorAll("*")].flatMap((element) => [
    ...(element.matches(selector) ? [element] : []),
    ...(element.shadowRoot ? deep(selector, element.shadowRoot) : []),
]);
const map = [...Bokeh.index.roots].find((view) => view.model.name == "map");
const source = map.model.renderers.find((renderer) => renderer.name == "points").data_source;
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Headless Chromium, started once."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    try:
        from selenium import webdriver
    except ImportError:
        webdriver = None
    if not (browser and driver and webdriver):
        missing = pytest.fail if os.environ.get("SK_CIFAR_OVR_REQUIRE_BROWSER") else pytest.skip
        missing("selenium, chromium or chromium-driver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"window-size={WIDTH},{HEIGHT}",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


class Page:
    """A report that is open in a browser."""

    def __init__(self, chrome, path):
        self.chrome, self.path = chrome, path
        self.log("browser")
        self.log("performance")
        chrome.get(path.as_uri())
        self.wait("return window.Bokeh?.documents[0]?.is_idle")

    def log(self, kind):
        return self.chrome.get_log(kind)

    def run(self, script, *arguments):
        return self.chrome.execute_script(DEEP + script, *arguments)

    def wait(self, script, *arguments):
        from selenium.webdriver.support.ui import WebDriverWait

        run = self.chrome.execute_script if "Bokeh?" in script else self.run
        return WebDriverWait(self.chrome, 20, poll_frequency=0.05).until(lambda _: run(script, *arguments))

    def press(self, label):
        """Press the button with this label."""
        button = self.run("return deep('.bk-btn').find((button) => button.textContent == arguments[0])", label)
        button.click()

    def shown(self):
        """What the page says of how many images are shown."""
        return self.run("return deep('.bk-clearfix').map((div) => div.textContent).find((t) => t.includes(' of '))")

    def point_at(self, point):
        """Move the pointer to where the map has this point, shown or not; the cards that appear."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        x, y = self.run(
            """
            map.el.scrollIntoView({block: "center"});
            const {left, top} = map.canvas_view.el.getBoundingClientRect();
            const {x_scale, y_scale} = map.frame;
            return [left + x_scale.compute(source.data.x[arguments[0]]),
                    top + y_scale.compute(source.data.y[arguments[0]])];
            """,
            point,
        )
        # From elsewhere, so that it moves in any case.
        for place in ((1, 1), (round(x), round(y))):
            action = ActionBuilder(self.chrome, duration=0)
            action.pointer_action.move_to_location(*place)
            action.perform()

    def cards(self):
        return self.run("return deep('.card').map((card) => [card.querySelector('img').src, card.innerText])")


@pytest.fixture
def opened(chromium, run):
    return Page(chromium, run[1] / "report.html")


def lonely_point(points):
    """The point that is farthest from its nearest neighbour: nothing else is under the pointer there."""
    distances = np.abs(points[:, None] - points).max(axis=2)
    return int(np.argmax((distances + np.eye(len(points)) * 1e9).min(axis=1)))


def test_page_opens_without_errors_and_without_network(opened):
    assert [entry["message"] for entry in opened.log("browser") if entry["level"] == "SEVERE"] == []
    events = [json.loads(entry["message"])["message"] for entry in opened.log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert {url.split(",")[0] for url in asked if not url.startswith(("data:", "chrome"))} == {opened.path.as_uri()}
    assert opened.run("return window.evil === undefined")
    assert EVIL in opened.run("return deep('.bk-btn').map((button) => button.textContent)")
    assert opened.run("return [...document.images].every((image) => image.naturalWidth > 0)")


def test_page_is_no_wider_than_a_narrow_window(opened):
    opened.chrome.set_window_size(500, HEIGHT)
    try:
        opened.wait("return document.documentElement.scrollWidth <= window.innerWidth")
        opened.wait("return map.frame.bbox.width > 300 && map.frame.bbox.width < 500")
    finally:
        opened.chrome.set_window_size(WIDTH, HEIGHT)


def test_card_shows_the_image_its_class_and_the_answers(opened, run):
    result, _ = run
    points = np.array(opened.run("return [Array.from(source.data.x), Array.from(source.data.y)]")).T
    point = lonely_point(points)
    opened.point_at(point)
    opened.wait("return deep('.card').length > 0")
    ((image, text),) = opened.cards()
    assert image == opened.run("return source.data.image[arguments[0]]", point)
    row = embed_test_images(result).indices[point]
    assert image == data_uris(result.data.X_test[row : row + 1], budget=10**6)[0]
    lines = [line for line in text.split("\n") if line]
    assert lines[:2] == ["true class", str(result.y_true[row])]
    percents = [f"{round(100 * p)} %" for p in result.probabilities[row]]
    assert [line for line in lines if line.endswith(" %")] == percents
    names = [line for line in lines[2:] if line in NAMES]
    assert names == result.estimator.classes_.tolist()
    ticks = opened.run("return deep('.card .yes1').length")
    assert ticks == result.predicted[row].sum()


def test_filters_of_class_and_mistake(opened, run):
    result, _ = run
    points = np.array(opened.run("return [Array.from(source.data.x), Array.from(source.data.y)]")).T
    point = lonely_point(points)
    is_class = result.y_true[:, None] == result.estimator.classes_
    wrong = (result.predicted != is_class).any(axis=1)
    assert 0 < wrong.sum() < 160
    assert opened.shown() == "160 of 160 images"

    other = next(name for name in NAMES if name != result.y_true[embed_test_images(result).indices[point]])
    opened.press(other)
    n = (result.y_true == other).sum()
    assert opened.shown() == f"{n} of 160 images"
    opened.point_at(point)
    opened.press("with a wrong answer")
    assert opened.cards() == []
    assert opened.shown() == f"{((result.y_true == other) & wrong).sum()} of 160 images"

    opened.press(other)
    assert opened.shown() == f"{wrong.sum()} of 160 images"
    for kind, rows in (("own class missed", is_class & ~result.predicted), ("false yes", ~is_class & result.predicted)):
        opened.press(kind)
        assert opened.shown() == f"{rows.any(axis=1).sum()} of 160 images"
    opened.press("all images")
    opened.point_at(point)
    opened.wait("return deep('.card').length == 1")


def test_a_click_on_a_heading_sorts(opened, run):
    def column():
        return opened.run(
            """
            const top = (row) => row.getBoundingClientRect().top;
            const rows = deep(".slick-row").sort((a, b) => top(a) - top(b));
            return rows.map((row) => row.children[4].textContent);
            """
        )

    expected = [f"{100 * value:.1f}" for value in run[0].report.frame()["class_f1"]]
    assert column() == expected
    heading = opened.run("return deep('.slick-header-column').find((h) => h.textContent == 'class F1')")
    heading.click()
    assert column() == sorted(expected, key=float)
    heading.click()
    assert column() == sorted(expected, key=float, reverse=True)
