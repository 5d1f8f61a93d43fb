"""A26 in a real browser: hostile text runs nowhere, and the pages work without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.integration.web.conftest import ALERT, HOSTILE_INDEX, TOKEN, Serve, Served
from tests.integration.web.test_access import status_of

CHROMIUM = Path("/usr/bin/chromium")
ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def served(serve_web: Serve) -> Served:
    return serve_web(TOKEN)


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A page that notes what should not happen: dialogs, errors, requests elsewhere, blocked content."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)
    wrong: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append("dialog"), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(served.url) else wrong.append(request.url))
    page.on("request", lambda request: wrong.append(request.url) if "stolen" in request.url else None)
    yield page
    assert wrong == []
    context.close()


def log_in(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/search")
    page.get_by_label("Your name").fill("ada")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Search the ledger").wait_for()


def test_hostile_text_runs_nowhere(page: Page, served: Served) -> None:
    log_in(page, served)
    for path in (
        f"/entries/{HOSTILE_INDEX}",
        "/alerts",
        f"/alerts/{ALERT}",
        "/search?limit=3",
        "/checkpoints",
        "/health",
    ):
        page.goto(served.url + path)
        page.wait_for_load_state("networkidle")
        assert page.title().endswith("Tokentrail")
        assert page.locator("script").count() == 0
        assert page.locator("img").count() == 0
    page.goto(f"{served.url}/alerts/{ALERT}")
    assert "<script>" in page.locator("main li").first.inner_text()


def test_an_analyst_finds_reads_and_decides(page: Page, served: Served) -> None:
    log_in(page, served)
    page.get_by_label("Event type").fill("Test")
    page.get_by_label("Purpose").fill("a complaint")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=str(HOSTILE_INDEX), exact=True).click()
    page.get_by_role("heading", name=f"Entry {HOSTILE_INDEX}: Test").wait_for()
    page.get_by_role("link", name="proof (c2sp.org/tlog-proof)").click()
    page.get_by_text("c2sp.org/tlog-proof@v1").wait_for()
    page.goto(f"{served.url}/alerts")
    page.get_by_role("link", name="high").click()
    page.get_by_label("Comment").fill("called the person")
    page.get_by_role("button", name="A real attack").click()
    page.get_by_text("confirmed").first.wait_for()
    assert status_of(served) == "confirmed"


def test_the_keyboard_alone_is_enough_to_log_in(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/login")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to content"
    page.keyboard.press("Tab")
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Search the ledger").wait_for()


@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_the_window(page: Page, served: Served, width: int) -> None:
    log_in(page, served)
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/search?limit=3", f"/entries/{HOSTILE_INDEX}", f"/alerts/{ALERT}", "/checkpoints"):
        page.goto(served.url + path)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, (path, over)
