#!/usr/bin/env python3
"""The page of a real hz-collector beside a real hzd: a reload, a death and a return are seen, and nothing leaves the
machine. HZ_SHOTS=DIR: what it looks like meanwhile, as pictures."""
import os

from hz_cdp import Browser, Tab
from hz_collector import Collector
from hz_e2e import SERVER4, Process, Rig, expect, expect_equal, main, run, test, wait_until
from hz_fake_collector import busy_status, slow_record

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
def shed_is_marked_its_flows_are_counted_and_its_slow_answers_are_explained():
    """A part of the new connections is reset, and every answer beyond a microsecond is a slow one."""
    here, tab = visit()
    here.ctl("set", "shed/mode=fixed", "shed/fixed_permille=500", "shed/verdict=reset", "telemetry/slow_us=1")
    wait_text("#marks", "500 of 1000")
    refused = 0
    for _ in range(60):
        try:
            here.http().get("/")
        except ConnectionError:
            refused += 1
    expect(0 < refused < 60, f"{refused} of 60 new connections were refused")
    tab.wait("/total\\s*[1-9]/.test(document.querySelector('#totals section:nth-child(3) dl').innerText)",
             "refused flows")
    wait_text("#verdicts", "shed_reset")
    wait_text("#worst", "worker 0")
    tab.click("#worst summary")
    wait_text("#worst", "handler")
    tab.js("document.querySelector('details.card').open = true")
    wait_text("#records", "state shed 0 -> 500")
    real = world["collector"].get("/api/v1/events?kind=slow&last=1")["events"][0]
    expect_equal(sorted(real), sorted(slow_record(1, 1, {})), "members of a slow record, and those of the fake")
    shot("shed-light")
    shot("shed-dark", dark=True)
    here.ctl("set", "shed/mode=off", "telemetry/slow_us=10000")
    wait_text("#marks", "all flows are taken")
    tab.js("document.querySelector('details.card').open = false")


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
    # While the collector was gone the browser itself says so, of the one connection that is tried; and of whatever
    # is asked of one that came back and has read nothing yet.
    complaints = [line for line in tab.complaints()
                  if "status of 503" not in line and ("net::ERR_" not in line or "/events" not in line)]
    expect_equal(complaints, [], "console")


if __name__ == "__main__":
    main()
