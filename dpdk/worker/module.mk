MODULES += worker
worker_DIR := dpdk/worker
worker_DEPS := tcp net port core telemetry
UNIT_worker_EXTRA := tests/unit/port/rig.c tests/support/tcp_wire.c
# EAL starts once per process: what opens and closes a whole fast path is tested in a program of its own.
fastpath_ALL = $(worker_ALL)
UNIT_fastpath_EXTRA := tests/unit/port/rig.c tests/unit/port/veth_wire.c tests/support/tcp_wire.c
