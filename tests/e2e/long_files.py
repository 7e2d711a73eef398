#!/usr/bin/env python3
"""1,000 reloads under load with files changing: 0 failed, 0 torn, memory flat."""
from hz_e2e import main, test
from hz_files import Served, put, swap_under_load

for _transport in ("af_xdp", "socket"):
    def run_one(transport=_transport):
        here = Served(transport)
        put(here.www + "/index.html", b"index")
        swap_under_load(here.start(), 1000, 6 * 1024)

    run_one.__name__ = f"{_transport}.thousand_reloads_fail_and_tear_nothing"
    test(run_one)

if __name__ == "__main__":
    main()
