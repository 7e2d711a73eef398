"""More new connections than a worker can serve: a handler that takes its time, and who gets through."""
import json
import os

from hz_e2e import (OUT, PATIENT, PORT, ROOT, SERVER4, Process, Rig, expect_equal, run,
                    temporary_directory, wait_until, write_file)

WORK_US = 1000
# Time that passes and is no work: what else runs on this machine takes nothing of it.
MODULE = """#include <hz/hz.h>
#include <time.h>
static int handle(struct hz_request *req, void *ctx)
{
    struct timespec pause = { .tv_nsec = %d * 1000 };
    nanosleep(&pause, NULL);
    return hz_respond(req, 200, "text/plain", "done", 4);
}
const struct hz_module hz_module = { .size = sizeof(struct hz_module), .api_version = 1,
    .name = "slow", .handler = handle };
"""


class Rush:
    """A rig whose worker is held up for WORK_US by each answer, on the last core; clients come from the others."""

    def __init__(self, *options):
        self.rig = Rig("r")
        directory = temporary_directory()
        site = directory + "/site.yaml"
        write_file(directory + "/slow.c", MODULE % WORK_US)
        run("cc", "-shared", "-fPIC", "-O1", "-Wno-unused-parameter", "-I",
            ROOT + "/userspace/include", "-o", directory + "/slow.so", directory + "/slow.c")
        write_file(site, "listen: [{ interface: eth1, address: 10.7.0.2, port: 80 }]\n"
                   "limits: { connections_per_source: 0, requests_per_connection: 0 }\n"
                   f"routes: [{{ match: GET /, module: {{ file: {directory}/slow.so }} }}]\n")
        run("ip", "netns", "exec", self.rig.client, "sysctl", "-qw",
            "net.ipv4.ip_local_port_range=1024 65535")
        self.rig.attach("ensure")
        self.hzd = self.rig.serve(site=site, options=[PATIENT, "shed/mode=off", *options])

    def offer(self, per_s, seconds, kept=0):
        """Figures of helper_rush."""
        process = Process(OUT + "/tests/helper_rush", SERVER4, PORT, "/", per_s,
                          int(seconds * 1000), kept, netns=self.rig.client)
        if (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(process.process.pid, range(os.cpu_count() - 1))
        expect_equal(process.wait(seconds + 20), 0, "exit of the rush")
        figures = json.loads(process.output().splitlines()[-1])
        figures["per_s"] = figures["in_time"] / seconds  # what waits at the end was not served in that time
        process.end()
        return figures

    def settle(self):
        """Nothing of the last rush is left."""
        wait_until(lambda: self.rig.ctl_json("get")["values"]["shed/level_permille"] == "0", 5,
                   "the level does not go back")
