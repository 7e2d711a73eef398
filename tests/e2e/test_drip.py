#!/usr/bin/env python3
"""600 clients drip: heads, bodies, and answers that nobody reads. Each is closed on time, nobody else notices,
memory is bounded and comes back. Both transports at once: a reader may be slow for half a minute."""
import hz_drip
from hz_e2e import main

hz_drip.tests(600, 1, hz_drip.normal_clients_are_served_as_before)

if __name__ == "__main__":
    main()
