#!/usr/bin/env python3
"""The page of a real hz-collector beside a real hzd: a reload, a death and a return are seen, and nothing leaves the
machine. HZ_SHOTS=DIR: what it looks like meanwhile, as pictures."""
import os

from hz_cdp import Browser, Tab
from hz_collector import Collector
from hz_e2e import SERVER4, Process, Rig, expect, expect_equal, main, run, test, wait_until
from hz_fake_collector import busy_status

BEAT = "health/beat_timeout_ms=3000"  # a busy machine may stop a worker for long
SHOTS = os.environ.get("HZ_SHOTS")
world = {}


def visit():
    """(rig, tab): a page that is live while wrk asks."""
    if not world:
        here = world["rig"] = Rig()
        world["hzd"] = here.start(options=[BEAT])
        world["collector"] = Collector(here)
        world["load"] = Process("wrk", "-t1", "-c16", "-d600", f"http://{SERVER4}/", netns=here.client)
        world["tab"] = Tab(Browser(here.server), "http://127.0.0.1:9477/")
    return world["rig"], world["tab"]


def shot(name, width=1280, height=900, dark=False):
    if not SHOTS:
        return
    tab = world["tab"]
    tab.size(width, height)
    tab.media(dark)
    tab.js("new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 300))")
    tab.screenshot(os.path.join(SHOTS, name + ".png"), whole=True)
    tab.size(1280, 900)
    tab.media(False)


def wait_text(selector, part, timeout=15):
    wait_until(lambda: part in (world["tab"].text(selector) or ""), timeout,
               f"no {part!r} in {selector}: {world['tab'].text(selector)}", every=0.1)


@test
def page_beside_a_server_under_load_is_live():
    _, tab = visit()
    tab.wait("document.querySelector('#live').dataset.words === 'live'", "it is live")
    tab.wait("/[1-9]/.test(document.querySelector('#totals section:nth-child(2) .rate').innerText)",
             "answers per second")
    tab.wait("""(() => { const c = document.querySelector('#heat');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let vivid = 0;
        for (let i = 0; i < d.length; i += 4)
            vivid += Math.max(d[i], d[i + 1], d[i + 2]) - Math.min(d[i], d[i + 1], d[i + 2]) > 60;
        return vivid > 20; })()""", "answers in the heatmap")
    for selector, part in (("#facts", "ready"), ("#stages", "handler"), ("#verdicts", "steer"), ("#workers", "ready")):
        wait_text(selector, part)


@test
def status_of_the_collector_has_what_the_page_is_tested_with():
    visit()
    real, fake = world["collector"].status(), busy_status()
    expect_equal(sorted(set(fake) - set(real)), [], "members that only the fake has")
    expect("established" in real["connections"], f"connections {real['connections']}")
    for each in ("totals", "workers", "stages", "routes", "verdicts"):
        expect(real[each], f"no {each}")
        for row in real[each]:
            expect_equal(sorted(set(fake[each][0]) - set(row)), [], f"members that only the fake's {each} have")
    for each, name in (("totals", "name"), ("stages", "stage")):
        expect_equal([row[name] for row in real[each]], [row[name] for row in fake[each]], each)


@test
def reload_is_marked():
    here, _ = visit()
    here.ctl("reload")
    wait_text("#marks", "reload")
    shot("load-light")
    shot("load-dark", dark=True)
    shot("load-narrow", 400, 900)
    shot("load-wide", 2560, 1400)


@test
def death_of_hzd_is_unmistakable_and_its_return_is_seen():
    here, tab = visit()
    world["hzd"].kill()
    wait_text("#banner", "hzd is DOWN")
    expect(tab.js("document.title").startswith("DOWN"), "title")
    shot("down-light")
    shot("down-dark", dark=True)
    world["hzd"] = here.serve(options=[BEAT])
    tab.wait("document.querySelector('#banner').hidden", "no banner")
    wait_text("#marks", "restart")
    shot("restart-light")


@test
def collector_that_is_gone_is_stale_and_one_that_returns_is_live():
    here, tab = visit()
    world["collector"].kill()
    wait_text("#banner", "Stale since")
    shot("stale-light")
    world["collector"] = Collector(here)
    tab.wait("document.querySelector('#banner').hidden", "no banner", 20)
    wait_text("#live", "live")
    shot("again-dark", dark=True)


@test
def nothing_is_asked_of_others_and_the_console_is_clean():
    _, tab = visit()
    asked = tab.requests()
    expect(len(asked) > 8, f"only {asked}")
    expect_equal([url for url in asked if not url.startswith(("http://127.0.0.1:9477/", "data:"))], [],
                 "requests to others")
    # While the collector was gone the browser itself says so, of the one connection that is tried.
    complaints = [line for line in tab.complaints() if "net::ERR_" not in line or "/events" not in line]
    expect_equal(complaints, [], "console")


if __name__ == "__main__":
    main()
