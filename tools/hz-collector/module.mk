MODULES += hz-collector
hz-collector_DIR := tools/hz-collector
hz-collector_DEPS := collector telemetry core
hz-collector_BIN := hz-collector
