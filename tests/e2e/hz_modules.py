"""hzd over kernel sockets with handlers of modules, which are built here from what `make install` installed."""
import os

from hz_e2e import BIN, OUT, Http, Process, run, tcp_connect, temporary_directory, write_file

INCLUDE = os.path.join(OUT, "stage/usr/local/include")
PID = os.getpid()
ADDRESS = f"127.{64 + (PID >> 16 & 63)}.{PID >> 8 & 255}.{PID & 255}"  # of this run alone
PORT = 18480

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
    """A directory with a site, and modules in it."""

    def __init__(self, listens=True):
        self.directory = temporary_directory()
        self.site = os.path.join(self.directory, "site.yaml")
        self.env = {**os.environ, "XDG_RUNTIME_DIR": self.directory}
        self.listens = listens
        self.name = f"e{PID}o"

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
        listen = f"listen: [ {{ interface: lo, address: {ADDRESS}, port: {PORT} }} ]\n"
        write_file(self.site, (listen if self.listens else "") + "routes:\n" + routes)

    def start(self, *options):
        words = [f"{BIN}/hzd", "-i", self.name, "-c", self.site]
        for option in ("boot/io=socket", "boot/workers=1", "timeouts/lame_duck_ms=0") + options:
            words += ["-o", option]
        hzd = Process(*words, env=self.env)
        hzd.wait_line("ready")
        return hzd

    def ctl(self, *words):
        return run(f"{BIN}/hzctl", "-i", self.name, *words, check=False, env=self.env)

    @staticmethod
    def get(path, **more):
        return Http(ADDRESS, PORT).get(path, **more)

    @staticmethod
    def connect(timeout=20.0):
        return tcp_connect(None, ADDRESS, PORT, timeout)
