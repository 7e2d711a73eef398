#!/usr/bin/env python3
"""hz's percentiles against those of a client that keeps its rate whatever the answers do (perf/scenarios/pace.c), from
both sides. Each answer is timed from when its request was due. What that client sees is what hz says and an overhead:
the client's own, the wire, wake-ups, the segment's way out. The overhead is measured, not guessed: in the gaps the same
thread asks as often a server that does nothing, over kernel TCP on the same veth.

From below, no answer came to the client sooner than hz had made it, so each percentile of the client is at least
that of hz. From above, an answer takes the client what hz says and an overhead; more than the p75 of both together
takes at most half of them, and more than the p99.5 of both one in a hundred: p50 and p99 of the client are not above
those sums. Who is kept from a busy core is chance, hz or the other: so from above most rounds count, not each.
"""
import functools
import json
import sys

from hz_e2e import (OUT, ROOT, SERVER4, PORT, Process, expect, expect_equal, main, note, run, shared_rig,
                    test)
from hz_stages import Notes, expect_sum, quantile_ns

NOOP_PORT = 8099
ROUNDS, SECONDS = 3, 1
EXACT = 1 + 1 / 32  # a bucket of either side is its middle


@functools.cache
def noop_start():
    noop = Process(sys.executable, f"{ROOT}/tests/e2e/hz_noop.py", SERVER4, NOOP_PORT, netns=shared_rig().server)
    noop.wait_line("ready")


def pace(path, rate):
    """What the client saw of hz, and of the server that does nothing. With a connection for each request that there
    is: none waits for a free one, which hz could not know."""
    noop_start()
    done = run(f"{OUT}/perf/pace", SERVER4, PORT, path, rate, SECONDS, rate * SECONDS, NOOP_PORT, "/",
               netns=shared_rig().client)
    sides = [json.loads(line) for line in done.stdout.splitlines()]
    for figures in sides:
        expect_equal((figures["answered"], figures["failed"], figures["reopened"]),
                     (rate * SECONDS, 0, 0), f"answers to {path} and beside")
    return sides


def expect_both_sides(app, path, rate):
    within = {"p50_ns": 0, "p99_ns": 0}
    for _ in range(ROUNDS):
        app.stages()
        client, noop = pace(path, rate)
        stages = app.stages()
        total = stages["total"]
        expect_equal(total["count"], rate * SECONDS, "answers that hz knows of")
        expect_sum(stages, rate * SECONDS)
        for figure, share, wide, wide_share in (("p50_ns", 0.5, "p75_ns", 0.75),
                                                ("p99_ns", 0.99, "p995_ns", 0.995)):
            hz, seen = quantile_ns(total, share), client[figure]
            most = quantile_ns(total, wide_share) + noop[wide]
            note(f"{path} {figure[:3]}: hz {hz / 1000:.0f} us, client {seen / 1000:.0f} us, "
                 f"at most {most / 1000:.0f} us of which {noop[wide] / 1000:.0f} us are no answer's")
            expect(seen * EXACT >= hz, f"{figure}: client {seen}, hz {hz} ns")
            within[figure] += seen <= most * EXACT
    for figure, rounds in within.items():
        expect(rounds >= ROUNDS / 2, f"{figure}: {rounds} of {ROUNDS} rounds within the overhead")


@test
def percentiles_of_quick_answers_are_the_clients_but_for_its_overhead():
    with Notes("shed/mode=off") as app:
        expect_both_sides(app, "/worker", 200)


@test
def percentiles_of_answers_that_come_later_are_the_clients_but_for_its_overhead():
    with Notes("shed/mode=off") as app:
        expect_both_sides(app, "/later/50", 100)


@test
def percentiles_of_answers_that_queue_are_the_clients_but_for_its_overhead():
    with Notes("shed/mode=off") as app:
        expect_both_sides(app, "/block/2", 100)


if __name__ == "__main__":
    main()
