#!/usr/bin/env python3
"""Ten minutes of probes with every core overcommitted: not one false 503."""
from hz_e2e import Rig, expect, expect_equal, main, note, test, wait_until
from hz_overcommit import probes_under_overcommit

SECONDS = 560  # with its rig within the ten minutes that tests/run.sh gives a program


@test
def no_false_503_in_ten_minutes_of_overcommit():
    here = Rig()
    here.start()
    wait_until(lambda: here.health() == 200, 3, "not healthy")
    probes, wrong = probes_under_overcommit(here, SECONDS)
    note(f"{probes} probes in {SECONDS} s")
    expect(probes > 1000, f"only {probes} probes")
    expect_equal(wrong, {}, "answers that were not 200")


if __name__ == "__main__":
    main()
