"""hzd with handlers of modules, which are built here from what `make install` installed."""
import itertools
import os

from hz_e2e import BIN, OUT, SERVER4, Http, Process, Rig, run, tcp_connect, temporary_directory, write_file

INCLUDE = os.path.join(OUT, "stage/usr/local/include")
PID = os.getpid()
ADDRESS = f"127.{64 + (PID >> 16 & 63)}.{PID >> 8 & 255}.{PID & 255}"  # of this run alone
PORT = 18480
numbers = itertools.count()

MODULE = """#include <errno.h>
#include <hz/hz.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
%s
const struct hz_module hz_module = { .size = sizeof(struct hz_module), .api_version = 1,
    .name = "%s", .handler = handle, %s };
"""


class Modules:
    """A directory with a site, and modules in it; over AF_XDP in a rig of its own."""

    def __init__(self, transport="socket"):
        self.directory = temporary_directory()
        self.site = os.path.join(self.directory, "site.yaml")
        self.env = {**os.environ, "XDG_RUNTIME_DIR": self.directory}
        self.rig = Rig(f"m{next(numbers)}") if transport == "af_xdp" else None
        self.name = self.rig.name if self.rig else f"e{PID}o"
        self.host, self.port = (SERVER4, 80) if self.rig else (ADDRESS, PORT)
        self.netns = self.rig.client if self.rig else None
        if self.rig:
            self.rig.attach("ensure")

    def path(self, name):
        return os.path.join(self.directory, name)

    def build(self, name, text, more=""):
        """text defines handle() and whatever more, of struct hz_module, names."""
        source = self.path(name + ".c")
        write_file(source, MODULE % (text, name, more))
        run("gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-I",
            INCLUDE, "-o", self.path(name + ".so"), source)
        return self.path(name + ".so")

    def route(self, match, module, more=""):
        return f"  - {{ match: {match}, module: {{ file: {self.path(module + '.so')} }}{more} }}\n"

    def write(self, routes):
        listen = (f"listen: [ {{ interface: {'eth1' if self.rig else 'lo'}, address: {self.host}, "
                  f"port: {self.port} }} ]\n")
        write_file(self.site, listen + "routes:\n" + routes)

    def start(self, *options):
        if self.rig:
            return self.rig.serve(site=self.site, listens=[], options=options, env=self.env)
        words = [f"{BIN}/hzd", "-i", self.name, "-c", self.site]
        for option in ("boot/io=socket", "boot/workers=1", "timeouts/lame_duck_ms=0") + options:
            words += ["-o", option]
        hzd = Process(*words, env=self.env)
        hzd.wait_line("ready")
        return hzd

    def ctl(self, *words):
        if self.rig:
            return self.rig.ctl(*words, check=False)
        return run(f"{BIN}/hzctl", "-i", self.name, *words, check=False, env=self.env)

    def get(self, path, **more):
        return Http(self.host, self.port, self.netns).get(path, **more)

    def connect(self, timeout=20.0):
        return tcp_connect(self.netns, self.host, self.port, timeout)
