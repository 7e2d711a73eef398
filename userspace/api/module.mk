MODULES += api
api_DIR := userspace/api
api_DEPS := handlers http telemetry core
