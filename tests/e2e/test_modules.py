#!/usr/bin/env python3
"""Lives of modules: loaded, asked, reloaded, unloaded, whatever their handlers do."""
import signal
import time

from hz_e2e import expect, expect_equal, main, test, wait_until
from hz_modules import Modules


def stop(hzd):
    hzd.signal(signal.SIGTERM)
    expect_equal(hzd.wait(), 0, f"exit: {hzd.output()[-500:]}")


SAYS = """static int handle(struct hz_request *req, void *ctx)
{
    return hz_respond(req, 200, "text/plain", "%s", %d);
}"""


@test
def modules_of_one_site_are_each_themselves():
    modules = Modules()
    for name in ("a", "bb", "ccc"):
        modules.build(name, SAYS % (name, len(name)))
    modules.write("".join(modules.route(f"GET /{name}", name) for name in ("a", "bb", "ccc")))
    hzd = modules.start()
    for name in ("a", "bb", "ccc"):
        expect_equal(modules.get("/" + name)[2], name.encode(), "the module of its own route")
    stop(hzd)


# The first request to end answers the other, whose answer names a function of the module to release it.
CROSSED = """static struct hz_ticket *ticket[2];
static int count, closed;
static char body[] = "late";
static void release(void *ctx) { fprintf(stderr, closed ? "release after close\\n" : "released\\n"); }
static void done(void *state)
{
    struct hz_reply reply = HZ_INIT(hz_reply, .status = 200, .body = body, .body_bytes = 4,
                                    .release = release, .ctx = body);
    long own = (long)state, other = 1 - own;
    if (ticket[other]) {
        struct hz_ticket *to = ticket[other];
        ticket[other] = NULL;
        hz_ticket_finish(to, &reply);
    }
    if (ticket[own]) hz_ticket_drop(ticket[own]);
    ticket[own] = NULL;
}
static int handle(struct hz_request *req, void *ctx)
{
    long own = count++;
    ticket[own] = hz_request_ticket(req);
    return hz_request_attach(req, (void *)own, done);
}
static void end(void *ctx) { closed = 1; fprintf(stderr, "closed\\n"); }"""


@test
def module_is_unloaded_after_its_answers_were_released():
    modules = Modules()
    modules.build("crossed", CROSSED, ".close = end")
    modules.write(modules.route("GET /w", "crossed"))
    hzd = modules.start("timeouts/drain_ms=300")
    waiting = [modules.connect() for _ in range(2)]
    for sock in waiting:
        sock.sendall(b"GET /w HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.3)
    hzd.signal(signal.SIGTERM)
    hzd.signal(signal.SIGTERM)
    expect_equal(hzd.wait(), 0, f"exit: {hzd.output()[-300:]}")
    said = [line for line in hzd.output().splitlines() if line in ("released", "closed") or
            "after" in line]
    expect_equal(said, ["released", "closed"], "in this order")


# A stream that never ends, whatever it is told.
STUBBORN = """static unsigned tells;
static int64_t pull(void *ctx, void *out, size_t room) { return 0; }
static void should_end(void *ctx) { fprintf(stderr, "told %u\\n", ++tells); }
static void release(void *ctx) { hz_ticket_drop(ctx); fprintf(stderr, "released\\n"); }
static int handle(struct hz_request *req, void *ctx)
{
    struct hz_ticket *ticket = hz_request_ticket(req);
    struct hz_reply reply = HZ_INIT(hz_reply, .status = 200, .body_bytes = HZ_LENGTH_UNKNOWN, .pull = pull,
                                    .should_end = should_end, .release = release, .ctx = ticket);
    return ticket ? hz_respond_with(req, &reply) : -ENOSPC;
}"""


def is_reset(sock):
    sock.settimeout(10)
    try:
        while sock.recv(4096):
            pass
    except ConnectionResetError:
        return True
    return False


def with_modules(*options):
    """Runs the check once over each transport."""
    def decorate(check):
        for transport in ("af_xdp", "socket"):
            def run_it(transport=transport):
                modules = Modules(transport)
                check(modules, lambda: modules.start(*options))
            run_it.__name__ = f"{transport}_{check.__name__}"
            test(run_it)
        return check
    return decorate


@with_modules("timeouts/replaced_ms=4000")
def stubborn_streams_hold_up_no_reload_for_long(modules, start):
    modules.build("stubborn", STUBBORN)
    modules.write(modules.route("GET /s", "stubborn", ", name: endless"))
    hzd, socks = start(), []
    for _ in range(8):  # retired_snapshots_max
        socks.append(modules.connect())
        socks[-1].sendall(b"GET /s HTTP/1.1\r\nHost: x\r\n\r\n")
        expect(socks[-1].recv(4096).startswith(b"HTTP/1.1 200 "), "a stream")
        expect_equal(modules.ctl("reload").returncode, 0, "reload")
    refused = modules.ctl("reload")
    expect_equal(refused.returncode, 1, f"the ninth at once: {refused.stderr}")
    wait_until(lambda: "8 of route 'endless'" in modules.ctl("reload").stderr, 3,
               f"holders: {refused.stderr}")
    wait_until(lambda: modules.ctl("reload").returncode == 0, 8, "no reload")
    expect(all(is_reset(sock) for sock in socks), "who did not end is reset")
    expect_equal(hzd.output().count("told"), 8, "each was told once")
    expect_equal(hzd.output().count("released"), 8, "each was released")
    expect("http_overdue" in modules.ctl("worker", "show", "id", "0").stdout, "counted")
    for _ in range(10):
        expect_equal(modules.ctl("reload").returncode, 0, "reload")
    stop(hzd)


# A handler that never returns.
WEDGE = """static int handle(struct hz_request *req, void *ctx)
{
    struct hz_span path = hz_request_path(req);
    while (path.len == 6) pause();
    return hz_respond(req, 200, "text/plain", "well", 4);
}"""
BEAT_S = 0.5  # health/beat_timeout_ms


def health_is(rig, status):
    """Whoever answers the probe."""
    return rig.health() == status


@with_modules()
def worker_that_is_wedged_ends_in_70_and_in_503(modules, start):
    modules.build("wedge", WEDGE)
    modules.write(modules.route("GET /:what", "wedge", ", name: pit"))
    hzd = start()
    expect_equal(modules.get("/well")[2], b"well", "before")
    if modules.rig:
        wait_until(lambda: health_is(modules.rig, 200), 3, "not healthy")
    sock = modules.connect()
    sock.sendall(b"GET /wedge HTTP/1.1\r\nHost: x\r\n\r\n")
    if modules.rig:
        # The last beat may be as old as a turn's sleep when the handler is entered.
        wait_until(lambda: health_is(modules.rig, 503), 2 * BEAT_S, "healthy without a worker")
    wait_until(lambda: "'pit' blocks it" in hzd.output(), 3, "nobody named")
    hzd.signal(signal.SIGTERM)
    wait_until(lambda: "draining" in hzd.output(), 3, "no drain")
    hzd.signal(signal.SIGTERM)
    expect_equal(hzd.wait(15), 70, f"exit: {hzd.output()[-400:]}")
    expect("it is in 'pit'" in hzd.output(), f"named: {hzd.output()[-400:]}")
    if modules.rig:
        for _ in range(20):  # what is pinned outlives it, and knows
            expect(health_is(modules.rig, 503), "healthy without a process")
            time.sleep(0.02)
    sock.close()
    hzd = start()
    expect_equal(modules.get("/well")[2], b"well", "the next one")
    if modules.rig:
        wait_until(lambda: health_is(modules.rig, 200), 3, "not healthy again")
    stop(hzd)


if __name__ == "__main__":
    main(each_ends_its_own=True)
