#!/usr/bin/env python3
"""What an operator sees of a hzd that works: its connections, its counters, its frames."""
import contextlib
import ctypes
import json
import os
import re
import shutil
import socket
import struct
import time

from hz_e2e import (BIN, CLIENT4, CLIENT6, PATIENT, PORT, ROOT, SERVER4, SERVER6, Process, Rig,
                    expect, expect_equal, inside, libc, main, note, run, tcp_connect,
                    temporary_directory, test, wait_until)

rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = here = Rig(queues=2)
        rigs["hzd"] = start(here)
    return rigs["rig"]


def start(here):
    """On a machine that is busy with other things a worker may not run for longer than the 500 ms
    after which the kernel gets, and resets, its connections."""
    return here.start(options=["boot/workers=2", PATIENT])


def conns(*words):
    return rig().ctl_json("conn", "show", *words)


def exchange(sock, path="/json"):
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        piece = sock.recv(65536)
        expect(piece, "closed")
        head += piece
    return head


def open_many(count, host=SERVER4):
    socks = [tcp_connect(rig().client, host, PORT) for _ in range(count)]
    for sock in socks:
        exchange(sock)
    return socks


def names(socks):
    return {"{}:{}".format(*s.getsockname()) if s.family == socket.AF_INET else
            "[{}]:{}".format(*s.getsockname()) for s in socks}


def close_all(socks):
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    wait_until(lambda: conns()["seen"] == 0, 5, "connections are left")


@test
def conn_show_lists_every_connection_of_all_workers_once():
    socks = open_many(60) + open_many(20, SERVER6)
    answer = conns("limit", "1024")
    listed = [c["remote"] for c in answer["connections"]]
    expect_equal(len(listed), 80, "connections")
    expect_equal(set(listed), names(socks), "peers")
    expect_equal({c["worker"] for c in answer["connections"]}, {0, 1}, "workers")
    expect_equal(answer["is_partial"], False, "is_partial")
    for c in answer["connections"]:
        expect_equal(c["state"], "established", c["remote"])
        expect(c["local"] in (f"{SERVER4}:{PORT}", f"[{SERVER6}]:{PORT}"), c["local"])
        expect(c["srtt_us"] > 0 and c["rto_us"] >= 200000, f"round trip: {c}")
        expect_equal((c["in_flight_bytes"], c["send_queue_bytes"], c["receive_queue_bytes"]),
                     (0, 0, 0), f"queues of an idle connection: {c}")
        expect(set(c["options"]) >= {"timestamps", "sack", "wscale"}, f"options: {c}")
        expect(c["cwnd_bytes"] >= 10 * c["mss_bytes"] > 5000, f"window: {c}")
    lines = rig().ctl("conn").stdout.splitlines()
    expect_equal(len(lines), 22, "20 rows, a head, a sum")
    expect(all(len(line) <= 80 for line in lines), "80 columns")
    close_all(socks)


@test
def conn_show_filters_by_state_peer_and_worker():
    four, six = open_many(8), open_many(4, SERVER6)
    half = tcp_connect(rig().client, SERVER4, PORT)
    half.sendall(b"GET /bytes/3000000 HTTP/1.1\r\nHost: x\r\n\r\n")  # not read: it stays
    half.shutdown(socket.SHUT_WR)
    wait_until(lambda: conns("state", "close_wait")["matched"] == 1, 5, "no close_wait")
    waiting = conns("state", "close_wait")["connections"][0]
    expect_equal({waiting["remote"]}, names([half]), "who waits")
    expect(waiting["send_queue_bytes"] > 100000, f"queue of a reader that does not read: {waiting}")
    for network, count in ((CLIENT4, 9), ("10.7.0.0/24", 9), ("10.8.0.0/16", 0), ("::/0", 13),
                           ("fd07::/64", 4), (CLIENT6, 4)):
        expect_equal(conns("peer", network)["matched"], count, f"peer {network}")
    each = [conns("worker", str(n)) for n in (0, 1)]
    expect_equal(sum(a["matched"] for a in each), 13, "both workers")
    for number, answer in enumerate(each):
        expect(all(c["worker"] == number for c in answer["connections"]), f"worker {number}")
    expect_equal(rig().ctl("conn", "show", "worker", "2", check=False).returncode, 1, "no worker 2")
    close_all(four + six + [half])


@test
def conn_show_sorts_the_largest_first():
    old = open_many(1)
    time.sleep(0.3)
    socks = open_many(20)
    oldest = conns("sort", "age", "limit", "1")
    expect_equal({c["remote"] for c in oldest["connections"]}, names(old), "oldest")
    expect_equal(oldest["matched"], 21, "matched")
    for sort, key in (("age", "age_ms"), ("cwnd", "cwnd_bytes"), ("rtt", "srtt_us"),
                      ("retransmits", "retransmits")):
        figures = [c[key] for c in conns("sort", sort)["connections"]]
        expect_equal(figures, sorted(figures, reverse=True), f"sort {sort}")
    close_all(old + socks)


@test
def conn_show_under_load_answers_and_loses_no_request():
    load = Process("wrk", "-t1", "-c64", "-d3s", f"http://{SERVER4}/json", netns=rig().client)
    wait_until(lambda: conns()["seen"] >= 64, 3, "no load")
    took = []
    while load.is_running() and len(took) < 30:
        started = time.monotonic()
        answer = conns("sort", "cwnd", "limit", "100")
        took.append(time.monotonic() - started)
        expect_equal(answer["is_partial"], False, "is_partial")
    load.wait(10)
    figures = load.output()
    expect("Socket errors" not in figures and "Non-2xx" not in figures, figures)
    note(f"{len(took)} answers under load, median {sorted(took)[len(took) // 2] * 1000:.0f} ms")
    wait_until(lambda: conns()["seen"] == 0, 5, "connections are left")


@test
def worker_show_of_one_lists_every_counter_with_its_meaning():
    before = counters()
    close_all(open_many(5))
    gained = {name: value - before[name] for name, value in counters().items()}
    expect_equal([gained[name] for name in ("passive_opens", "estab_resets", "reset_received")],
                 [5, 5, 5], "opens and resets of both workers")
    listed = rig().ctl_json("worker", "show", "id", "0")["workers"][0]["counters"]
    expect(all(c["help"] for c in listed), "a counter without help")
    with open(ROOT + "/userspace/telemetry/counters.def", encoding="ascii") as file:
        table = re.findall(r"^HZ_COUNTER\((\w+),", file.read(), re.M)
    expect_equal([c["name"] for c in listed][-len(table):], table, "the table")
    text = rig().ctl("worker", "show", "id", "0").stdout.splitlines()
    expect(all(len(line) <= 85 for line in text), "columns")
    expect(all(any(line.startswith(name + " ") for line in text) for name in table), "text")


def counters():
    """Of both workers, added."""
    total = {}
    for worker in ("0", "1"):
        for c in rig().ctl_json("worker", "show", "id", worker)["workers"][0]["counters"]:
            total[c["name"]] = total.get(c["name"], 0) + c["value"]
    return total


def raw_segment(flags, payload=b""):
    """From an address of nobody to the server, checksums right."""
    def total(data):
        data += b"\0" * (len(data) & 1)
        value = sum(struct.unpack(f"!{len(data) // 2}H", data))
        while value >> 16:
            value = (value & 0xffff) + (value >> 16)
        return ~value & 0xffff

    src, dst = socket.inet_aton("10.7.0.77"), socket.inet_aton(SERVER4)
    tcp = struct.pack("!HHIIBBHHH", 4711, PORT, 1000, 0, 5 << 4, flags, 1024, 0, 0) + payload
    check = total(src + dst + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + src + dst
    head = head[:10] + struct.pack("!H", total(head)) + head[12:]
    return mac(rig().server, "eth1") + mac(rig().client, "eth0") + b"\x08\x00" + head + tcp


def mac(netns, interface):
    text = run("ip", "-n", netns, "-br", "link", "show", interface).stdout.split()[2]
    return bytes.fromhex(text.replace(":", ""))


def inject(*frames):
    with inside(rig().client):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind(("eth0", 0))
    for frame in frames:
        raw.send(frame)
    raw.close()


def frames(last="8192"):
    return rig().ctl_json("trace", "show", "last", last)["frames"]


@test
def trace_tells_of_each_frame_what_became_of_it():
    expect_equal(rig().ctl_json("trace", "start")["is_on"], True, "start")
    sock = open_many(1)[0]
    peer = names([sock]).pop()
    inject(raw_segment(0), raw_segment(0x10, b"to nobody"))
    wait_until(lambda: any("4711" in f["headers"] and f["direction"] == "tx" for f in frames()), 5,
               "no RST")
    listed = frames()
    ours = [(f["direction"], f["headers"].split("[")[1].split("]")[0], f["verdict"]) for f in listed
            if peer in f["headers"] and "handed" not in f["verdict"]]
    flags = [(direction, flag) for direction, flag, _ in ours]
    expect_equal(flags[:4], [("rx", "S"), ("tx", "SA"), ("rx", "A"), ("rx", "PA")], "handshake")
    expect(("tx", "PA") in flags[4:], f"no answer: {flags}")
    expect({v.split(" ")[0] for d, _, v in ours if d == "tx"} == {"sent"}, f"{ours}")
    expect("passive_opens" in ours[0][2], f"SYN: {ours[0]}")
    nobody = [f for f in listed if "10.7.0.77" in f["headers"] and "handed" not in f["verdict"]]
    expect(any(f["verdict"].startswith("drop_bad_flags") for f in nobody), f"{nobody}")
    reset = next(f for f in nobody if "reset_sent" in f["counters"])
    expect("drop_not_ours" in reset["counters"] and reset["headers"].endswith("len 9"), f"{reset}")
    expect_equal([f["time_unix_ns"] for f in listed],
                 sorted(f["time_unix_ns"] for f in listed), "order")
    expect(abs(listed[-1]["time_unix_ns"] / 1e9 - time.time()) < 5, "time of day")
    expect_equal({f["interface"] for f in listed}, {"eth1"}, "interface")
    close_all([sock])


@test
def trace_pcap_is_read_by_tcpdump_with_payload_and_reason():
    path = temporary_directory() + "/frames.pcapng"
    sock = open_many(1)[0]
    time.sleep(0.1)
    rig().ctl("trace", "stop")
    written = rig().ctl_json("trace", "pcap", path)
    expect_equal(os.stat(path).st_mode & 0o777, 0o600, "mode")
    read = run("tcpdump", "-nn", "-r", path)
    lines = [line for line in read.stdout.splitlines() if "IP" in line or "ARP" in line]
    expect(len(lines) >= written["kept"], f"{len(lines)} of {written['kept']}")
    expect("truncated" not in read.stderr and "malformed" not in read.stderr, read.stderr)
    port = sock.getsockname()[1]
    one = run("tcpdump", "-nn", "-A", "-r", path, f"port {port}").stdout
    expect("GET /json HTTP/1.1" in one and "HTTP/1.1 200 OK" in one, one[-400:])
    pipe = f"{BIN}/hzctl -i {rig().name} trace pcap - | tcpdump -nn -r - port {port}"
    expect_equal(len(run("bash", "-c", pipe).stdout.splitlines()),
                 len(run("tcpdump", "-nn", "-r", path, f"port {port}").stdout.splitlines()), "pipe")
    if shutil.which("tshark"):
        text = run("tshark", "-r", path, "-T", "fields", "-e", "frame.comment", "-e",
                   "frame.interface_name", "-e", "frame.packet_flags_direction").stdout
        expect(re.search(r"^worker [01]: drop_bad_flags\teth1\t", text, re.M), text[:600])
        expect(re.search(r"^worker [01]: sent\teth1\t", text, re.M), text[:600])
        expect(re.search(r"^worker [01]: (accepted|taken over)\teth1\t", text, re.M), text[:600])
    else:
        note("comments are not checked: no tshark")
    close_all([sock])


@test
def trace_under_load_keeps_the_last_frames_whole_and_disturbs_nobody():
    rig().ctl("trace", "start")
    load = Process("wrk", "-t1", "-c64", "-d2s", f"http://{SERVER4}/json", netns=rig().client)
    rounds = 0
    while load.is_running():
        listed = frames()
        rounds += 1
        for frame in listed:
            ok = re.match(r"\S+ > \S+ \[[SAFRPUEC]*\] seq \d+ ack \d+ len \d+$", frame["headers"])
            expect(ok or not frame["headers"].startswith("10."), f"torn: {frame}")
        expect(len(listed) <= 2 * 4096, f"{len(listed)} frames")
    load.wait(10)
    expect("Socket errors" not in load.output(), load.output())
    expect_equal(rig().ctl_json("trace", "stop")["is_on"], False, "stop")
    time.sleep(0.2)
    kept = frames()
    expect(len(kept) == 2 * 4096, f"{len(kept)} frames after the load")
    close_all(open_many(3))
    expect_equal(frames(), kept, "frames after stop")
    note(f"{rounds} looks under load")


def thread_name(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as file:
        return file.read().strip()


@contextlib.contextmanager
def thread_stopped(tid):
    """One thread of a process stands still, as wedged; SIGSTOP would stop them all."""
    seize, interrupt, detach, wait_all = 0x4206, 0x4207, 17, 0x40000000
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    expect(libc.ptrace(seize, tid, 0, 0) == 0, f"ptrace: {os.strerror(ctypes.get_errno())}")
    libc.ptrace(interrupt, tid, 0, 0)
    os.waitpid(tid, wait_all)
    try:
        yield
    finally:
        libc.ptrace(detach, tid, 0, 0)


@test
def conn_show_with_a_stopped_worker_names_it_and_exits_6():
    socks = open_many(10)
    here, hzd = rig(), rigs["hzd"]
    tid = next(t for t in os.listdir(f"/proc/{hzd.pid}/task")
               if thread_name(hzd.pid, t) == "hz-worker-1")
    with thread_stopped(int(tid)):
        started = time.monotonic()
        done = here.ctl("-j", "conn", check=False)
        took = time.monotonic() - started
        answer = json.loads(done.stdout)
        expect_equal(done.returncode, 6, "exit code")
        expect_equal((answer["is_partial"], answer["silent_workers"]), (True, [1]), "who is silent")
        expect(1 < took < 3, f"took {took}")
        expect("incomplete: worker 1 did not answer" in
               here.ctl("conn", check=False).stdout, "text")
        done = here.ctl("-j", "trace", "start", check=False)
        expect_equal((done.returncode, json.loads(done.stdout)["silent_workers"]), (6, [1]),
                     "trace start")

    def is_whole():
        done = here.ctl("-j", "conn", check=False)
        if done.returncode != 0:
            return False
        answer = json.loads(done.stdout)
        return (answer["seen"], answer["is_partial"]) == (10, False)

    wait_until(is_whole, 10, "it does not come back")
    expect_equal(here.ctl_json("trace", "stop")["silent_workers"], [], "trace stop")
    # Frames that lay with the stopped worker came late, or went to the kernel, which resets: the
    # other worker's connections may have suffered too.
    for sock in socks:
        sock.close()


@test
def trace_of_a_killed_hzd_can_still_be_read_and_the_next_end_removes_it():
    here, hzd = rig(), rigs["hzd"]
    here.ctl("trace", "start")
    close_all(open_many(2))
    hzd.kill()
    expect(len(frames()) > 10, "frames of the dead")
    expect_equal(here.ctl("trace", "stop", check=False).returncode, 3, "hzd is down")
    path = f"/run/hz-{here.name}/trace"
    rigs["hzd"] = start(here)
    expect(os.path.exists(path), "a new hzd took the trace away")
    close_all(open_many(1))
    rigs["hzd"].end()
    expect(not os.path.exists(path), "the trace is left")
    done = here.ctl("trace", check=False)
    expect_equal((done.returncode, "hzctl" in done.stderr), (1, True), "no trace")


def capture(here, *words):
    """What tcpdump says of the trace, a line per frame."""
    path = temporary_directory() + "/frames.pcapng"
    here.ctl("trace", "pcap", path)
    return [line for line in run("tcpdump", "-nnSv", "-r", path, *words).stdout
            .replace("\n    ", " ").splitlines() if " > " in line]


@test
def tcp_settings_reach_the_wire():
    here = rig()
    hzd = here.start(options=["boot/workers=2", "tcp/hop_limit=7", "tcp/dscp=46",
                              "tcp/keepalive=on", "tcp/keepalive_idle_s=1",
                              "tcp/keepalive_interval_s=1", "tcp/local_ports=5000-5009"])
    here.ctl("trace", "start")
    with contextlib.ExitStack() as stack:
        for host, marks in ((SERVER4, ("tos 0xb8,", "ttl 7,")),
                            (SERVER6, ("class 0xb8,", "hlim 7,"))):
            sock = tcp_connect(here.client, host, PORT)
            stack.callback(sock.close)
            # The client may hear the SYN-ACK before the call that sent it has returned to the worker.
            of_server = ("src", "host", host, "and", "src", "port", str(PORT))
            wait_until(lambda words=of_server: capture(here, *words), 5, "nothing sent")
            for line in capture(here, *of_server):
                expect(all(mark in line for mark in marks), line)

        def is_probed():
            """RFC 9293 3.8.4: the byte before the next; it is counted before it is sent."""
            sent = [f["headers"] for f in frames() if f["direction"] == "tx" and
                    SERVER6 in f["headers"]]
            first = re.search(r"\[SA\] seq (\d+) ack (\d+) ", sent[0])
            return any(f"[A] seq {first[1]} ack {first[2]} len 0" in text for text in sent)

        wait_until(is_probed, 10, "no probe")
        expect(counters()["keepalive_probe"] > 0, "counter")
        time.sleep(1.5)
        expect_equal(here.ctl_json("conn", "show")["seen"], 2, "peers that answer")
    hzd.end()


main()
