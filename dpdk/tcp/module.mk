MODULES += tcp
tcp_DIR := dpdk/tcp
tcp_DEPS := net port core telemetry
