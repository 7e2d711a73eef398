MODULES += collector
collector_DIR := userspace/collector
collector_DEPS := core telemetry
collector_PKGS := libbpf jansson
