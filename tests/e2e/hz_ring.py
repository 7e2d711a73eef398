"""The ring of events as user space fills it: prog_emit, run by libbpf."""
import ctypes
import json
import os
import struct

from hz_e2e import expect, run

EMIT_BYTES_MAX = 256  # of hz_emit_ctx, abi/stream_abi.h
EVENT_SLOW, SLOW_BYTES = 2, 232


class RunOptions(ctypes.Structure):
    """struct bpf_test_run_opts of libbpf."""
    _fields_ = [("sz", ctypes.c_size_t), ("data_in", ctypes.c_void_p), ("data_out", ctypes.c_void_p),
                ("data_size_in", ctypes.c_uint32), ("data_size_out", ctypes.c_uint32), ("ctx_in", ctypes.c_void_p),
                ("ctx_out", ctypes.c_void_p), ("ctx_size_in", ctypes.c_uint32), ("ctx_size_out", ctypes.c_uint32),
                ("retval", ctypes.c_uint32), ("repeat", ctypes.c_int), ("duration", ctypes.c_uint32),
                ("flags", ctypes.c_uint32), ("cpu", ctypes.c_uint32), ("batch_size", ctypes.c_uint32)]


def fill(rig):
    """Records `slow` of nothing until the ring takes no more; nobody may read it. Returns how many it took."""
    libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
    prog = libbpf.bpf_obj_get((rig.pins + "/prog_emit").encode())
    expect(prog >= 0, "no prog_emit")
    record = struct.pack("=HHIQQ", EVENT_SLOW, 0, SLOW_BYTES, 0, 0).ljust(EMIT_BYTES_MAX, b"\0")
    taken = 0
    try:
        while True:
            context = ctypes.create_string_buffer(record + struct.pack("=HHI", 0, 1, 0), EMIT_BYTES_MAX + 8)
            options = RunOptions(sz=ctypes.sizeof(RunOptions), ctx_in=ctypes.addressof(context),
                                 ctx_size_in=len(context))
            expect(libbpf.bpf_prog_test_run_opts(prog, ctypes.byref(options)) == 0, "prog_emit does not run")
            expect(options.retval == 0, f"prog_emit: {options.retval}")
            if struct.unpack_from("=I", context, EMIT_BYTES_MAX + 4)[0]:
                return taken
            taken += 1
    finally:
        os.close(prog)


def stream_stats(rig):
    """struct hz_stream_stats, by its names."""
    dump = json.loads(run("bpftool", "-j", "map", "dump", "pinned", rig.pins + "/stream_stats").stdout)
    return {name: int(value) for name, value in dump[0]["formatted"]["value"].items() if name != "reserved"}
