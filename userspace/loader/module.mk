MODULES += loader
loader_DIR := userspace/loader
loader_DEPS := core telemetry
loader_PKGS := libbpf libxdp
loader_GEN := $(O)/gen/skel/hz_xdp.skel.h $(O)/gen/skel/hz_latency.skel.h
