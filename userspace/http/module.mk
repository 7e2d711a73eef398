MODULES += http
http_DIR := userspace/http
http_DEPS := core telemetry
