#!/usr/bin/env python3
"""The collector's page in a headless Chromium, against a collector that says what it is told: figures, heatmap,
keyboard, hostile names, and nothing that leaves the machine."""
import base64
import hashlib
import re
import time

from hz_e2e import expect, expect_equal, main, test, wait_until
from hz_fake_collector import PAGE, ROWS, START_UNIX, empty_status, row_of, slow_record
from hz_page import GAP, THIN, Visit, clock, grouped, heat_box, place, read_cell

PAGE_BYTES_MAX = 65_536
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@test
def page_within_its_size_names_the_hashes_of_its_policy():
    with open(PAGE, "rb") as file:
        page = file.read()
    expect(len(page) <= PAGE_BYTES_MAX, f"{len(page)} bytes, at most {PAGE_BYTES_MAX}")
    policy = re.search(rb'Content-Security-Policy" content="([^"]*)"', page).group(1).decode()
    for tag in (b"style", b"script"):
        found = re.findall(rb"<%s>(.*?)</%s>" % (tag, tag), page, re.S)
        expect_equal(len(found), 1, f"elements {tag.decode()}")
        want = "sha256-" + base64.b64encode(hashlib.sha256(found[0]).digest()).decode()
        expect(f"{tag.decode()}-src '{want}'" in policy, f"{tag.decode()}-src '{want}' is not in the policy")
    expect("default-src 'none'" in policy, "what is not named is not forbidden")


@test
def live_page_shows_the_figures_of_the_collector():
    with Visit() as (_, tab, _visit):
        served = tab.text("#totals section:nth-child(2)").replace("\n", " ")
        for figure in (f"1{THIN}421{THIN}990", f"244.9{GAP}G", f"8.0{GAP}us", f"41{GAP}us", f"641{GAP}us"):
            expect(figure in served, f"{figure} is not in {served!r}")
        for text, selector in (("handler", "#stages"), ("orders", "#routes"), ("health_200", "#verdicts"),
                               ("ready", "#workers"), ("4" + THIN + "096", "#facts"), ("live", "#live")):
            expect(text in tab.text(selector), f"{text} is not in {selector}: {tab.text(selector)}")
        upstream = tab.js("[...document.querySelectorAll('#stages tbody tr')].map(r => r.innerText)"
                          ".find(t => t.startsWith('upstream'))")
        expect("not measured" in upstream and "0" not in upstream, f"a stage nobody measured: {upstream}")
        expect("last 14 s" in tab.text("#routes"), f"no window: {tab.text('#routes')}")
        expect("-" in upstream and "ns" not in upstream and "us" not in upstream,
               f"a stage nobody measured has percentiles: {upstream}")


@test
def unknown_figures_show_a_dash_and_no_zero():
    def change(collector):
        collector.status, collector.counts = empty_status(), lambda t: None

    with Visit(change) as (_, tab, _visit):
        tab.wait("document.querySelector('#live').innerText.includes('live')", "it is live")
        expect_equal(re.findall(r"\d+", tab.text("#totals").replace("p50", "").replace("p99.9", "").replace("p99", "")),
                     [], "numbers in totals of which nothing is known")
        facts = tab.text("#facts").split("\n")
        expect_equal([facts[facts.index(name) + 1] for name in ("state", "up", "connections", "shed", "events lost")],
                     ["-"] * 5, "facts")
        expect_equal(tab.js("document.querySelector('#banner').hidden"), True, "no banner: not alive is not known")
        expect_equal(tab.complaints(), [], "console")


@test
def hovered_cell_says_what_the_collector_sent():
    def change(collector):
        def counts(t):
            counts = [0] * ROWS
            counts[row_of(5000)] = 1000 + t % 60
            counts[row_of(3_000_000)] = t % 7
            return counts
        collector.counts = counts

    with Visit(change) as (collector, tab, visit):
        visit.hold()
        x, y, w, h = heat_box(tab)
        seen = set()
        for at in range(12, 96, 7):
            for down in (range(8, 90, 2) if at == 54 else (30, 60)):
                tab.move(x + w * at / 100, y + h * down / 100)
                text = tab.text("#tip")
                if not text or tab.js("document.querySelector('#tip').hidden"):
                    continue
                t, row, count, all_of = read_cell(text, collector)
                expect_equal((count, all_of), (collector.counts(t)[row], sum(collector.counts(t))),
                             f"{clock(t)} row {row}")
                # The pointer's pixel has a colour of the scale where the cell has answers, else none.
                vivid = tab.js(f"""(() => {{ const c = document.querySelector('#heat'), r = devicePixelRatio;
                    const p = c.getContext('2d').getImageData({w * at / 100} * r, {h * down / 100} * r, 1, 1).data;
                    return Math.max(p[0], p[1], p[2]) - Math.min(p[0], p[1], p[2]) > 60; }})()""")
                expect_equal(vivid, count > 0, f"colour of {clock(t)} row {row} with {count} answers")
                share = (t - (collector.now - 120)) / 120
                expect(abs(at / 100 - (0.05 + 0.945 * share)) < 0.05, f"{clock(t)} is hovered at {at} % of the width")
                seen.add((at, row))
        rows = sorted({row for at, row in seen if at == 54})
        expect(len(rows) > 20 and row_of(5000) in rows and row_of(3_000_000) in rows, f"rows {rows} were hovered")


@test
def canvas_with_answers_is_not_blank_and_hatched_where_data_is_missing():
    def change(collector):
        def counts(t):
            if START_UNIX - 60 <= t < START_UNIX - 30:
                return None
            return [100 if row == row_of(8000) else 0 for row in range(ROWS)]
        collector.counts = counts

    with Visit(change) as (_, tab, _visit):
        # At three places, 30 pixels wide: how many pixels have a saturated colour, and in how many columns 20
        # differ from the first: lines of the grid are one or none of them, hatching is all.
        share = tab.js("""(() => {
            const c = document.querySelector('#heat'), d = c.getContext('2d').getImageData(0, 30, c.width, c.height - 80);
            return [0.2, 0.6, 0.9].map((at) => { let vivid = 0, base = null; const other = Array(30).fill(0);
                for (let y = 0; y < d.height; y++) for (let x = 0; x < 30; x++) {
                    const i = 4 * (y * d.width + Math.floor(at * d.width) + x), p = d.data.subarray(i, i + 3);
                    base ??= [...p];
                    vivid += Math.max(...p) - Math.min(...p) > 60;
                    other[x] += Math.max(...p.map((v, j) => Math.abs(v - base[j]))) > 8; }
                return [vivid, other.filter((n) => n >= 20).length]; }); })()""")
        (vivid, _), (vivid_missing, hatched), (vivid_last, _) = share
        expect(vivid > 100 and vivid_last > 100, f"no colour where answers are: {share}")
        expect(vivid_missing == 0 and hatched == 30, f"not hatched where nothing is known: {share}")


@test
def keyboard_alone_reads_cells_and_switches_ranges():
    with Visit() as (collector, tab, visit):
        visit.hold()
        tab.key("h")
        expect_equal(tab.js("document.activeElement.id"), "heat", "focus after h")
        tab.key("End")
        tab.key("m")
        t, row, count, _ = read_cell(tab.text("#tip"), collector)
        highest = max(row for row in range(ROWS) if collector.counts(t)[row])
        expect_equal((t, row, count), (collector.now - 1, highest, collector.counts(t)[highest]), "the newest, slowest")
        tab.key("ArrowLeft", shift=True)
        tab.key("ArrowDown")
        after = read_cell(tab.text("#tip"), collector)
        expect_equal(after[:3], (t - 10, row - 1, collector.counts(t - 10)[row - 1]), "ten earlier, one lower")
        expect(grouped(after[2]) in tab.js("document.querySelector('#cell').textContent"), "nothing is announced")
        tab.key("Escape")
        expect_equal(tab.js("document.querySelector('#tip').hidden"), True, "the tip after Escape")
        tab.key("4")
        wait_until(lambda: any("last=86400" in path for path in collector.requests), 10, "the day is not asked for")
        expect_equal(tab.text("#ranges [aria-pressed=true]"), "24 h", "range")
        tab.key("?")
        expect_equal(tab.js("document.querySelector('dialog').open"), True, "the list of keys")
        tab.key("Escape")
        tab.key("t")
        expect_equal(tab.js("document.documentElement.dataset.theme"), "dark", "theme after t")


@test
def day_after_an_hour_of_ticks_counts_every_answer_once():
    def change(collector):
        counts = [0] * ROWS
        counts[row_of(8000)] = 7
        collector.counts = lambda t: counts

    with Visit(change) as (collector, tab, visit):
        tab.key("4")
        wait_until(lambda: any("last=86400" in path for path in collector.requests), 10, "the day is not asked for")
        for _ in range(3):
            visit.tick()
        visit.hold()
        tab.key("h")
        tab.key("End")
        for back in range(3):
            tab.key("m")
            text = tab.text("#tip").split("\n")
            first, last = text[0].split(" – ")
            start = next(t for t in range(collector.now, collector.now - 4000, -1) if clock(t) == first)
            width = (int(last[3:5]) - int(first[3:5])) % 60 * 60
            expect(text[2].startswith(f"{grouped(7 * (min(start + width, collector.now) - start))} of "),
                   f"{back} back: {text}")
            expect_equal(text[2].split("(")[1], f"100{GAP}%)", "part of all")
            tab.key("ArrowLeft")


@test
def weeks_are_offered_as_far_as_the_history_goes_and_asked_for_again():
    with Visit() as (collector, tab, visit):
        shown = "[...document.querySelectorAll('#ranges button')].filter((b) => !b.hidden).map((b) => b.textContent)"
        expect_equal(tab.js(shown), ["2 min", "10 min", "1 h", "24 h"], "ranges without a history")
        tab.key("5")
        visit.tick()
        expect_equal(tab.text("#ranges [aria-pressed=true]"), "2 min", "a range that is not offered")
        collector.status["history_s"] = 3 * 86400
        visit.tick()
        expect_equal(tab.js(shown)[-1], "7 d", "the widest range of three days")
        collector.status["history_s"] = 20 * 86400
        visit.tick()
        tab.key("6")
        wait_until(lambda: any("last=2592000" in path for path in collector.requests), 10, "a month is not asked for")
        wait_until(lambda: tab.js("!document.querySelector('main').ariaBusy || "
                                  "document.querySelector('main').ariaBusy === 'false'"), 10, "not drawn")
        visit.tick()
        visit.hold()
        tab.key("h")
        tab.key("End")
        tab.key("m")
        when = time.strftime("%m-%d ", time.localtime(collector.now - 3600))
        expect(tab.text("#tip").startswith((when, time.strftime("%m-%d ", time.localtime(collector.now)))),
               f"no date: {tab.text('#tip')}")


@test
def hostile_names_stay_text():
    def change(collector):
        name = HOSTILE + "\u202e\u0007"
        collector.status["instance"] = name
        collector.status["routes"][0]["name"] = collector.status["verdicts"][0]["reason"] = name
        collector.status["workers"][0]["state"] = collector.status["state"] = name
        collector.marks.append({"t": collector.now - 10, "kind": name, "text": name})
        collector.slow.append(slow_record(1, collector.now - 5, {"handler": 10**7}, path=name, route=name, method=name,
                                          trace_id=name, span_id=name))
        collector.records += [{"kind": "shed", "time_ns": 1, "prefix": name, "reason": name, "count": name},
                              {"kind": "drop", "time_ns": 2, "reason": name, "data": name, "frames": name},
                              {"kind": "state", "time_ns": 3, "what": name, "name": name, "before": name, "now": name}]

    with Visit(change) as (collector, tab, _visit):
        tab.click("#worst summary")
        tab.click("details.card > summary")
        tab.wait("document.querySelectorAll('#records li').length === 3", "the records are shown")
        expect("<script>" in tab.text("#routes") and "<script>" in tab.text("#worst"), "the name is not shown")
        expect_equal(tab.js("document.querySelectorAll('script').length + document.images.length"), 1, "scripts, images")
        expect(not tab.js("/[\\u202e\\u0007]/.test(document.body.innerText)"), "it turns the direction of writing")
        expect(not tab.js("document.title").startswith("owned"), "it ran")
        expect_equal(tab.complaints(), [], "console")


@test
def records_are_told_in_words_newest_first():
    def change(collector):
        at = {"time_unix_ms": collector.now * 1000, "sequence": 1}
        collector.records += [
            {"kind": "shed", "time_ns": 1, "prefix": "10.7.3.0/24", "reason": "shed_syn", "count": 1, "span_ns": 0,
             **at},
            {"kind": "shed", "time_ns": 2, "prefix": None, "reason": "shed_syn", "count": 2118, "span_ns": 10**9,
             **at},
            {"kind": "drop", "time_ns": 3, "reason": "bad_ip_header", "frame_bytes": 60, "frames": 3, "data": "45ff",
             **at},
            {"kind": "state", "time_ns": 4, "what": "worker", "worker": 1, "name": None, "before": "ready",
             "now": "draining", **at},
            {"kind": "state", "time_ns": 5, "what": "xdp", "name": "eth1", "before": 1, "now": 0, **at},
            {"kind": "constructor", "time_ns": 6, **at}]

    with Visit(change) as (collector, tab, _visit):
        tab.click("details.card > summary")
        tab.wait("document.querySelectorAll('#records li').length === 5", "the records are shown")
        shown = tab.js("[...document.querySelectorAll('#records li')].map(li => li.textContent)")
        head = tab.text("#records li")[:8]
        expect_equal([line.replace(THIN, " ").replace(GAP, " ") for line in shown],
                     [f"{head}  state  xdp eth1  1 -> 0",
                      f"{head}  state  worker 1  ready -> draining",
                      f"{head}  drop  bad_ip_header  60 bytes, and 2 more like it  45ff",
                      f"{head}  shed  other sources  2 118 new flows  shed_syn  (1.0 s summary)",
                      f"{head}  shed  10.7.3.0/24  1 new flows  shed_syn  (the first one)"], "records")


@test
def worst_answer_opened_stays_open_and_its_trace_id_can_be_copied():
    def change(collector):
        collector.slow += [slow_record(i, collector.now - 30, {"queue": 512_000, "handler": 10_000 * i, "tx": 2000})
                           for i in range(1, 30)]

    with Visit(change) as (collector, tab, visit):
        tab.wait("document.querySelectorAll('#worst .what').length === 12", "what was is shown")
        rows = tab.js("[...document.querySelectorAll('#worst .what')].map(n => n.textContent)")
        expect_equal([row.split()[1] for row in rows], [f"/users/{i}," for i in range(29, 17, -1)], "the worst first")
        tab.key("w")
        tab.key("Enter")
        tab.wait("document.querySelector('#worst details[open] code')", "it opens")
        expect_equal(tab.text("#worst code"), collector.slow[-1]["trace_id"], "trace id")
        collector.add_slow(slow_record(99, collector.now, {"handler": 10**8}))
        visit.tick()
        tab.wait("document.querySelector('#worst .what').textContent.includes('/users/99')", "a worse one comes first")
        expect_equal(tab.js("document.querySelectorAll('#worst details[open]').length"), 1, "still open")
        expect_equal(tab.js("document.activeElement.tagName"), "SUMMARY", "focus")
        place.browser.call("Browser.grantPermissions", browserContextId=tab.context,
                           permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        tab.call("Page.bringToFront")
        tab.click("#worst button")
        tab.wait("document.querySelector('#worst button').textContent === 'Copied'", "copied")
        expect_equal(tab.js("navigator.clipboard.readText()"), collector.slow[-2]["trace_id"], "clipboard")


@test
def narrow_window_with_huge_values_has_no_horizontal_scroll():
    def change(collector):
        status = collector.status
        status.update(instance="n" * 60, events_lost=2**63)
        for row in status["totals"]:
            row.update(per_s=9.9e14, total=2**64, p50_ns=17e9, p99_ns=68e9, p999_ns=68e9, max_ns=1e13)
        status["routes"] += [{"name": HOSTILE, "requests": 2**63, "per_s": 1e9, "errors": 2**40, "p50_ns": 1e10,
                              "p99_ns": 6e10}] * 300
        collector.marks.append({"t": collector.now - 10, "kind": "reload", "text": "w" * 200})

    with Visit(change, width=360, height=700) as (_, tab, _visit):
        for width in (360, 400, 1280, 3840):
            tab.size(width, 900)
            tab.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            expect_equal(tab.js("document.documentElement.scrollWidth"), width, f"width of the document at {width}")
        expect("of 304" in tab.text("#routes"), "routes that are not shown are not counted")
        expect_equal(tab.complaints(), [], "console")


@test
def nothing_asked_for_leaves_loopback_and_the_console_is_clean():
    with Visit() as (collector, tab, visit):
        for key in "2341":
            tab.key(key)
        visit.tick(marks=[{"t": collector.now, "kind": "reload", "text": "generation 8"}])
        wait_until(lambda: "reload" in tab.text("#marks"), 5, "the mark is not listed")
        asked = tab.requests()
        expect(len(asked) > 8, f"only {asked}")
        elsewhere = [url for url in asked if not url.startswith((collector.url, "data:"))]
        expect_equal(elsewhere, [], "requests to others")
        expect_equal(place.frames_out(), 0, "frames that left the namespace's loopback")
        expect_equal(tab.complaints(), [], "console")


if __name__ == "__main__":
    main()
