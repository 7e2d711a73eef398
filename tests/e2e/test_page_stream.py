#!/usr/bin/env python3
"""The collector's page when its stream breaks, comes late or is not wanted, in a headless Chromium."""
from hz_cdp import Tab
from hz_e2e import expect, expect_equal, main, test, wait_until
from hz_fake_collector import FakeCollector
from hz_page import Visit, clock, expect_newest, place, read_cell


@test
def broken_stream_is_stale_then_live_again_with_the_gap_filled():
    with Visit() as (collector, tab, visit):
        shown = clock(collector.now)
        collector.broken |= {"/events", "/api/v1/status", "/api/v1/heatmap", "/api/v1/events"}
        collector.drop_streams()
        tab.wait("!document.querySelector('#banner').hidden", "a banner")
        expect(f"Stale since {shown}" in tab.text("#banner"), tab.text("#banner"))
        expect("stale" in tab.js("document.title"), "title")
        collector.now += 20
        collector.broken.clear()
        wait_until(lambda: collector.streams_opened == 2, 20, "it does not come back")
        visit.wait_history()
        visit.tick()
        expect_equal(tab.js("document.querySelector('#banner').hidden"), True, "banner when it is back")
        visit.hold()
        tab.key("h")
        tab.key("End")
        tab.key("ArrowLeft", shift=True)
        t, row, count, all_of = read_cell(tab.text("#tip"), collector)
        expect_equal((count, all_of), (collector.counts(t)[row], sum(collector.counts(t))), "a second it did not see")


@test
def stream_that_is_refused_is_said_and_figures_are_asked_for():
    with Visit() as (collector, tab, visit):
        collector.broken.add("/events")
        collector.drop_streams()
        tab.wait("document.querySelector('#banner').innerText.includes('refuses /events')", "a banner that says it")
        expect_equal(tab.text("#live").split(" ", 1)[1], "not live", "state")
        for generation in ("41", "42"):
            with collector.lock:
                collector.now += 1
                collector.status["generation"] = int(generation)
            tab.wait(f"document.querySelector('#facts').textContent.includes('generation{generation}')",
                     f"generation {generation}", 20)
        collector.status["is_alive"] = False
        tab.wait("document.querySelector('#banner').innerText.startsWith('hzd is DOWN')", "what matters more", 20)
        collector.status["is_alive"] = True
        collector.broken.clear()
        wait_until(lambda: collector.streams_opened == 2, 20, "it does not come back")
        visit.tick()
        tab.wait("document.querySelector('#banner').hidden && "
                 "document.querySelector('#live').innerText.includes('live')", "live again")


@test
def page_that_nobody_sees_holds_no_stream():
    with Visit() as (collector, tab, visit):
        hide = ("Object.defineProperty(document, 'hidden', {configurable: true, value: %s});"
                "document.dispatchEvent(new Event('visibilitychange'))")
        tab.js(hide % "true")
        wait_until(lambda: not still_read(collector), 15, "it still reads")
        expect_equal(collector.streams_opened, 1, "streams while hidden")
        collector.now += 30
        tab.js(hide % "false")
        wait_until(lambda: collector.streams_opened == 2, 15, "it does not come back")
        visit.wait_history()
        visit.tick()
        expect_equal(tab.js("document.querySelector('#banner').hidden"), True, "banner")
        expect_equal(tab.js("document.querySelector('#live').dataset.words"), "live", "state")


def still_read(collector):
    """Is there a stream? A write tells who is gone."""
    collector.send("nothing", {})
    return collector.streams


@test
def history_that_fails_first_loses_no_second_of_the_stream():
    """It is asked for again, and ends before the ticks that came meanwhile."""
    place.open()
    collector = FakeCollector(place.netns)
    collector.history_end = collector.now
    collector.broken.add("/api/v1/heatmap")
    tab = Tab(place.browser, collector.url)
    wait_until(lambda: collector.streams, 15, "the page opens no stream")
    collector.tick()
    collector.tick()
    tab.wait("document.querySelector('#heat-note').textContent.includes('HTTP 503')", "it says why")
    collector.broken.clear()

    def is_whole():
        """The page asks again with a tick, unless it waits for an answer: the last one of those told to fail."""
        if tab.js("document.querySelector('#heat-note').textContent === ''"):
            return True
        collector.tick()
        return False

    wait_until(is_whole, 15, "it asks again", every=0.5)
    collector.status["version"] = "0.1.last"
    collector.tick()
    tab.wait("document.querySelector('#facts').textContent.includes('0.1.last')", "the last tick is shown")
    expect_newest(tab, collector, 5)
    tab.close()
    collector.close()


@test
def seconds_that_no_tick_brought_are_asked_for():
    with Visit() as (collector, tab, visit):
        asked = len(collector.requests)
        collector.now += 7
        visit.tick()
        wait_until(lambda: any("heatmap" in path for path in collector.requests[asked:]), 5, "nothing is asked for")
        tab.wait("document.querySelector('main').ariaBusy === 'false'", "it has all of it")
        visit.hold()
        expect_newest(tab, collector, 11)
        tab.key("p")
        asked = len(collector.requests)
        visit.tick()
        expect_equal(len(collector.requests), asked, "requests when nothing is missing")


@test
def dead_hzd_is_unmistakable():
    with Visit() as (collector, tab, visit):
        collector.status.update(is_alive=False, state="ready")
        visit.tick()
        expect("DOWN" in tab.text("#banner"), tab.text("#banner"))
        expect(tab.js("document.title").startswith("DOWN"), "title")
        facts = tab.text("#facts").split("\n")
        expect_equal(facts[facts.index("state") + 1], "down", "state")
        collector.status["is_alive"] = True
        visit.tick()
        expect_equal(tab.js("document.querySelector('#banner').hidden"), True, "banner when it is alive again")


if __name__ == "__main__":
    main()
