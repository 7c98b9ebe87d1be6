"""Looks at pages as people with and without assistive technology get them.

    accessibility.py BROWSER ADDRESS...

Each address is drawn by BROWSER (a Chromium) at the width of a phone and of a desktop, with axe-core's rules of WCAG 2.2 AA
and its best practices, and at 320 CSS pixels, where nothing may have to be scrolled sideways (WCAG 1.4.10): as it comes, and
with everything unfolded that it keeps folded. Nothing may be reported to the console, which is where a broken content
security policy tells, and nothing may be fetched from elsewhere. Where the environment variable HUYING_TEST_SCREENSHOTS
names a folder, what was seen is kept there, and what a printer would get.

axe-core is put into the page by the debugging protocol, where no policy of the page forbids it; the pages themselves have
no scripts. Prints what is wrong, a finding a line, and exits with 1 when there is anything.
"""

import os
import pathlib
import re
import sys
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import sync_playwright

AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
NARROWEST = {"width": 320, "height": 640}
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOAD_MS_MAX = 30_000
UNFOLD = """() => {
    const folded = [...document.querySelectorAll('details:not([open])')];
    for (const one of folded) one.open = true;
    return folded.length;
}"""


def violations(page):
    """What axe-core finds, a line each."""
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    for violation in found["violations"]:
        nodes = violation["nodes"]
        where = "; ".join(" ".join(map(str, node["target"])) for node in nodes[:3])
        why = nodes[0].get("failureSummary", "").replace("\n", " ")
        yield f"{violation['id']} ({violation['impact']}), {len(nodes)} times: {where}: {why}"


def sideways(page):
    """What sticks out to the right of a page that is not to be scrolled."""
    return page.evaluate(
        """() => {
            const root = document.documentElement;
            if (root.scrollWidth <= root.clientWidth) return null;
            const out = [...document.querySelectorAll('body *')]
                .filter(one => !one.closest('.scroll') && one.getBoundingClientRect().right > root.clientWidth + 1)
                .map(one => one.tagName.toLowerCase() + '.' + (one.getAttribute('class') || ''));
            return `${root.scrollWidth - root.clientWidth} pixels too wide: ${out.slice(0, 5).join(', ')}`;
        }"""
    )


def look(browser, address):
    """Opens an address and yields what is wrong with it, and at which width."""
    context = browser.new_context(viewport=PHONE, locale="zh-CN")
    page = context.new_page()
    told = []
    # That a page of an error is one is told to the console, too, and is no fault.
    page.on(
        "console",
        lambda message: message.location.get("url") == address
        and message.text.startswith("Failed to load resource")
        or told.append(f"console: {message.text}"),
    )
    page.on("pageerror", lambda error: told.append(f"script: {error}"))
    own = urlsplit(address).netloc
    page.on(
        "request",
        lambda request: urlsplit(request.url).netloc == own or told.append(f"fetched from elsewhere: {request.url}"),
    )
    response = page.goto(address, timeout=LOAD_MS_MAX, wait_until="load")
    if response is None or response.status >= 500:
        told.append(f"no page: {response and response.status}")
    # What axe-core itself does from here on is no fault of the page.
    yield from list(told)
    page.evaluate(AXE)
    for unfolded in (False, True):
        # What is folded is not drawn, and what is not drawn is not looked at.
        if unfolded and not page.evaluate(UNFOLD):
            break
        for size in (PHONE, DESKTOP, NARROWEST):
            page.set_viewport_size(size)
            where = f"at {size['width']}" + (", unfolded" if unfolded else "")
            wide = sideways(page)
            if wide:
                yield f"{where}: {wide}"
            if size != NARROWEST:
                for violation in violations(page):
                    yield f"{where}: {violation}"
                if not unfolded:
                    keep(page, address, size)
    context.close()


def keep(page, address, size):
    """Keeps what is seen, where somebody wants to see it."""
    folder = os.environ.get("HUYING_TEST_SCREENSHOTS")
    if folder:
        name = re.sub(r"[^0-9A-Za-z]+", "_", address.removeprefix("http://"))
        page.screenshot(path=f"{folder}/{name}-{size['width']}.png", full_page=True)
        if size == DESKTOP:
            page.pdf(path=f"{folder}/{name}.pdf", format="A4", prefer_css_page_size=True)


def main(executable, addresses):
    wrong = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        for address in addresses:
            for finding in look(browser, address):
                wrong += 1
                print(f"{address}: {finding}")
        browser.close()
    print(f"{len(addresses)} pages looked at, {wrong} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
