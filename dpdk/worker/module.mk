MODULES += worker
worker_DIR := dpdk/worker
worker_DEPS := tcp net port core telemetry
