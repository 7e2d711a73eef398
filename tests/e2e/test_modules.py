#!/usr/bin/env python3
"""Lives of modules: loaded, asked, reloaded, unloaded, whatever their handlers do."""
import signal
import time

from hz_e2e import expect, expect_equal, main, test
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


if __name__ == "__main__":
    main(each_ends_its_own=True)
