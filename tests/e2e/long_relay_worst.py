#!/usr/bin/env python3
"""As long_relay.py, with a tenth of all frames lost: minutes, nearly all of them in timeouts."""
from hz_e2e import main
from hz_relay import Setting, judge

judge(Setting("loss_of_10_percent", "delay_us=500", "rate_kbit=100000", "queue_bytes=64000",
              "loss=10"), 1)

if __name__ == "__main__":
    main()
