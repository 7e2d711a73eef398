MODULES += hzctl
hzctl_DIR := tools/hzctl
hzctl_DEPS := loader config telemetry core
hzctl_PKGS := jansson
hzctl_BIN := hzctl
# A program has no archive: its unit tests take the objects.
UNIT_hzctl_EXTRA := $(filter-out tools/hzctl/main.c,$(sort $(wildcard tools/hzctl/*.c))) tests/support/tcp_wire.c \
	tests/support/server_rows.c
