#!/usr/bin/env python3
"""10,000 clients drip, three times: as test_drip.py, and normal p99 is at most 1.2 times as high."""
import hz_drip
from hz_e2e import main

hz_drip.tests(10000, 3, hz_drip.normal_p99_is_at_most_1_2_times)

if __name__ == "__main__":
    main()
