MODULES += telemetry
telemetry_DIR := userspace/telemetry
telemetry_DEPS := core
