#!/usr/bin/env python3
"""Lists of sources and the limit per source: refused in the kernel, exchanged by a reload, and nothing of the
kernel's own traffic is touched."""
import json
import os
import socket
import tempfile
import time

from hz_bystander import Bystander
from hz_e2e import (CLIENT4, CLIENT6, PATIENT, PORT, SERVER4, SERVER6, Rig, expect, expect_equal, inside,
                    main, note, run, steady, test, wait_until)

OTHER4, OTHER6 = "10.7.0.9", "fd07::9"  # the client's second addresses
CLOSED_S = 0.6  # of no answer, and the drop is counted: a SYN is sent again after 1 s
SERVED_S = 5  # until an answer that must come
rigs = {}


def site_write(sources, route=""):
    with open(rigs["site"], "w", encoding="ascii") as file:
        file.write(f"""listen:
  - {{ interface: eth1, address: {SERVER4}, port: {PORT} }}
  - {{ interface: eth1, address: "{SERVER6}", port: {PORT} }}
health: [ {{ port: 8081 }} ]
{sources}
routes:
  - {{ match: GET /, respond: {{ body: "Hello, World!" }} }}
{route}
""")


def list_write(name, text):
    with open(os.path.join(os.path.dirname(rigs["site"]), name), "w", encoding="ascii") as file:
        file.write(text)


def rig():
    if "rig" not in rigs:
        here = rigs["rig"] = Rig()
        folder = rigs["folder"] = tempfile.TemporaryDirectory()
        rigs["site"] = os.path.join(folder.name, "site.yaml")
        for address in (OTHER4 + "/24", OTHER6 + "/64"):
            run("ip", "-n", here.client, "address", "add", address, "dev", "eth0",
                *(["nodad"] if ":" in address else []))
        run("nsenter", f"--net=/run/netns/{here.client}", "ping", "-c", "1", "-W", "2", SERVER6)
    return rigs["rig"]


def serving(sources="", options=()):
    """hzd with these lists, attached by its site."""
    here = rig()
    if "hzd" in rigs:
        rigs.pop("hzd").end()
    site_write(sources)
    here.ctl("xdp", "attach", "dev", "eth1", "site", rigs["site"], "ensure")
    rigs["hzd"] = here.serve(site=rigs["site"], listens=[], options=[PATIENT, *options])
    return here


def socket_of(source):
    """One of this address of the client, and whom it talks to."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with inside(rigs["rig"].client):
        sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind((source, 0))
    return sock, (SERVER6 if ":" in source else SERVER4, PORT)


def connect(source, timeout=SERVED_S):
    sock, server = socket_of(source)
    sock.settimeout(timeout)
    try:
        sock.connect(server)
    except OSError:
        sock.close()
        raise
    return sock


def answers(sock, wait=SERVED_S):
    sock.settimeout(wait)
    try:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return b"Hello, World!" in sock.recv(4096)
    except TimeoutError:
        return False


def expect_denied(source, what):
    """Nothing comes back, and that is the lists' doing."""
    before = rigs["rig"].verdicts()
    try:
        connect(source, CLOSED_S).close()
    except TimeoutError:
        wait_until(lambda: gained(before, "drop_deny") >= 1, SERVED_S, f"{what}: {source} is silent, not denied")
        return
    raise AssertionError(f"{what}: {source} is let in")


def expect_served(wanted, what):
    """Of the client's addresses these, and the others are denied."""
    for source in (CLIENT4, OTHER4, CLIENT6, OTHER6):
        if source not in wanted:
            expect_denied(source, what)
            continue
        try:
            with connect(source) as sock:
                expect(answers(sock), f"{what}: {source} gets no answer")
        except OSError as error:
            raise AssertionError(f"{what}: {source}: {error}") from None


def gained(before, name):
    return rigs["rig"].verdicts()[name] - before[name]


@test
def denied_sources_get_nothing_and_others_are_served():
    here = serving(f'sources: {{ deny: [{OTHER4}, "{OTHER6}/128"] }}')
    before = here.verdicts()
    expect_served([CLIENT4, CLIENT6], "served")
    expect(gained(before, "drop_deny") >= 2, "drops are not counted")
    shown = here.ctl_json("shed", "show")
    expect_equal(shown["lists"]["ipv4"], {"deny": 1, "allow": 0, "probe": 0}, "IPv4 lists")
    expect_equal(shown["lists"]["ipv6"], {"deny": 1, "allow": 0, "probe": 0}, "IPv6 lists")
    expect_equal(shown["refused"]["denied"], here.verdicts()["drop_deny"], "refused")
    said = here.ctl_json("xdp", "explain", "flow", "tcp", f"{OTHER4}:4000", f"{SERVER4}:{PORT}")
    expect("drop_deny" in json.dumps(said) and
           f"{OTHER4} is in {OTHER4}/32, which is on the deny list" in json.dumps(said), f"explained: {said}")
    text = here.ctl("shed", "show").stdout
    expect("IPv4      deny 1  allow 0  probe 0" in text, f"text: {text!r}")


@test
def longest_prefix_wins_and_a_reload_exchanges_both_families():
    here = serving('sources: { deny: [10.7.0.0/24, "fd07::/64"], '
                   f'allow: [{OTHER4}, "{OTHER6}"] }}')
    expect_served([OTHER4, OTHER6], "with exceptions")
    site_write(f'sources: {{ deny: [{OTHER4}, "{OTHER6}"] }}')
    checked = here.ctl("conf", "check", rigs["site"]).stdout
    expect("sources 2 to deny, 0 to allow, 0 that probe" in checked, f"checked: {checked!r}")
    said = here.ctl("reload").stdout
    expect("~ sources    2 prefixes" in said, f"changes: {said!r}")
    expect_served([CLIENT4, CLIENT6], "after a reload")
    site_write("")
    here.ctl("reload")
    expect_served([CLIENT4, OTHER4, CLIENT6, OTHER6], "after a reload without lists")


@test
def list_file_is_read_at_reload_and_a_wrong_one_changes_nothing():
    list_name = "deny.txt"
    rig()
    list_write(list_name, f"# feed\n{OTHER4}/32 # one\n\n{OTHER6}\n")
    here = serving(f"sources: {{ deny_file: {list_name} }}")
    expect_served([CLIENT4, CLIENT6], "served")
    list_write(list_name, f"{CLIENT4}\n10.7.0.1/24\n")
    done = here.ctl("reload", check=False)
    expect_equal(done.returncode, 2, f"exit of a reload with a wrong list: {done.stderr!r}")
    for wanted in (f"{list_name}:2:1: error: '10.7.0.1/24' is no prefix", "2 | 10.7.0.1/24",
                   "| ^~~~~~~~~~~"):
        expect(wanted in done.stderr, f"{wanted!r} is not in {done.stderr!r}")
    expect_served([CLIENT4, CLIENT6], "after a reload that failed")
    list_write(list_name, f"{CLIENT4}\n{CLIENT6}\n")
    here.ctl("reload")
    expect_served([OTHER4, OTHER6], "after a reload of the file")


@test
def lists_of_a_site_that_cannot_be_built_never_count():
    here = serving(f"sources: {{ deny: [{OTHER4}] }}")
    site_write(f'sources: {{ deny: [{CLIENT4}, "{CLIENT6}"] }}',
               "  - { match: GET /static/*path, files: /nonexistent/hz }")
    for _ in range(2):  # the second one finds no lock of the first
        started = time.monotonic()
        done = here.ctl("reload", check=False)
        expect(done.returncode != 0, "a site without its files was taken")
        expect("sources" not in done.stderr and time.monotonic() - started < 3,
               f"not for its files: {done.stderr!r}")
    expect_served([CLIENT4, CLIENT6, OTHER6], "served")
    site_write("")
    started = time.monotonic()  # an attach writes them too, and waits for who does
    here.ctl("xdp", "attach", "dev", "eth1", "site", rigs["site"], "ensure")
    expect(time.monotonic() - started < 3, "the failed reload still holds the lists")
    expect_served([CLIENT4, OTHER4, CLIENT6, OTHER6], "after an attach without lists")


def received(here):
    return sum(int(worker["rx_packets"]) for worker in here.workers())


@test
def lists_that_cannot_count_fail_the_reload_and_the_start():
    here = Rig("f")
    folder = tempfile.TemporaryDirectory()
    site = os.path.join(folder.name, "site.yaml")

    def write(deny, body):
        with open(site, "w", encoding="ascii") as file:
            file.write(f"listen: [ {{ interface: eth1, address: {SERVER4}, port: {PORT} }} ]\n"
                       f"sources: {{ deny: [{deny}] }}\n"
                       f"routes: [ {{ match: GET /, respond: {{ body: {body} }} }} ]\n")

    write(OTHER4, "old")
    here.ctl("xdp", "attach", "dev", "eth1", "site", site)
    hzd = here.serve(site=site, listens=[])
    run("bpftool", "map", "freeze", "pinned", f"/sys/fs/bpf/hz-{here.name}/acl")  # flips fail from now on
    write("10.99.0.0/16", "new")
    for _ in range(2):
        done = here.ctl("reload", check=False)
        expect_equal(done.returncode, 1, f"exit of a reload whose lists cannot count: {done.stderr!r}")
        expect("map acl: Operation not permitted" in done.stderr, f"why: {done.stderr!r}")
        expect("was not touched (generation 1)" in done.stderr, f"what: {done.stderr!r}")
    expect_equal(here.ctl_json("status")["generation"], 1, "generation")
    http = here.http()
    expect_equal(http.get("/")[2], b"old", "the site that answers")
    http.close()
    expect_equal(here.ctl_json("shed", "show")["lists"]["ipv4"]["deny"], 1, "lists")
    hzd.end()
    hzd = here.serve(site=site, listens=[], ready=False)
    expect_equal(hzd.wait(10), 6, "exit code of a start whose lists cannot count")


@test
def deny_cuts_an_open_connection_and_its_end_brings_it_back():
    here = serving()
    with connect(OTHER4) as open_one, connect(CLIENT4) as other:
        expect(answers(open_one) and answers(other), "not served")
        site_write(f"sources: {{ deny: [{OTHER4}] }}")
        here.ctl("reload")
        verdicts, before = here.verdicts(), steady(lambda: received(here))
        expect(not answers(open_one, CLOSED_S), "a denied source's open connection is served")
        wait_until(lambda: gained(verdicts, "drop_deny") >= 1, SERVED_S, "its request was not denied")
        expect_equal(steady(lambda: received(here)) - before, 0, "frames that reached the worker")
        expect(answers(other), "another one's is not")
        site_write("")
        here.ctl("reload")
        open_one.settimeout(15)  # of waits that double
        expect(b"Hello, World!" in open_one.recv(4096), "the retransmission was not answered")


@test
def lists_hold_while_no_server_runs():
    here = serving(f'sources: {{ deny: [{OTHER4}] }}')
    rigs.pop("hzd").kill()
    expect_denied(OTHER4, "without a server")
    shown = json.loads(here.ctl("-j", "shed", "show").stdout)
    expect_equal(shown["lists"]["ipv4"]["deny"], 1, "shown without a server")


def is_connected(sock):
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def burst(source, count, is_settled):
    """So many connections at once; how many of them were let in, once is_settled(that)."""
    socks = []
    for _ in range(count):
        sock, server = socket_of(source)
        sock.setblocking(False)
        sock.connect_ex(server)
        socks.append(sock)
    try:
        wait_until(lambda: is_settled(sum(map(is_connected, socks))), SERVED_S,
                   f"{sum(map(is_connected, socks))} of {count} of {source} let in, others not refused")
        return sum(map(is_connected, socks))
    finally:
        for sock in socks:
            sock.close()


@test
def source_beyond_its_burst_is_refused_and_others_are_not():
    here = serving("sources: { allow: [%s], probe: [\"%s\"] }" % (CLIENT4, CLIENT6),
                   options=["shed/source_rate=1", "shed/source_burst=10",
                            "shed/mode=off"])  # which pressure of a busy machine would refuse
    before, started = here.verdicts(), time.monotonic()
    with connect(OTHER4) as open_one:
        let_in = 1 + burst(OTHER4, 40, lambda n: n + gained(before, "drop_source_rate") >= 40)
        took = time.monotonic() - started
        note(f"{let_in} of 41 connections came in with a burst of 10 and 1/s in {took:.1f} s")
        expect(10 <= let_in <= 10 + int(took) + 1, f"{let_in} came in within {took:.1f} s")
        expect(answers(open_one), "an open connection of the same source is not served")
        for source in (CLIENT4, CLIENT6):  # allowed, and a prober
            burst(source, 40, lambda n: n == 40)
    refused = gained(before, "drop_source_rate")
    expect(refused >= 41 - let_in, f"{refused} refused, {let_in} let in")
    shown = here.ctl_json("shed", "sources", "top", "3")
    expect_equal([s["addr"] for s in shown["sources"]], [OTHER4], "worst sources")
    expect(shown["sources"][0]["refused"] == refused and shown["sources"][0]["bits"] == 32,
           f"{shown['sources'][0]} of {refused}")
    shown = here.ctl_json("shed", "show")
    expect_equal((shown["source"]["rate_per_s"], shown["source"]["burst"]), (1, 10), "limit shown")
    text = here.ctl("shed", "sources").stdout
    expect(f"{OTHER4}/32" in text and "ago" in text, f"text: {text!r}")


@test
def kernels_traffic_is_untouched_by_lists_and_limits():
    here = serving('sources: { deny: [0.0.0.0/0, "::/0"] }',
                   options=["shed/source_rate=1", "shed/source_burst=1"])
    before = here.verdicts()
    with Bystander(here) as other:
        for source in (CLIENT4, CLIENT6):
            expect_denied(source, "beside the kernel's traffic")
        for _ in range(3):
            here.ctl("reload")
        other.wait()
    expect(gained(before, "drop_deny") >= 2, "nothing was denied")


def generation(here):
    """0: no answer, hzd is busy."""
    done = here.ctl("-j", "status", check=False)
    return json.loads(done.stdout).get("generation", 0) if done.returncode == 0 else 0


def reload_and_wait(here):
    """On a busy machine it takes longer than hzctl waits, which then ends with 6."""
    before = generation(here)
    done = here.ctl("reload", check=False)
    expect(done.returncode in (0, 6), f"exit {done.returncode}: {done.stderr!r}")
    wait_until(lambda: generation(here) > before, 30, f"no other generation than {before}", 0.2)


@test
def hundred_thousand_prefixes_are_reloaded():
    rig()
    list_write("many.txt", "".join(f"100.{i >> 16}.{i >> 8 & 255}.{i & 255}\n"
                                   f"2001:db8:{i >> 8:x}:{i & 255:x}::/64\n"
                                   for i in range(100000)) + f"{OTHER4}\n{OTHER6}\n")
    here = serving()
    site_write("sources: { deny_file: many.txt }")
    with connect(CLIENT4) as open_one:
        expect(answers(open_one), "not served")
        started = time.monotonic()
        reload_and_wait(here)
        note(f"a reload with 2 x 100,000 prefixes took {time.monotonic() - started:.2f} s")
        expect(answers(open_one), "an open connection was lost")
    expect_served([CLIENT4, CLIENT6], "served")
    shown = here.ctl_json("shed", "show")
    expect_equal([shown["lists"][family]["deny"] for family in ("ipv4", "ipv6")], [100001, 100001],
                 "prefixes")


if __name__ == "__main__":
    main()
